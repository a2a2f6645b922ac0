"""Access whose passwords are hashed in no time, which otherwise takes longer than many a test."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tallystick.access import Access
from tallystick.access.passwords import HashCost

if TYPE_CHECKING:
    from collections.abc import Callable

    from tallystick.background import Loops
    from tallystick.core.moments import Moment
    from tallystick.store import Store

LEAST = HashCost(memory_kib=8, passes=1, lanes=1)


def quick_access(
    store: Store,
    clock: Callable[[], Moment],
    random_bytes: Callable[[int], bytes],
    loops: Loops | None = None,
) -> Access:
    """Access to a store; a hash says itself how to compute it, so any server can check it."""
    return Access(store, clock, random_bytes, loops, LEAST)
