"""A copy of a store on SQLite, made in steps while others read and write."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import apsw

from tallystick.core.errors import BackupRefused

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PAGES_A_STEP = 2_500  # some 10 MB, after which progress is shown
SPARE_BYTES = 16 << 20  # left on the disk beside the copy
FINDINGS_LETTERS = 300


def copy_pages(
    source: apsw.Connection, file: Path, on_progress: Callable[[int, int], None]
) -> None:
    """Copy what a connection sees into an empty file, and have the database check the copy.

    The connection must be in a snapshot: else SQLite would begin anew whenever somebody writes. In
    WAL mode a snapshot holds up no writer. Raises `BackupRefused`.
    """
    require_room(file, source.pragma("page_count") * source.pragma("page_size"))
    try:
        target = apsw.Connection(str(file), flags=apsw.SQLITE_OPEN_READWRITE)
        try:
            # Whoever calls flushes the file as a whole, and drops it where anything fails.
            target.pragma("synchronous", "off")
            target.pragma("journal_mode", "off")
            _copy_in_steps(source, target, on_progress)
            # One file without a log, which is whole by itself.
            target.pragma("journal_mode", "delete")
            findings = target.pragma("integrity_check")  # one text, or several
        finally:
            target.close()
    except apsw.FullError as error:
        message = f"{file}: the disk is full"
        raise BackupRefused(message) from error
    except apsw.Error as error:
        message = f"the store cannot be copied into {file}: {error}"
        raise BackupRefused(message) from error
    if findings != "ok":
        message = (
            f"the copy is damaged, and so may be the store: {str(findings)[:FINDINGS_LETTERS]}"
        )
        raise BackupRefused(message)


def require_room(file: Path, size_bytes: int) -> None:
    """Raise `BackupRefused` unless a file of this size has room on its disk."""
    disk = os.statvfs(file.parent)
    free_bytes = disk.f_bavail * disk.f_frsize
    if free_bytes < size_bytes + SPARE_BYTES:
        message = (
            f"{file.parent}: {size_bytes + SPARE_BYTES:,} bytes are needed, and {free_bytes:,} are"
            " free on that disk"
        )
        raise BackupRefused(message)


def _copy_in_steps(
    source: apsw.Connection, target: apsw.Connection, on_progress: Callable[[int, int], None]
) -> None:
    with target.backup("main", source, "main") as copy:
        while not copy.done:
            copy.step(PAGES_A_STEP)
            on_progress(copy.page_count - copy.remaining, copy.page_count)
