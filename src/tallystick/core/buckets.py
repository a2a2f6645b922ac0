"""Token buckets: so many at once, and then at a rate, for each of many names."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Hashable

NAMES_MAX = 10_000
"""Names that are told apart at a time; of more, those are forgotten that came first."""


class Buckets:
    """How often each of many names may do something: `burst` times at once, `a_second` on and on.

    A bucket is one number: the moment at which it will be full again. Threads may share this
    without a lock; two calls of one name at the very same moment may then count as one.
    """

    def __init__(self, a_second: float, burst: float) -> None:
        self.a_second = a_second
        self.burst = burst
        self._interval_s = 1 / a_second
        self._to_fill_s = burst / a_second
        self._full_at: dict[Hashable, float] = {}

    def take(self, name: Hashable, now: float) -> float:
        """Take a token; give 0, or after how many seconds there will be one.

        `now` is in seconds of a clock that never goes back.
        """
        full_at = self._full_at.get(name)
        if full_at is None:
            self._make_room(now)
            full_at = now
        elif full_at < now:
            full_at = now
        full_at += self._interval_s
        wait_s = full_at - now - self._to_fill_s
        if wait_s > 0:
            return wait_s
        self._full_at[name] = full_at
        return 0.0

    def give_back(self, name: Hashable) -> None:
        """Give a token back that was taken."""
        full_at = self._full_at.get(name)
        if full_at is not None:
            self._full_at[name] = full_at - self._interval_s

    def _make_room(self, now: float) -> None:
        """Forget full buckets where there are too many, and if need be those that came first."""
        if len(self._full_at) < NAMES_MAX:
            return
        names = list(self._full_at.items())
        half = len(names) // 2
        for place, (name, full_at) in enumerate(names):
            if full_at <= now or place < half:
                self._full_at.pop(name, None)
