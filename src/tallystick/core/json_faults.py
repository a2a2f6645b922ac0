"""What is wrong with JSON: what a parser complains of, and names that stand twice in an object.

Parsers take the last of several values of one name, so that what else was sent is lost in silence.
Whether a name stands twice shows in how many texts there are, names and values alike. Those in the
bytes are counted by their quotes, at the speed of memory, and compared with those that were parsed.
"""

from __future__ import annotations

from collections import Counter
from itertools import chain
from typing import TYPE_CHECKING, Any

from tallystick.core.identifiers import shown

if TYPE_CHECKING:
    from collections.abc import Collection

TOO_DEEP = "it is nested too deeply"


def fault_of_json(error: Exception) -> str:
    """What a parser complained of, in a sentence's end."""
    return TOO_DEEP if isinstance(error, RecursionError) else str(error)


def fields_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The fields of a JSON object, whose names must differ. Raises `ValueError`."""
    fields = dict(pairs)
    if len(fields) != len(pairs):
        (twice, _), *_ = Counter(name for name, _ in pairs).most_common(1)
        message = f"the name {shown(twice)} stands twice"
        raise ValueError(message)
    return fields


def names_stand_once(text: bytes, values: object) -> bool:
    """Whether no object of a JSON text has a name twice; `values` is what was parsed of it."""
    return _quotes_in(text) == 2 * _texts_in(values)


def outer_names_stand_once(text: bytes, parts: Collection[bytes]) -> bool:
    """Whether the object of a JSON text has no name twice; `parts` are the texts of its values."""
    return _quotes_in(text) == 2 * len(parts) + sum(map(_quotes_in, map(bytes, parts)))


def _quotes_in(text: bytes) -> int:
    """How many quotes begin and end the texts of a JSON text."""
    if b"\\" not in text:
        return text.count(b'"')
    # Backslashes go in pairs from the left; one that is left over escapes what follows.
    unpaired = text.replace(rb"\\", b"")
    return unpaired.count(b'"') - unpaired.count(rb"\"")


def _texts_in(values: object) -> int:
    """How many texts there are in a parsed value, names included."""
    if isinstance(values, list):
        try:
            "".join(chain.from_iterable(map(dict.values, values)))
        except TypeError:  # not all are objects of texts alone
            return _texts_one_by_one(values)
        return 2 * sum(map(len, values))
    return _texts_one_by_one(values)


def _texts_one_by_one(value: object) -> int:
    texts, left = 0, [value]  # not by recursion: a caller may nest a thousand deep
    while left:
        each = left.pop()
        if isinstance(each, str):
            texts += 1
        elif isinstance(each, dict):
            texts += len(each)
            left.extend(each.values())
        elif isinstance(each, list):
            left.extend(each)
    return texts
