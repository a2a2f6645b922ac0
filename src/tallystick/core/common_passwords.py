"""Which passwords are the first that anybody guesses (NIST SP 800-63B, section 3.1.1.2).

People make them from few words and few habits: a digit for a letter, a year or an exclamation mark
behind, a word twice, a walk over the keyboard, a date. So the habits stand here, for the words that
somebody else has listed. No password must have letters of one kind or another.
"""

from __future__ import annotations

import re
from datetime import date
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

OWN_WORDS = frozenset({"iccid", "imei", "msisdn", "tallystick", "thingspace"})
"""Words of this product, which no list of common passwords has."""
WORD_LENGTH_MIN = 4
"""A shorter word says little of a password: nearly every three letters are some word."""
LETTERS_MEANT = str.maketrans("@4310$5!7+8", "aaeiossitt" + "b")
"""What digits and signs stand for in a word that is to look less like one."""
WALKS = tuple(
    walk + walk[::-1]
    for walk in (
        "01234567890",
        "qwertyuiop",
        "qwertzuiop",
        "azertyuiop",
        "asdfghjkl",
        "zxcvbnm",
        "1qaz2wsx3edc4rfv5tgb6yhn7ujm",
        "abcdefghijklmnopqrstuvwxyz",
        "147258369",
    )
)
ENDS = re.compile(r"^[\W\d_]+|[\W\d_]+$")
WALK_PIECE = 3
"""So many characters in a row on a keyboard are a piece of a walk."""
UNIT_LENGTH_MAX = 4
YEARS = range(1900, 2051)
DATE_LENGTH = 8


def is_common(password: str, user_name: str, is_listed: Callable[[str], bool]) -> bool:
    """Whether a password is among the first that anybody guesses for this user.

    `is_listed` says of a text in lower case whether people use it as a password, or as a word.
    """
    text = password.casefold()
    return (
        _is_word(text, user_name.casefold(), is_listed)
        or _is_repeated(text)
        or _is_walked(text)
        or _is_date(text)
    )


def _is_word(text: str, user_name: str, is_listed: Callable[[str], bool]) -> bool:
    """Whether there is no more to it than a word, with digits and signs around or in it."""
    own = OWN_WORDS | {user_name, _bare(user_name)}
    meant = _bare(text).translate(LETTERS_MEANT)
    spellings = (text, _bare(text), meant, _bare(meant), _bare(text.translate(LETTERS_MEANT)))
    words = {each for spelling in spellings for each in (spelling, _half(spelling)) if each}
    return any(word in own or (len(word) >= WORD_LENGTH_MIN and is_listed(word)) for word in words)


def _bare(text: str) -> str:
    """A text without the digits and signs at its ends."""
    return ENDS.sub("", text)


def _half(text: str) -> str:
    """A word that stands there twice; empty where none does."""
    middle = len(text) // 2
    return text[:middle] if text[:middle] == text[middle:] else ""


def _is_repeated(text: str) -> bool:
    """Whether it is a few characters again and again."""
    return any(
        text == (text[:length] * len(text))[: len(text)] for length in range(1, UNIT_LENGTH_MAX + 1)
    )


def _is_walked(text: str) -> bool:
    """Whether it consists of walks over a keyboard or the alphabet, one behind the other."""
    place = 0
    while place < len(text):
        step = _walk_from(text, place)
        if step < WALK_PIECE and place + step < len(text):
            return False
        place += max(step, 1)
    return _walk_from(text, 0) >= WALK_PIECE


def _walk_from(text: str, place: int) -> int:
    """How many characters from here on are one walk."""
    length = 1
    while place + length < len(text) and any(
        text[place : place + length + 1] in walk for walk in WALKS
    ):
        length += 1
    return length


def _is_date(text: str) -> bool:
    """Whether it is a day of the last or this century in digits, whatever the order."""
    if len(text) != DATE_LENGTH or not (text.isascii() and text.isdigit()):
        return False
    orders = (
        (text[:4], text[4:6], text[6:]),
        (text[4:], text[2:4], text[:2]),
        (text[4:], text[:2], text[2:4]),
    )
    return any(_is_day(*map(int, order)) for order in orders)


def _is_day(year: int, month: int, day: int) -> bool:
    try:
        return date(year, month, day).year in YEARS
    except ValueError:
        return False
