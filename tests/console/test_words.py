"""Sentences of the console."""

from __future__ import annotations

import pytest

from tallystick.console.words import capitalised


@pytest.mark.parametrize(
    ("message", "sentence"),
    [
        ("imei must be an IMEI", "IMEI must be an IMEI"),
        ("tac must be 8 digits", "TAC must be 8 digits"),
        ("there is no change set 9", "There is no change set 9"),
        ("november.csv: is empty", "november.csv: is empty"),
        ("There is no page /none.", "There is no page /none."),
        ("", ""),
    ],
)
def test_a_sentence_begins_with_a_capital_and_names_stay_as_they_are(
    message: str, sentence: str
) -> None:
    assert capitalised(message) == sentence
