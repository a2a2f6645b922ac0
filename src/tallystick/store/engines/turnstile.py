"""Whose turn it is to write: first come, first served, among threads and among processes.

SQLite lets waiting writers poll, so one that writes transaction after transaction keeps the others
out for as long as it likes. Here a writer passes two options: it waits for the second while it
holds the first, and whoever has just written must queue at the first again. So nobody writes twice
while somebody waits.
"""

from __future__ import annotations

import fcntl
import os
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FIRST, SECOND = 0, 1  # bytes of the file that stand for the options; their content means nothing


class Turnstile:
    """The two options of one store.

    Locks for this process's threads, locked bytes of a file for other processes.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._first = threading.Lock()
        self._second = threading.Lock()
        self._file: int | None = None

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait for one's turn; it lasts as long as the block."""
        with self._first:
            if self._file is None:
                self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
            self._second.acquire()
            try:
                fcntl.lockf(self._file, fcntl.LOCK_EX, 1, FIRST)
                fcntl.lockf(self._file, fcntl.LOCK_EX, 1, SECOND)
                fcntl.lockf(self._file, fcntl.LOCK_UN, 1, FIRST)
            except BaseException:
                self._second.release()
                raise
        try:
            yield
        finally:
            fcntl.lockf(self._file, fcntl.LOCK_UN, 1, SECOND)
            self._second.release()

    def is_awaited(self) -> bool:
        """Whether somebody waits for their turn; for whoever has it."""
        if self._first.locked():
            return True
        assert self._file is not None  # noqa: S101 - whoever has the turn has opened it
        try:
            fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, FIRST)
        except OSError:
            return True  # another process has passed the first gate
        fcntl.lockf(self._file, fcntl.LOCK_UN, 1, FIRST)
        return False

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            os.close(self._file)
            self._file = None
