"""The write-ahead log put in its place, beside the writer instead of in its way.

SQLite by default lets the commit that fills the log carry all of it into the database file, which
keeps that one writer, and whoever waits for it, for a fifth of a second. A thread with a connection
of its own does the same work while writing goes on; only when the log outgrows it does a commit
lend a hand.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import apsw

if TYPE_CHECKING:
    from pathlib import Path

    from tallystick.background import Loops

PAGES_NUDGE = 2_048  # pages in the log from which on the thread carries them over
PAGES_MAX = 32_768  # pages in the log at which a commit waits until they are carried over


class Checkpoints:
    """The log of one store, kept short."""

    def __init__(self, path: Path, loops: Loops) -> None:
        self._path = path
        self._loop = loops.loop("checkpoints", self._carry_over, None)
        self._own: apsw.Connection | None = None

    def watch(self, writer: apsw.Connection) -> None:
        """Follow this connection's commits."""
        writer.set_wal_hook(self._after_commit)
        self._loop.start()

    def close(self) -> None:
        """Stop following."""
        self._loop.close()
        if self._own is not None:
            self._own.close()
            self._own = None

    def _after_commit(self, writer: apsw.Connection, _database: str, pages: int) -> int:
        if pages >= PAGES_NUDGE:
            self._loop.wake()
        if pages >= PAGES_MAX:
            _carry_over(writer)
        return apsw.SQLITE_OK

    def _carry_over(self) -> bool:
        """Carry over what the log has, with a connection of this thread's own."""
        if self._own is None:
            self._own = apsw.Connection(str(self._path), flags=apsw.SQLITE_OPEN_READWRITE)
            # A connection that has read nothing does not know that there is a log.
            self._own.pragma("journal_mode")
        _carry_over(self._own)
        return False


def _carry_over(connection: apsw.Connection) -> None:
    with suppress(apsw.BusyError, apsw.LockedError):  # somebody else is at it
        connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
