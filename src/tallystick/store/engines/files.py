"""The files of a store on SQLite: made for their owner alone, and watched while they are open.

A file that is deleted or replaced stays open. What is committed from then on goes into a file
without a name, and is gone when the process ends. So whoever reads or writes first compares the
files at the store's path with those that were opened, by device and inode.
"""

from __future__ import annotations

import os
import stat
import threading
import time
from contextlib import suppress
from math import inf
from typing import TYPE_CHECKING, NamedTuple

from tallystick.core.errors import StoreBroken

if TYPE_CHECKING:
    from pathlib import Path

LOG_ENDING, INDEX_ENDING = "-wal", "-shm"
OWNER_ALONE = 0o600
FOLDER_REST_NS_MIN = 3_000_000_000
"""File systems keep the time of a change to a few milliseconds, and some to two seconds."""
LOOK_AGAIN_S = 0.05
"""What was the same so short a time ago is read without another look."""
OTHERS_READ = stat.S_IRGRP | stat.S_IROTH


class Identity(NamedTuple):
    """Which file it is, whatever its name."""

    device: int
    inode: int


class _Folder(NamedTuple):
    """A folder, and when an entry of it was last made, deleted or replaced."""

    device: int
    inode: int
    changed_at_ns: int


class StoreFiles:
    """The store's file, its log, and the index of the log, as this process has opened them."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._folder_path = str(path.parent)
        self.log = beside(path, LOG_ENDING)
        self._watched = (path, self.log, beside(path, INDEX_ENDING))
        self._noting = threading.Lock()
        self._opened: dict[Path, Identity] = {}
        self._same_in: _Folder | None = None
        self._same_at = -inf

    def note(self) -> None:
        """Note which files a connection has opened, which has read from the store by now.

        Raises `StoreBroken` where an earlier connection has opened others.
        """
        with self._noting:
            if not self._opened:
                # A store that is not in WAL mode has neither a log nor its index.
                self._opened = {
                    path: identity
                    for path in self._watched
                    if (identity := identity_of(path)) is not None
                }
        self.require_same()

    def forget(self) -> None:
        """Begin anew: every connection has been closed."""
        self._opened = {}
        self._same_in = None
        self._same_at = -inf

    def require_lately_same(self) -> None:
        """The same as `require_same` for readers, which lose nothing: a look a moment ago will do.

        A look lets other threads go first, and readers come by the thousand.
        """
        if time.monotonic() - self._same_at > LOOK_AGAIN_S:
            self.require_same()

    def require_same(self) -> None:
        """Raise `StoreBroken` unless the files that were opened are still those at their paths."""
        if lost := self._lost():
            names = ", ".join(path.name for path in lost)
            message = (
                f"{self._path}: {names} was deleted or replaced while the store was open; nothing"
                " is read or written until the same file is back: put it back, or restart to go on"
                " with what is there now"
            )
            raise StoreBroken(message)

    def are_same(self) -> bool:
        """Whether they are."""
        return not self._lost()

    def log_is_lost_alone(self) -> bool:
        """Whether the store's own file is there, but its log is not, and nobody has begun another.

        What the open log has can then still be carried over into the store's file.
        """
        lost = self._lost()
        return self.log in lost and self._path not in lost and not _size_of(self.log)

    def _lost(self) -> list[Path]:
        """The files that are no longer at their paths."""
        lost = self._lost_now()
        self._same_at = -inf if lost else time.monotonic()
        return lost

    def _lost_now(self) -> list[Path]:
        """The same, as the folder shows it.

        Each look at a file lets another thread go first, and every transaction takes two. So the
        files are left alone while no entry of their folder has changed.
        """
        folder = self._folder()
        if folder is not None and folder == self._same_in:
            return []
        lost = [path for path, identity in self._opened.items() if identity_of(path) != identity]
        if folder is not None and not lost and self._opened:
            self._same_in = folder if self._tells_of_files(folder) else None
        return lost

    def _tells_of_files(self, folder: _Folder) -> bool:
        """Whether the folder's time will show that a file was deleted or replaced.

        It will not where the store's path is a link to a file elsewhere, nor where a change of a
        moment ago could have the same time as the next one.
        """
        is_at_rest = time.time_ns() - folder.changed_at_ns > FOLDER_REST_NS_MIN
        return is_at_rest and not self._path.is_symlink()

    def _folder(self) -> _Folder | None:
        """The folder of the store as it is now; None where it cannot be looked at."""
        try:
            at_path = os.stat(self._folder_path)  # noqa: PTH116 - as for `identity_of`
        except OSError:
            return None
        return _Folder(at_path.st_dev, at_path.st_ino, at_path.st_mtime_ns)


def beside(path: Path, ending: str) -> Path:
    """The file of a store's path with an ending."""
    return path.with_name(path.name + ending)


def identity_of(path: Path) -> Identity | None:
    """Which file is at a path; None where there is none, or its folder cannot be searched."""
    try:
        at_path = os.stat(path)  # noqa: PTH116 - a third faster than by Path, and asked at each read
    except OSError:
        return None
    return Identity(at_path.st_dev, at_path.st_ino)


def _size_of(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def make_private(path: Path) -> None:
    """Make an empty file for its owner alone, unless there is one; SQLite's own let others read.

    SQLite gives the log and its index the mode of the store's file. Raises `OSError`.
    """
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, OWNER_ALONE))


def is_read_by_others(path: Path) -> bool:
    """Whether anybody but its owner may read a file."""
    try:
        return bool(path.stat().st_mode & OTHERS_READ)
    except OSError:
        return False


def open_turn_file(path: Path, store: Path) -> int:
    """Open, or make, the file by which writers of a store take turns; give its descriptor.

    Whoever may open it can keep all writers waiting, so it is for those alone who may write to the
    store. One that root makes belongs to the store's owner, as SQLite does with the log. Raises
    `OSError`.
    """
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, OWNER_ALONE)
    try:
        _follow(file, store)
    except BaseException:
        os.close(file)
        raise
    return file


def _follow(file: int, store: Path) -> None:
    """Give a turn file the owner and the mode that follow from its store."""
    mine, user = os.fstat(file), os.geteuid()
    of_store = store.stat() if store.exists() else mine
    mode = _mode_of_writers(of_store.st_mode) if of_store is not mine else OWNER_ALONE
    if user == 0 and (mine.st_uid, mine.st_gid) != (of_store.st_uid, of_store.st_gid):
        os.fchown(file, of_store.st_uid, of_store.st_gid)
    if user in {0, mine.st_uid} and stat.S_IMODE(mine.st_mode) != mode:
        os.fchmod(file, mode)


def _mode_of_writers(mode: int) -> int:
    """Reading and writing for those who may write to a file of this mode, nothing for others."""
    writers = mode & (stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH)
    return writers | writers << 1
