"""What a backup and its restoring need to know of the files of a store on SQLite."""

from __future__ import annotations

import fcntl
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import quote

from tallystick.core.errors import BackupRefused
from tallystick.store.engines.copying import require_room
from tallystick.store.engines.files import INDEX_ENDING, LOG_ENDING, beside
from tallystick.store.engines.sqlite import ENGINE, path_of
from tallystick.store.engines.turnstile import TURN_ENDING
from tallystick.store.queries import migrations_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = [
    "address_of_file",
    "drop_beside",
    "file_of",
    "held_alone",
    "move_aside",
    "newest_schema",
    "require_room",
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


def move_aside(file: Path, new: Path) -> None:
    """Move a store with its log, which may hold what was committed last."""
    if beside(file, LOG_ENDING).exists():
        beside(file, LOG_ENDING).rename(beside(new, LOG_ENDING))
    file.rename(new)
    beside(file, INDEX_ENDING).unlink(missing_ok=True)  # made anew from the log
