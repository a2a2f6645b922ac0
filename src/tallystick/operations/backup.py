"""Backup: one moment of a store on SQLite as a file, with a manifest beside it.

The copy is made under a hidden name, checked, flushed to the disk and only then renamed, its
manifest first. So a file of the name that was asked for is whole. What a killed run has left under
the hidden name is used up by the next one.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from tallystick.core.errors import BackupRefused
from tallystick.core.ledger import BEHIND_ALL
from tallystick.core.moments import wire
from tallystick.operations.integrity import check_integrity
from tallystick.operations.verify import verify, verify_attributions
from tallystick.store import backups, open_store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tallystick.core.moments import Moment
    from tallystick.store import Store

    Advance = Callable[[int, int], None]
    WireRow = Callable[..., bytes]

MANIFEST_ENDING = ".json"
PART_ENDING = ".part"
OWNER_ALONE = 0o600
BYTES_A_READ = 1 << 20


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What a backup is: the text of the file beside it, as JSON.

    `last_change_set` is the position of the ledger: the number of the last change set, 0 where
    there is none, and None where the schema is an older one. `verified` is whether the kept answer
    was compared with the rule.
    """

    taken_at: str
    bytes: int
    sha256: str
    schema: int
    last_change_set: int | None
    verified: bool
    program: str


@dataclass(frozen=True, slots=True)
class Backup:
    """A backup that is there: its file, and its manifest."""

    file: Path
    manifest: Manifest


class Proof(NamedTuple):
    """What was compared with the rule and found as it should be: SIMs, and rows kept of them."""

    sims: int
    rows: int


def back_up(
    store: Store, wire_row: WireRow, moment: Moment, file: Path, *, check: bool, advance: Advance
) -> Backup:
    """Copy one moment of a store into a file that is not there yet.

    `check` is whether the kept answer is compared with the rule, too. `moment` is now. Raises
    `BackupRefused` and leaves nothing where that fails.
    """
    part = file.with_name(f".{file.name}{PART_ENDING}")
    return _backed_up(store, wire_row, moment, (part, file), check=check, advance=advance)


def back_up_into(
    store: Store, wire_row: WireRow, moment: Moment, folder: Path, *, check: bool, advance: Advance
) -> Backup:
    """Copy one moment of a store into a new file of a folder, named after both."""
    stem = stem_of(store)
    paths = (folder / f".{stem}{PART_ENDING}", folder / f"{stem}-{in_name(moment)}.db")
    return _backed_up(store, wire_row, moment, paths, check=check, advance=advance)


def in_name(moment: Moment) -> str:
    """A moment, to the second, as the names of files have it: 20260601T120000Z."""
    return wire(moment, UTC).replace("-", "").replace(":", "")


def stem_of(store: Store) -> str:
    """What the names of a store's backups in a folder begin with."""
    return Path(store.name).stem


def _backed_up(
    store: Store,
    wire_row: WireRow,
    moment: Moment,
    paths: tuple[Path, Path],
    *,
    check: bool,
    advance: Advance,
) -> Backup:
    part, file = paths
    if file.exists():
        message = f"{file}: there is a file of that name already; name another, or a folder"
        raise BackupRefused(message)
    if not file.parent.is_dir():
        message = f"{file.parent}: there is no such folder; make it first"
        raise BackupRefused(message)
    with private_part(part):
        schema = store.copy_into(part, advance)
        last = _examined(part, schema, wire_row, check=check, advance=advance)
        manifest = Manifest(
            taken_at=wire(moment, UTC),
            bytes=part.stat().st_size,
            sha256=digest_of(part),
            schema=schema,
            last_change_set=last,
            verified=check,
            program=version("tallystick"),
        )
        _publish(part, file, manifest)
    return Backup(file, manifest)


@contextmanager
def private_part(part: Path) -> Iterator[None]:
    """An empty file for its owner alone, which no other process uses; gone at the end.

    Raises `BackupRefused` where another process makes the same backup, and `OSError`.
    """
    opened = os.open(part, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, OWNER_ALONE)
    try:
        _take_for_oneself(opened, part)
        backups.drop_beside(part)
        try:
            yield
        finally:
            part.unlink(missing_ok=True)
            backups.drop_beside(part)
    finally:
        os.close(opened)


def _take_for_oneself(opened: int, part: Path) -> None:
    """Lock a file that is still at its path, and empty it: a killed run may have left it."""
    try:
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        is_at_its_path = os.path.samestat(os.fstat(opened), part.stat())
    except (BlockingIOError, FileNotFoundError):
        is_at_its_path = False
    if not is_at_its_path:
        message = f"{part}: another process makes this backup; wait for it to end"
        raise BackupRefused(message)
    os.ftruncate(opened, 0)
    os.fchmod(opened, OWNER_ALONE)


