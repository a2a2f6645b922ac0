"""Names that stand twice in an object of JSON, of which parsers keep the last value alone."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick.core.json_faults import fields_once, names_stand_once

TEXTS = st.text(st.sampled_from('a"\\\\:,{}é\n'), max_size=4)
SCALARS = TEXTS | st.integers(0, 9) | st.none() | st.booleans()
PAIRS = st.lists(st.tuples(TEXTS, SCALARS), max_size=3)


def printed(objects: list[list[tuple[str, Any]]], *, is_ascii: bool) -> bytes:
    """Objects as JSON, whatever names stand twice in them."""
    members = (
        ", ".join(f"{dumped(name, is_ascii)} : {dumped(value, is_ascii)}" for name, value in pairs)
        for pairs in objects
    )
    return f"[{','.join(f'{{{each}}}' for each in members)}]".encode()


def dumped(value: object, is_ascii: bool) -> str:
    return json.dumps(value, ensure_ascii=is_ascii)


@given(st.lists(PAIRS, max_size=3), st.booleans())
def test_a_name_that_stands_twice_is_noticed_however_it_is_written(
    objects: list[list[tuple[str, Any]]], is_ascii: bool
) -> None:
    text = printed(objects, is_ascii=is_ascii)
    stand_once = all(len(dict(pairs)) == len(pairs) for pairs in objects)
    assert names_stand_once(text, msgspec.json.decode(text)) == stand_once


def test_objects_within_objects_are_looked_at_too() -> None:
    once, twice = b'[{"a": {"b": [1, "c"]}}, "d"]', b'[{"a": {"b": 1, "b": 2}}, "d"]'
    assert names_stand_once(once, msgspec.json.decode(once))
    assert not names_stand_once(twice, msgspec.json.decode(twice))


def test_the_name_is_told() -> None:
    with pytest.raises(ValueError, match="the name 'b' stands twice"):
        fields_once([("a", 1), ("b", 2), ("b", 3)])
