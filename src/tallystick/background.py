"""Background loops: threads that go on whatever their work raises, and that say while they fail.

A loop does one piece of work again and again. An error of any kind is logged and answered with a
pause that grows; the work is then tried again. No error ends the thread. `Loops` knows all loops of
a process and tells which of them have been failing for more than a minute, for `/readyz`.

Work that is done by other threads (the calls of a pool) reports to a `Health` of its own.
"""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from tallystick.core.errors import StoreRefused
from tallystick.core.retries import loop_wait_s

if TYPE_CHECKING:
    from collections.abc import Callable

Result = TypeVar("Result")

FAILING_S_MIN = 60.0
"""Failures that last for less than this are not told: a restarted database is back by then."""
STALE_S_MIN = 60.0
"""Work that is only done when asked for counts as failing for so long after its last failure."""
WATCH_EVERY_S = 1.0

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Raised:
    """What a piece of work raised instead of giving a result."""

    error: BaseException

    @property
    def store_is_at_fault(self) -> bool:
        """Whether the store refused, so that the same work may well be done later."""
        return isinstance(self.error, StoreRefused)


def attempted(work: Callable[[], Result]) -> Result | Raised:
    """Do a piece of work, and give its result or what it raised, of whatever kind that is."""
    try:
        return work()
    except BaseException as error:  # noqa: BLE001 - also Polars' panics, which are no `Exception`
        return Raised(error)


class Failing(NamedTuple):
    """Work that has been failing: its name, for how many seconds, and its last error's text."""

    name: str
    seconds: float
    reason: str


class Health:
    """How work of one name goes: since when it has failed without a success in between, and why.

    A failure counts until the next success, or until it is `stale_s` old.
    """

    def __init__(self, name: str, timer: Callable[[], float], stale_s: float) -> None:
        self.name = name
        self._timer = timer
        self._stale_s = stale_s
        self._lock = threading.Lock()
        self._failing_since: float | None = None
        self._failed_at = 0.0
        self._reason = ""

    def succeeded(self) -> None:
        """Note that the work was done."""
        with self._lock:
            was_failing = self._failing_since is not None
            self._failing_since = None
            self._reason = ""
        if was_failing:
            log.info("%s: goes on", self.name)

    def failed(self, error: BaseException) -> None:
        """Note that the work raised an error, and log it unless the one before read the same."""
        reason = (
            str(error) if isinstance(error, StoreRefused) else f"{type(error).__name__}: {error}"
        )
        with self._lock:
            self._failed_at = self._timer()
            if self._failing_since is None:
                self._failing_since = self._failed_at
            is_repeated = reason == self._reason
            self._reason = reason
        if is_repeated:
            return
        if isinstance(error, StoreRefused):
            log.warning("%s: waits: %s", self.name, error)
        else:
            log.error("%s: failed, which nobody foresaw", self.name, exc_info=error)

    def failing(self) -> Failing | None:
        """Give for how long the work has been failing, None if it is not or not for long."""
        now = self._timer()
        with self._lock:
            if self._failing_since is None:
                return None
            seconds = now - self._failing_since
            is_stale = now - self._failed_at > self._stale_s
            if seconds <= FAILING_S_MIN or is_stale:
                return None
            return Failing(self.name, seconds, self._reason)


class Loop:
    """One thread that does the same work until it is closed; made by `Loops.loop`."""

    def __init__(
        self,
        health: Health,
        work: Callable[[], bool],
        every_s: float | None,
        pause_s: Callable[[int], float],
    ) -> None:
        self._health = health
        self._work = work
        self._every_s = every_s
        self._pause_s = pause_s
        self._closing = threading.Event()
        self._woken = threading.Event()
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin, with the work first; a loop that has begun is left as it is."""
        if self._thread is not None:
            return
        with self._starting:
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._run, name=self._health.name, daemon=True
                )
                self._thread.start()

    def wake(self) -> None:
        """Have the work done now instead of later; a pause after a failure is not cut short."""
        self._woken.set()

    def close(self) -> None:
        """End the loop, and come back when what it does now is done."""
        self._closing.set()
        self._woken.set()
        if self._thread is not None:
            self._thread.join()

    def finish(self) -> None:
        """End the loop, and do what is left of its work in this thread; a failure ends that."""
        self.close()
        while self._attempt() is True:
            pass

    def _run(self) -> None:
        failures = 0
        while not self._closing.is_set():
            self._woken.clear()
            result = self._attempt()
            if isinstance(result, Raised):
                failures += 1
                self._closing.wait(self._pause_s(failures))
                continue
            failures = 0
            if not result:
                self._woken.wait(self._every_s)

    def _attempt(self) -> bool | Raised:
        result = attempted(self._work)
        if isinstance(result, Raised):
            self._health.failed(result.error)
        else:
            self._health.succeeded()
        return result


class Loops:
    """The loops of one process, and which of them are failing.

    `timer` gives seconds from any beginning and never goes back. `pause_s` says how long a loop
    waits after so many failures in a row.
    """

    def __init__(
        self,
        timer: Callable[[], float] = time.monotonic,
        pause_s: Callable[[int], float] = loop_wait_s,
    ) -> None:
        self._timer = timer
        self._pause_s = pause_s
        self._healths: list[Health] = []

    def loop(self, name: str, work: Callable[[], bool], every_s: float | None) -> Loop:
        """Make a loop, which has yet to be started.

        The work gives whether there is more of it to be done at once. Where there is not, it is
        done again when the loop is woken, and every `every_s` seconds if that is not None.
        """
        return Loop(self._kept(name, inf), work, every_s, self._pause_s)

    def health(self, name: str) -> Health:
        """Make a health for work that is done by threads of others, when somebody asks for it."""
        return self._kept(name, STALE_S_MIN)

    def now(self) -> float:
        """Give the seconds that the timer of these loops shows."""
        return self._timer()

    def failing(self) -> list[Failing]:
        """Give the work that has been failing for longer than a minute."""
        answers = [health.failing() for health in self._healths]
        return [failing for failing in answers if failing is not None]

    def watch(self, is_alive: Callable[[], bool], end: Callable[[], None]) -> Loop:
        """Make a loop that ends this process when another one, which it belongs to, has ended."""

        def look() -> bool:
            if not is_alive():
                end()
            return False

        return self.loop("watch for the parent's end", look, WATCH_EVERY_S)

    def _kept(self, name: str, stale_s: float) -> Health:
        health = Health(name, self._timer, stale_s)
        self._healths.append(health)
        return health
