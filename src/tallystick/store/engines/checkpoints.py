"""The write-ahead log put in its place, beside the writer instead of in its way.

SQLite by default lets the commit that fills the log carry all of it into the database file, which keeps that one
writer, and whoever waits for it, for a fifth of a second. A thread with a connection of its own does the same work
while writing goes on; only when the log outgrows it does a commit lend a hand.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import apsw

if TYPE_CHECKING:
    from pathlib import Path

PAGES_NUDGE = 2_048  # pages in the log from which on the thread carries them over
PAGES_MAX = 32_768  # pages in the log at which a commit waits until they are carried over


class Checkpoints:
    """The log of one store, kept short."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._wanted = threading.Event()
        self._ended = False
        self._thread: threading.Thread | None = None

    def watch(self, writer: apsw.Connection) -> None:
        """Follow this connection's commits."""
        writer.set_wal_hook(self._after_commit)
        self._thread = threading.Thread(target=self._run, name="checkpoints", daemon=True)
        self._thread.start()

    def _after_commit(self, writer: apsw.Connection, _database: str, pages: int) -> int:
        if pages >= PAGES_NUDGE:
            self._wanted.set()
        if pages >= PAGES_MAX:
            _carry_over(writer)
        return apsw.SQLITE_OK

    def _run(self) -> None:
        own = apsw.Connection(str(self._path), flags=apsw.SQLITE_OPEN_READWRITE)
        own.pragma(
            "journal_mode"
        )  # a connection that has read nothing does not know that there is a log
        while self._wanted.wait() and not self._ended:
            self._wanted.clear()
            _carry_over(own)
        own.close()

    def close(self) -> None:
        """Stop following."""
        if self._thread:
            self._ended = True
            self._wanted.set()
            self._thread.join()


def _carry_over(connection: apsw.Connection) -> None:
    try:
        connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
    except (apsw.BusyError, apsw.LockedError):
        return  # somebody else is at it
