"""Counts in words."""

from __future__ import annotations

import pytest

from tallystick.core.counted import counted


@pytest.mark.parametrize(
    ("number", "words"), [(0, "0 rows"), (1, "1 row"), (2, "2 rows"), (2000, "2,000 rows")]
)
def test_one_of_something_is_singular_and_thousands_are_set_apart(number: int, words: str) -> None:
    assert counted(number, "row", "rows") == words
