"""Readiness: can this process serve, and if not, why?

What service needs is tried, not guessed: the store is asked and written to, its files, its schema
and its disk are looked at, and the background loops are asked how they go. The answer is a second
old at most. A thread of its own looks, so that whoever asks waits for a few seconds at most, also
for a database that has gone silent.
"""

from __future__ import annotations

import logging
from threading import Condition
from typing import TYPE_CHECKING

from tallystick.background import Raised, attempted
from tallystick.core.errors import StoreRefused

if TYPE_CHECKING:
    from tallystick.background import Loops
    from tallystick.store import Store

FRESH_S_MAX = 1.0
ASK_S_MAX = 5.0  # whoever asks waits no longer for the answer
LOG_EVERY_S = 60.0  # while the reasons stay the same
FREE_BYTES_MIN = 16 << 20  # on the store's disk; with less, facts will soon be refused
SILENT = f"looking at the store takes longer than {ASK_S_MAX:g} s"

log = logging.getLogger(__name__)


class Readiness:
    """What keeps one process from serving."""

    def __init__(self, store: Store, loops: Loops) -> None:
        self._store = store
        self._loops = loops
        self._looking = loops.loop("readiness", self._look, None)
        self._looked = Condition()
        self._looks = 0
        self._looked_at = float("-inf")
        self._result: tuple[str, ...] | Raised = ()
        self._logged: tuple[tuple[str, ...], float] = ((), 0.0)

    def wrong(self) -> tuple[str, ...]:
        """Why this process cannot serve, each reason a sentence; nothing if it can.

        Raises whatever nobody foresaw.
        """
        with self._looked:
            if self._loops.now() - self._looked_at > FRESH_S_MAX and not self._look_again():
                return self._logging((SILENT,))
            result = self._result
        if isinstance(result, Raised):
            raise result.error
        return self._logging(result)

    def _look_again(self) -> bool:
        """Have another look; give whether it has ended in time."""
        looks = self._looks
        self._looking.wake()
        self._looking.start()
        return self._looked.wait_for(lambda: self._looks > looks, ASK_S_MAX)

    def _look(self) -> bool:
        began = self._loops.now()
        result = attempted(self._reasons)
        with self._looked:
            self._result, self._looked_at = result, began
            self._looks += 1
            self._looked.notify_all()
        return False

    def _reasons(self) -> tuple[str, ...]:
        try:
            with self._store.glance() as reader:
                reader.wire_zone()
            self._store.try_writing()
        except StoreRefused as refusal:
            return (refusal.message,)
        failing = tuple(
            f"{work.name} has been failing for more than a minute: {work.reason}"
            for work in self._loops.failing()
        )
        return self._reasons_of_disk() + failing

    def _reasons_of_disk(self) -> tuple[str, ...]:
        space = self._store.space()
        if space is None:
            return ()
        reasons = {
            space.stuck: space.stuck is not None,
            "the store's disk can only be read": space.is_read_only,
            f"less than {FREE_BYTES_MIN >> 20} MiB are free on the store's disk": (
                space.free_bytes < FREE_BYTES_MIN
            ),
        }
        return tuple(str(reason) for reason, is_so in reasons.items() if is_so)

    def _logging(self, wrong: tuple[str, ...]) -> tuple[str, ...]:
        """The same reasons, in the log when they have changed, and once a minute."""
        before, logged_at = self._logged
        now = self._loops.now()
        if wrong and (wrong != before or now - logged_at >= LOG_EVERY_S):
            log.warning("not ready: %s", "; ".join(wrong))
            self._logged = (wrong, now)
        elif before and not wrong:
            log.info("ready again")
            self._logged = ((), now)
        return wrong