def _examined(
    part: Path, schema: int, wire_row: WireRow, *, check: bool, advance: Advance
) -> int | None:
    """The position of a copy's ledger, None in an older schema; the kept answer is as it should be.

    Raises `BackupRefused`.
    """
    if schema != backups.newest_schema():
        if check:
            message = (
                f"a store of schema {schema} cannot be verified by this program, whose schema is"
                f" {backups.newest_schema()}; back it up without --check"
            )
            raise BackupRefused(message)
        return None
    with open_store(backups.address_of_file(part), wire_row) as copy:
        if check:
            prove(copy, wire_row, advance)
        with copy.snapshot() as reader:
            newest = reader.change_sets(BEHIND_ALL, 1)
    return newest[0].change_set_id if newest else 0


def prove(store: Store, wire_row: WireRow, advance: Advance) -> Proof:
    """Look for damage, and compare the kept answer with the rule. Raises `BackupRefused`."""
    for checked in check_integrity(store):
        if checked.damage:
            message = f"{store.name}: damaged: {checked.check}: {checked.damage[0].text}"
            raise BackupRefused(message)
    sims = rows = different = 0
    with store.snapshot() as reader:
        sims_in_all = reader.counts().sims
    for verified in verify(store, wire_row):
        sims, rows = sims + verified.sims, rows + verified.rows
        different += len(verified.differences)
        advance(sims, sims_in_all)
    different += sum(each.wrong for each in verify_attributions(store))
    if different:
        message = (
            f"{store.name}: {different:,} rows are not as the rule has them; see `tallystick"
            " verify` and docs/howto/verify-and-upgrade.md"
        )
        raise BackupRefused(message)
    return Proof(sims, rows)


def digest_of(file: Path) -> str:
    """The SHA-256 of a file."""
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _publish(part: Path, file: Path, manifest: Manifest) -> None:
    """Give a finished backup its name, on the disk as well, with its manifest there before it."""
    with part.open("rb") as content:
        os.fsync(content.fileno())
    beside = manifest_of(file)
    try:
        _write_private(beside, msgspec.json.format(msgspec.json.encode(manifest)) + b"\n")
        part.rename(file)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    flush_folder(file.parent)


def _write_private(path: Path, content: bytes) -> None:
    opened = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, OWNER_ALONE)
    with os.fdopen(opened, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def flush_folder(folder: Path) -> None:
    """Have the names of a folder's files on the disk."""
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def manifest_of(file: Path) -> Path:
    """Where the manifest of a backup is."""
    return file.with_name(file.name + MANIFEST_ENDING)


def backup_in(file: Path) -> Backup:
    """The backup in a file, whose content is not looked at yet. Raises `BackupRefused`."""
    beside = manifest_of(file)
    try:
        manifest = msgspec.json.decode(beside.read_bytes(), type=Manifest)
        size = file.stat().st_size
    except FileNotFoundError as error:
        raise BackupRefused(_missing(file)) from error
    except OSError as error:
        message = f"{error.filename}: cannot be read, which a backup needs: {error.strerror}"
        raise BackupRefused(message) from error
    except msgspec.DecodeError as error:
        message = f"{beside}: is not the manifest of a backup: {error}"
        raise BackupRefused(message) from error
    if size != manifest.bytes:
        message = f"{file}: has {size:,} bytes, and {manifest.bytes:,} by its manifest"
        raise BackupRefused(message)
    return Backup(file, manifest)


def _missing(file: Path) -> str:
    """Why there is no backup in a file: it is not there itself, or its manifest is not."""
    if not file.exists():
        return f"{file}: there is no such file; name a backup, or the folder that it is in"
    return (
        f"{manifest_of(file)}: is not there, and a backup is restored together with its manifest; "
        "docs/howto/back-up.md says how a copy without one is put in place"
    )


def backups_in(folder: Path, stem: str) -> list[Backup]:
    """The whole backups of one store in a folder, the oldest first; all else is passed over."""
    form = re.compile(rf"{re.escape(stem)}-[0-9]{{8}}T[0-9]{{6}}Z\.db")
    whole = []
    for file in folder.iterdir():
        if form.fullmatch(file.name):
            with suppress(BackupRefused):
                whole.append(backup_in(file))
    return sorted(whole, key=lambda each: (each.manifest.taken_at, each.file.name))


def newest_in(folder: Path, stem: str) -> Backup:
    """The newest whole backup of one store in a folder. Raises `BackupRefused` if there is none."""
    whole = backups_in(folder, stem)
    if not whole:
        message = f"{folder}: there is no whole backup of a store called {stem} in that folder"
        raise BackupRefused(message)
    return whole[-1]


def forget_oldest(folder: Path, stem: str, keep: int) -> list[Path]:
    """Delete all whole backups of one store in a folder but the newest; give which were deleted.

    `keep` of them stay, 1 at least.
    """
    old = [each.file for each in backups_in(folder, stem)[: -max(keep, 1)]]
    for file in old:
        file.unlink()
        manifest_of(file).unlink(missing_ok=True)
    if old:
        flush_folder(folder)
    return old
