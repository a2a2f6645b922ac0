"""Files that the console was sent, taken in one after the other by a thread of the worker.

So no call waits for a whole file: whoever sent it may close the page, and look at it later. What
waits is bounded, by the room that it takes on the disk.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING, NamedTuple

from tallystick.background import Raised, attempted
from tallystick.core.acts import DONE, FAILED, refused
from tallystick.core.errors import ImportInterrupted, Refusal
from tallystick.core.imports import ImportState
from tallystick.http.calls import CallsBusy
from tallystick.intake import ListedImport, Listeners
from tallystick.store.acting import acting

if TYPE_CHECKING:
    from collections.abc import Callable
    from tempfile import TemporaryDirectory

    from tallystick.background import Loops
    from tallystick.core.acts import Act
    from tallystick.core.moments import Moment
    from tallystick.intake import ImportOptions, KindName, Progress
    from tallystick.store import Store

WAITING_MAX = 4
"""Files of a worker that wait at a time, beside the one that is taken in."""


class Job(NamedTuple):
    """A file in a folder of its own, which goes with the job, and how it is to be taken in.

    `act` is the call that sent it; `ended` is set when nothing of the job is left.
    """

    kind: KindName
    name: str
    path: str
    folder: TemporaryDirectory[str]
    options: ImportOptions
    act: Act | None
    ended: threading.Event


class ImportQueue:
    """The files that wait for a worker's thread; `note` notes for the audit how each has ended."""

    def __init__(
        self,
        store: Store,
        clock: Callable[[], Moment],
        note: Callable[[Act, str], None],
        loops: Loops,
    ) -> None:
        self._store = store
        self._clock = clock
        self._note = note
        self._waiting: deque[tuple[Job, ListedImport]] = deque()
        self._lock = threading.Lock()
        self._is_closed = False
        self._loop = loops.loop("imports of the console", self._take_next, None)

    def put(self, job: Job) -> int:
        """Have a file taken in behind those that wait; give the number that it is listed by.

        Raises `CallsBusy` where too many wait.
        """
        with self._lock:
            if self._is_closed or len(self._waiting) >= WAITING_MAX:
                message = "too many files wait to be taken in; try again in a moment"
                raise CallsBusy(message)
            actor = job.options.origin.actor
            listed = ListedImport(self._store, self._clock, job.kind, job.name, actor)
            listed.begin(ImportState.WAITING)
            self._waiting.append((job, listed))
        self._loop.start()
        self._loop.wake()
        return listed.number

    def close(self) -> None:
        """Take no more in, and stop what is being taken in where it is."""
        self._is_closed = True
        self._loop.close()
        while self._waiting:
            job, listed = self._waiting.popleft()
            with job.folder:
                listed.fail(ImportInterrupted())
            self._tell_audit(job, ImportInterrupted())

    def _take_next(self) -> bool:
        """Take the next file in; give whether there was one."""
        if not self._waiting:
            return False
        job, listed = self._waiting.popleft()
        try:
            with job.folder, acting(job.act):
                self._take_in(job, listed)
        finally:
            job.ended.set()
        return True

    def _take_in(self, job: Job, listed: ListedImport) -> None:
        """Take a file in. Raises only what nobody foresaw: of the rest the list tells."""
        listed.begin(ImportState.RUNNING)
        listeners = Listeners(on_progress=self._stop_if_closed)
        outcome = attempted(lambda: listed.run(job.path, job.options, listeners))
        error = outcome.error if isinstance(outcome, Raised) else None
        self._tell_audit(job, error)
        if error is not None and not isinstance(error, Refusal):
            raise error

    def _tell_audit(self, job: Job, error: BaseException | None) -> None:
        """Have the audit say how an act has ended that its transactions have recorded as begun."""
        if job.act is not None and (error is not None or job.act.recorded_in):
            self._note(job.act, _ended(error))

    def _stop_if_closed(self, _: Progress) -> None:
        """Raise `ImportInterrupted` where the worker ends."""
        if self._is_closed:
            raise ImportInterrupted


def _ended(error: BaseException | None) -> str:
    """How an act has ended, in the words of the audit."""
    if error is None:
        return DONE
    return refused(error.code) if isinstance(error, Refusal) else FAILED
