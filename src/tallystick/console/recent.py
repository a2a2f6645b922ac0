"""Values that take a moment to work out, kept for some seconds."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Generic, TypeVar

from tallystick.core.moments import MICROSECONDS_A_SECOND

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

Value = TypeVar("Value")

COUNTS_KEPT_S = 30
"""Counting reads all rows of the window, so it is done at most this often for the same question."""
VALUES_MAX = 32
"""So many are kept at a time: the oldest goes first."""


class Recent(Generic[Value]):
    """Values by key, each for `kept_s` seconds by a clock of microseconds.

    One value is worked out at a time, so that ten readers of one page cost what one does.
    """

    def __init__(self, clock: Callable[[], int], kept_s: int) -> None:
        self._clock = clock
        self._kept_us = kept_s * MICROSECONDS_A_SECOND
        self._values: dict[Hashable, tuple[int, Value]] = {}
        self._lock = threading.Lock()

    def get(self, key: Hashable, make: Callable[[], Value]) -> tuple[int, Value]:
        """The value of a key, and the moment at which it was worked out."""
        with self._lock:
            kept = self._values.get(key)
            if kept is not None and 0 <= self._clock() - kept[0] < self._kept_us:
                return kept
            fresh = (self._clock(), make())
            self._values.pop(key, None)
            self._values[key] = fresh
            while len(self._values) > VALUES_MAX:
                del self._values[next(iter(self._values))]
            return fresh
