"""Whose turn it is to write, among threads and among processes.

SQLite lets waiting writers poll, so one that writes transaction after transaction keeps the others
out for as long as it likes. Here a writer passes two gates: it waits for the second while it
holds the first, and whoever has just written must queue at the first again. So nobody writes twice
while somebody waits.

Threads wait in locks. Processes ask for bytes of a file again and again, for a lock of the system
that waits has no deadline: a process that is stopped while it has the turn would hold the others
for ever. Each waiter has a deadline of its own, counted from when it began to wait.
"""

from __future__ import annotations

import fcntl
import os
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

WAIT_S_MAX = 30.0  # for one's turn, however many others wait
EAGER_S = 0.05  # most turns last no longer
EAGER_POLL_S, POLL_S = 0.0005, 0.005
FIRST, SECOND = 0, 1  # bytes of the file that stand for the gates; their content means nothing


class TurnMissedError(Exception):
    """The turn has not come in time."""


class Turnstile:
    """The two gates of one store.

    Locks for this process's threads, locked bytes of a file for other processes.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._first = threading.Lock()
        self._second = threading.Lock()
        self._file: int | None = None

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait for one's turn; it lasts as long as the block.

        Raises `TurnMissedError` when it has not come within `WAIT_S_MAX` of the call.
        """
        deadline = time.monotonic() + WAIT_S_MAX
        self._take_turn(deadline)
        try:
            yield
        finally:
            self._let_go(SECOND)
            self._second.release()

    def _take_turn(self, deadline: float) -> None:
        with _held(self._first, deadline):
            if self._file is None:
                self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
            _acquire(self._second, deadline)
            try:
                self._pass_both(deadline)
            except BaseException:
                self._second.release()
                raise

    def _pass_both(self, deadline: float) -> None:
        self._wait_for(FIRST, deadline)
        try:
            self._wait_for(SECOND, deadline)
        finally:
            self._let_go(FIRST)

    def _wait_for(self, option: int, deadline: float) -> None:
        """Lock a byte of the file. A lock that blocks could not be given up at the deadline."""
        eager_until = time.monotonic() + EAGER_S
        while not self._try(option):
            now = time.monotonic()
            if now >= deadline:
                raise TurnMissedError
            time.sleep(EAGER_POLL_S if now < eager_until else POLL_S)

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
