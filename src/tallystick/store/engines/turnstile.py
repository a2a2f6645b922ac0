"""Whose turn it is to write, among threads and among processes.

SQLite lets waiting writers poll, so one that writes transaction after transaction keeps the others
out for as long as it likes. Here a writer passes two gates: it waits for the second while it
holds the first, and whoever has just written must queue at the first again. So nobody writes twice
while somebody waits.

Each thread has a deadline of its own, counted from when it began to wait. A lock of the system has
no deadline, and asking for it again and again takes more than twice as long as the turns
themselves. So where another process has the turn, a thread made for that waits in the system's
lock, and whoever wants the turn waits for that thread, to the own deadline. A turn that comes when
everybody has given up is let go at once.
"""

from __future__ import annotations

import fcntl
import os
import threading
import time
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

from tallystick.store.connection import TURN_WAIT_S_MAX
from tallystick.store.engines.files import beside, open_turn_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

TURN_ENDING = "-turn"
FIRST, SECOND = 0, 1  # bytes of the file that stand for the gates; their content means nothing


class TurnMissedError(Exception):
    """The turn has not come in time."""


class Turnstile:
    """The two gates of the store at a path.

    Locks for this process's threads, locked bytes of a file for other processes.
    """

    def __init__(self, store: Path) -> None:
        self._store = store
        self._path = beside(store, TURN_ENDING)
        self._first = threading.Lock()
        self._second = threading.Lock()
        self._file: int | None = None
        self._errand: _Errand | None = None

    @contextmanager
    def turn(self, wait_s: float | None = None) -> Iterator[None]:
        """Wait for one's turn; it lasts as long as the block.

        Raises `TurnMissedError` when others have kept it for `wait_s` since the call, or for
        `TURN_WAIT_S_MAX` where that is None.
        """
        deadline = time.monotonic() + (TURN_WAIT_S_MAX if wait_s is None else wait_s)
        self._take_turn(deadline)
        try:
            yield
        finally:
            self._let_go(SECOND)
            self._second.release()

    @contextmanager
    def turn_if_free(self) -> Iterator[bool]:
        """Take the turn only if nobody has it or waits for it; give whether it was taken."""
        is_taken = self._take_if_free()
        try:
            yield is_taken
        finally:
            if is_taken:
                self._let_go(SECOND)
                self._second.release()

    def _take_if_free(self) -> bool:
        if not self._first.acquire(blocking=False):
            return False
        try:
            self._open()
            if not self._second.acquire(blocking=False):
                return False
            if self._try_both():
                return True
            self._second.release()
            return False
        finally:
            self._first.release()

    def _open(self) -> None:
        if self._file is None:
            self._file = open_turn_file(self._path, self._store)

    def _take_turn(self, deadline: float) -> None:
        with _held(self._first, deadline):
            self._open()
            _acquire(self._second, deadline)
            try:
                self._pass_both(deadline)
            except BaseException:
                self._second.release()
                raise

    def _pass_both(self, deadline: float) -> None:
        """Lock the bytes of both gates, by way of a thread where another process has one of them.

        Whoever calls has this process's second lock, so that there is one errand at a time.
        """
        if self._try_both():
            return
        if self._errand is None or not self._errand.join():
            self._errand = _Errand(self._wait_for_both, partial(self._let_go, SECOND))
        if not self._errand.wait(deadline):
            raise TurnMissedError
        self._errand = None

    def _try_both(self) -> bool:
        """Lock the bytes of both gates if they are free; give whether they are locked.

        Locked bytes are the process's: not its thread's. So nobody tries beside an errand that is
        under way, which lets go of the turn where nobody waits for it any more.
        """
        if self._errand is not None and not self._errand.is_over():
            return False
        if not self._try(FIRST):
            return False
        try:
            return self._try(SECOND)
        finally:
            self._let_go(FIRST)

    def _wait_for_both(self) -> None:
        assert self._file is not None  # noqa: S101 - whoever passes has opened it
        fcntl.lockf(self._file, fcntl.LOCK_EX, 1, FIRST)
        try:
            fcntl.lockf(self._file, fcntl.LOCK_EX, 1, SECOND)
        finally:
            self._let_go(FIRST)

    def _try(self, option: int) -> bool:
        """Lock a byte of the file if no other process has it; give whether it is locked."""
        assert self._file is not None  # noqa: S101 - whoever asks has opened it
        try:
            fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, option)
        except (BlockingIOError, PermissionError):  # which of them depends on the system
            return False
        return True

    def _let_go(self, option: int) -> None:
        assert self._file is not None  # noqa: S101 - whoever has an option has opened it
        fcntl.lockf(self._file, fcntl.LOCK_UN, 1, option)

    def is_awaited(self) -> bool:
        """Whether somebody waits for their turn; for whoever has it."""
        if self._first.locked():
            return True
        if not self._try(FIRST):
            return True  # another process has passed the first gate
        self._let_go(FIRST)
        return False

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            os.close(self._file)
            self._file = None


class _Errand:
    """A thread that waits for something as long as it takes, while those who want it come and go.

    `get` waits, and `let_go` gives back what came when nobody waited any more.
    """

    def __init__(self, get: Callable[[], None], let_go: Callable[[], None]) -> None:
        self._get = get
        self._let_go = let_go
        self._changed = threading.Condition()
        self._is_wanted = True
        self._is_over = False
        self._error: BaseException | None = None
        threading.Thread(target=self._run, name="waits for the turn", daemon=True).start()

    def _run(self) -> None:
        error = None
        try:
            self._get()
        except OSError as raised:
            error = raised
        with self._changed:
            self._error = error
            self._is_over = True
            if error is None and not self._is_wanted:
                self._let_go()
            self._changed.notify()

    def is_over(self) -> bool:
        """Whether nothing is waited for any more, and what nobody wanted was given back."""
        with self._changed:
            return self._is_over

    def join(self) -> bool:
        """Want it again, unless it is over."""
        with self._changed:
            self._is_wanted = not self._is_over
            return self._is_wanted

    def wait(self, deadline: float) -> bool:
        """Wait to a deadline; give whether it came. Raises `OSError`. Past it, nobody waits."""
        with self._changed:
            self._changed.wait_for(lambda: self._is_over, max(0.0, deadline - time.monotonic()))
            self._is_wanted = self._is_over
            if self._error is not None:
                raise self._error
            return self._is_over


@contextmanager
def _held(lock: threading.Lock, deadline: float) -> Iterator[None]:
    _acquire(lock, deadline)
    try:
        yield
    finally:
        lock.release()


def _acquire(lock: threading.Lock, deadline: float) -> None:
    if not lock.acquire(timeout=max(0.0, deadline - time.monotonic())):
        raise TurnMissedError
