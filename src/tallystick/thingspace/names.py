"""Names in paths, as ThingSpace's clients write them (contract, section 4)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection


def name_meant(segment: str, names: Collection[str]) -> str:
    """The name that a decoded segment of a path stands for, among those that there are.

    The SDKs of four languages write a blank as `+`. A name that is there as it is written goes
    first; else each `+` may stand for a blank, if one name alone fits. The segment itself where
    none does.
    """
    if "+" not in segment or segment in names:
        return segment
    fitting = [name for name in names if _may_stand_for(segment, name)]
    return fitting[0] if len(fitting) == 1 else segment


def _may_stand_for(segment: str, name: str) -> bool:
    if len(segment) != len(name):
        return False
    pairs = zip(segment, name, strict=True)
    return all(written == meant or (written, meant) == ("+", " ") for written, meant in pairs)
