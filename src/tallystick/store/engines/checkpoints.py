"""The write-ahead log put in its place, beside the writer instead of in its way.

SQLite by default lets the commit that fills the log carry all of it into the database file, which
keeps that one writer, and whoever waits for it, for a fifth of a second. A thread with a connection
of its own does the same work while writing goes on; only when the log outgrows it does a commit
lend a hand.

Two things could make the log grow without limit, and are kept from it:

- The log cannot be carried over, for the disk is full or fails. Writers are then refused until it
  has been: else they would fill the room that is made, which carrying over needs.
- There is always some reader that sees an older moment than the last commit, so that the log is
  never carried over whole. From time to time a writer waits half a second for readers to end.

While a single snapshot is held, the log keeps what was committed after it. It is shortened when
that snapshot has ended.
"""

from __future__ import annotations

import os
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import apsw

from tallystick.background import Raised, attempted
from tallystick.core.errors import StoreBroken

if TYPE_CHECKING:
    from pathlib import Path

    from tallystick.background import Loops
    from tallystick.store.engines.files import StoreFiles

PAGES_NUDGE = 2_048  # pages in the log from which on the thread carries them over
PAGES_MAX = 32_768  # pages in the log at which a commit waits until they are carried over
PAGES_FORCED = 65_536  # pages in the log at which a writer waits for readers, and as many again
LOG_BYTES_KEPT = 256 * 1024 * 1024  # of the log's file; what is longer is cut off when it is empty
READERS_WAIT_MS_MAX = 500  # a writer waits so long for readers, where it waits for them
LOOK_EVERY_S = 1.0  # at whether the log is still at its path


class Space(NamedTuple):
    """The room of a store: bytes free on its disk, bytes of its log, and why the log is stuck.

    `is_read_only` is whether the disk takes nothing at all.

    A log that cannot be carried over into the database file is stuck; writers are refused then.
    """

    free_bytes: int
    log_bytes: int
    stuck: str | None
    is_read_only: bool


class Checkpoints:
    """The log of one store, kept short."""

    def __init__(self, path: Path, files: StoreFiles, loops: Loops) -> None:
        self._path = path
        self._files = files
        self._loop = loops.loop("checkpoints", self._carry_over_beside, LOOK_EVERY_S)
        self._own: apsw.Connection | None = None
        self._pages = 0
        self._force_at = PAGES_FORCED
        self._stuck: BaseException | None = None

    def watch(self, writer: apsw.Connection) -> None:
        """Follow this connection's commits."""
        writer.pragma("journal_size_limit", LOG_BYTES_KEPT)
        writer.set_wal_hook(self._after_commit)
        self._loop.start()

    def close(self) -> None:
        """Stop following."""
        self._loop.close()
        if self._own is not None:
            self._own.close()
            self._own = None

    def make_room(self, writer: apsw.Connection, busy_wait_ms: int) -> None:
        """Have a log that is stuck or too long carried over, before a transaction adds to it.

        `busy_wait_ms` is how long the writer waits for others otherwise. Raises the driver's error
        if the log is stuck still.
        """
        if self._stuck is not None:
            self._carry_over(writer)
        elif self._pages >= self._force_at:
            self._force_at = self._pages + PAGES_FORCED
            _carry_over_whole(writer, busy_wait_ms)

    def space(self) -> Space:
        """The room there is, of which the log takes its part. Raises `OSError`."""
        disk = os.statvfs(self._path.parent)
        log = self._files.log
        log_bytes = log.stat().st_size if log.exists() else 0
        stuck = None if self._stuck is None else str(self._stuck)
        is_read_only = bool(disk.f_flag & os.ST_RDONLY)
        return Space(disk.f_bavail * disk.f_frsize, log_bytes, stuck, is_read_only)

    def _after_commit(self, writer: apsw.Connection, _database: str, pages: int) -> int:
        """Look at how long the log is. The commit holds by now, so nothing is raised here."""
        self._pages = pages
        if pages < PAGES_NUDGE:
            self._force_at = PAGES_FORCED
            return apsw.SQLITE_OK
        if pages >= PAGES_MAX:
            attempted(partial(self._carry_over, writer))
        self._loop.wake()
        return apsw.SQLITE_OK

    def _carry_over_beside(self) -> bool:
        """Carry over a log that has grown, with a connection of the loop's own.

        A log that was deleted while it is open is carried over too, unless somebody has begun
        another: no writer adds to it any more. Raises `StoreBroken` as long as any file of the
        store is not at its path.
        """
        if self._own is None:
            self._own = self._connected()
        is_lost = self._files.log_is_lost_alone()
        if is_lost or (self._is_due() and self._files.are_same()):
            self._carry_over(self._own)
        self._files.require_same()
        return False

    def _is_due(self) -> bool:
        return self._stuck is not None or self._pages >= PAGES_NUDGE

    def _connected(self) -> apsw.Connection:
        connection = apsw.Connection(str(self._path), flags=apsw.SQLITE_OPEN_READWRITE)
        try:
            # A connection that has read nothing does not know that there is a log.
            connection.pragma("user_version")
            self._files.note()
        except (apsw.Error, StoreBroken):
            connection.close()
            raise
        return connection

    def _carry_over(self, connection: apsw.Connection) -> None:
        result = attempted(partial(_carry_over_now, connection))
        if isinstance(result, Raised):
            self._stuck = result.error
            raise result.error
        if result:
            self._stuck = None
        elif self._stuck is not None:  # somebody else tries, and has not done it yet
            raise self._stuck


def _carry_over_now(connection: apsw.Connection) -> bool:
    """Carry over what no reader needs, without waiting for any, unless somebody else is at it."""
    try:
        connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
    except (apsw.BusyError, apsw.LockedError):
        return False
    return True


def _carry_over_whole(writer: apsw.Connection, busy_wait_ms: int) -> None:
    """Carry over everything, if readers end soon, so that the log begins anew."""
    writer.set_busy_timeout(READERS_WAIT_MS_MAX)
    try:
        with suppress(apsw.BusyError, apsw.LockedError):
            writer.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_RESTART)
    finally:
        writer.set_busy_timeout(busy_wait_ms)
