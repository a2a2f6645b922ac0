"""Which machines of a cluster cannot be reached, as the connections of one process learn it."""

from __future__ import annotations

import time
from math import inf
from threading import Lock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tallystick.store.engines.postgresql_connection import PostgresqlConnection

ASK_AGAIN_S = 1.0  # a process asks no more often, however many of its writers wait
AWAY_S = 3.0  # a machine that cannot be reached is not tried again so soon


class MachinesAway:
    """What the connections of one process know of machines that cannot be reached."""

    def __init__(self) -> None:
        self._until: dict[int, float] = {}  # when each is tried again
        self._asking = Lock()
        self._asked_at = -inf
        self._waited_for = set[int]()  # SIMs, since it was last asked where some are
        self._machine_of: dict[int, int] = {}  # of such SIMs
        self._located_at = -inf
        self.trial: PostgresqlConnection | None = None
        """Over which whoever writes alone tries shards out first; one at a time does."""

    def drop_trial(self) -> None:
        """Close that connection; the next one to try shards out makes another."""
        if self.trial is not None:
            self.trial.close()
        self.trial = None

    def now(self) -> set[int]:
        """The machines that could not be reached a moment ago."""
        now = time.monotonic()
        return {machine for machine, until in list(self._until.items()) if until > now}

    def note(self, machines: Iterable[int]) -> None:
        """These cannot be reached, and are not tried for a while."""
        self._until.update(dict.fromkeys(machines, time.monotonic() + AWAY_S))

    def look(self, ask: Callable[[], Iterable[int]]) -> set[int]:
        """The same as `now`, once `ask` has said which cannot be reached, or did a moment ago."""
        with self._asking:
            if time.monotonic() - self._asked_at > ASK_AGAIN_S:
                self.note(ask())
                self._asked_at = time.monotonic()
        return self.now()

    def have_any(
        self, sims: set[int], locate: Callable[[set[int]], Iterable[tuple[int, int]]]
    ) -> bool:
        """Whether one of the SIMs that a connection waits for lies on a machine that is away.

        `locate` says which machine has each of some SIMs. It is asked for those of all connections
        that wait; until it has said so of these, the answer is no.
        """
        with self._asking:
            self._waited_for |= sims
            age_s = time.monotonic() - self._located_at
            is_known = sims <= self._machine_of.keys() and age_s < AWAY_S
            if not is_known and age_s > ASK_AGAIN_S:
                self._machine_of = dict(locate(self._waited_for))
                self._located_at, self._waited_for = time.monotonic(), set()
            machines = {self._machine_of[sim] for sim in sims & self._machine_of.keys()}
        return not machines.isdisjoint(self.now())
