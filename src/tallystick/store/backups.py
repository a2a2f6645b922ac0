"""The files of a store on SQLite, for whoever backs up, restores or examines it from outside."""

from __future__ import annotations

import fcntl
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import quote

from tallystick.core.errors import BackupRefused
from tallystick.core.moments import Moment
from tallystick.store.engines.copying import require_room
from tallystick.store.engines.files import INDEX_ENDING, LOG_ENDING, beside, is_read_by_others
from tallystick.store.engines.sqlite import ENGINE, path_of
from tallystick.store.engines.turnstile import TURN_ENDING
from tallystick.store.queries import migrations_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = [
    "address_of_file",
    "changed_at",
    "drop_beside",
    "file_of",
    "held_alone",
    "is_open_elsewhere",
    "is_read_by_others",
    "move_aside",
    "newest_schema",
    "require_room",
    "size_of",
]

# Every connection of SQLite to a store in WAL mode holds a lock on one of these bytes of its file.
LOCKED_BYTES_FIRST, LOCKED_BYTES = 0x40000002, 510


def file_of(address: str) -> Path:
    """The file of the store at an address. Raises `BackupRefused` for one that is on a server."""
    if not address.startswith(f"{ENGINE}:"):
        message = (
            "a store on PostgreSQL is restored with PostgreSQL's own tools (docs/howto/back-up.md)"
        )
        raise BackupRefused(message)
    return path_of(address)


def address_of_file(file: Path) -> str:
    """The address of the store in a file."""
    return f"{ENGINE}:///{quote(str(file.absolute()))}"


def newest_schema() -> int:
    """The number of the schema that this program gives a store on SQLite."""
    return len(migrations_for(ENGINE))


def drop_beside(file: Path) -> None:
    """Delete what SQLite and writers have left beside the file of a store that nobody has open."""
    for ending in (LOG_ENDING, INDEX_ENDING, TURN_ENDING, "-journal"):
        beside(file, ending).unlink(missing_ok=True)


@contextmanager
def held_alone(file: Path) -> Iterator[None]:
    """Keep every other process from opening a store; it may be damaged.

    Raises `BackupRefused` where another process has it open, and `OSError`.
    """
    opened = os.open(file, os.O_RDWR | os.O_CLOEXEC)
    try:
        try:
            fcntl.lockf(opened, fcntl.LOCK_EX | fcntl.LOCK_NB, LOCKED_BYTES, LOCKED_BYTES_FIRST)
        except (BlockingIOError, PermissionError) as error:  # which of them depends on the system
            message = f"{file}: another process has the store open; stop the server and imports"
            raise BackupRefused(message) from error
        yield
    finally:
        os.close(opened)


def is_open_elsewhere(file: Path) -> bool:
    """Whether another process has a store open. Raises `OSError` if it cannot be opened here."""
    try:
        with held_alone(file):
            return False
    except BackupRefused:
        return True


def size_of(address: str) -> int | None:
    """The bytes of a store's file; None for a store on a server, or one that is not there."""
    status = _status(address)
    return status and status.st_size


def changed_at(address: str) -> Moment | None:
    """When a store's file was last written, by the clock of that time; None likewise."""
    status = _status(address)
    return None if status is None else Moment(status.st_mtime_ns // 1000)


def _status(address: str) -> os.stat_result | None:
    try:
        return file_of(address).stat()
    except (BackupRefused, OSError):
        return None


def move_aside(file: Path, new: Path) -> None:
    """Move a store with its log, which may hold what was committed last."""
    if beside(file, LOG_ENDING).exists():
        beside(file, LOG_ENDING).rename(beside(new, LOG_ENDING))
    file.rename(new)
    beside(file, INDEX_ENDING).unlink(missing_ok=True)  # made anew from the log
