"""A choice is named by its text, and by no other."""

from __future__ import annotations

import pytest

from tallystick.core.choices import choice_of, choice_or_none
from tallystick.core.errors import InvalidValue
from tallystick.core.roles import Role


def test_a_text_names_the_choice_that_it_is() -> None:
    assert choice_of(Role, "role", "editor") is Role.EDITOR
    assert choice_or_none(Role, "role", "editor") is Role.EDITOR


@pytest.mark.parametrize("text", ["Editor", "editor ", "nobody"])
def test_any_other_text_is_refused_with_the_choices_there_are(text: str) -> None:
    message = f"role must be one of viewer, editor, approver, operator, not '{text}'"
    with pytest.raises(InvalidValue, match=message):
        choice_of(Role, "role", text)
    with pytest.raises(InvalidValue, match=message):
        choice_or_none(Role, "role", text)


def test_no_text_is_no_choice_where_none_is_needed_and_refused_where_one_is() -> None:
    assert choice_or_none(Role, "role", "") is None
    assert choice_or_none(Role, "role", None) is None
    with pytest.raises(InvalidValue, match="not ''"):
        choice_of(Role, "role", "")
