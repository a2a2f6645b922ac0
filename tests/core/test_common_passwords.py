"""Which passwords are refused because everybody guesses them first."""

from __future__ import annotations

import pytest

from tallystick.core.common_passwords import is_common

LISTED = frozenset(
    {"admin", "cat", "changeme", "iloveyou", "letmein", "monkey", "password", "summer", "welcome"}
)


def is_common_for(password: str, user_name: str) -> bool:
    """Whether a password is common where these words are."""
    return is_common(password, user_name, LISTED.__contains__)


@pytest.mark.parametrize(
    "password",
    [
        *("password", "Password1", "P@ssw0rd!", "password2026", "passwordpassword", "12345678"),
        *("0123456789", "87654321", "qwertyuiop", "1qaz2wsx", "asdfghjkl", "abcdefgh", "aaaaaaaa"),
        *("abcabcabc", "12121212", "qwerty123", "letmein!", "iloveyou1", "Welcome2024!"),
        *(
            "summer2026",
            "19870512",
            "12051987",
            "Tallystick1",
            "thingspace",
            "changeme",
            "adminadmin",
        ),
        *("ann.berg", "Ann.Berg1", "!ann.berg2026"),
    ],
)
def test_what_everybody_guesses_first_is_common(password: str) -> None:
    assert is_common_for(password, "ann.berg")


@pytest.mark.parametrize(
    "password",
    [
        *("correct horse", "battery staple", "olive-tram-quilt", "73940182", "eiqnvzpk"),
        *("summer rain in oslo", "qwerty and a half loaf", "monkeyhorsetable", "Tr0ub4dor&3"),
        *("a" * 5 + "bcdkzq", "99999999a7", "ßßäöüñç漢", "74-cat-20"),
    ],
)
def test_what_takes_more_than_one_word_or_habit_is_not(password: str) -> None:
    assert not is_common_for(password, "ann.berg")


def test_a_user_without_a_name_of_letters_makes_nothing_common() -> None:
    assert not is_common_for("olive-tram", "42")
