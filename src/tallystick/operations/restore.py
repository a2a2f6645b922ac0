"""Restore: a backup put in the place of a store on SQLite, and proven before it is there.

The backup is copied beside its place under a hidden name, compared with the digest of its manifest,
brought to this program's schema, and compared with the rule. Only then does it get its name. What
was there before is moved aside, never deleted.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tallystick.core.errors import BackupRefused
from tallystick.operations.backup import (
    BYTES_A_READ,
    backup_in,
    flush_folder,
    in_name,
    private_part,
    prove,
)
from tallystick.store import backups, open_store

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tallystick.core.moments import Moment
    from tallystick.operations.backup import Advance, Backup, Proof, WireRow

UNUSED_ZONE = "UTC"  # only a store that is made anew would take it; a backup has its own


class Restored(NamedTuple):
    """What was restored: the backup, how many steps its schema was brought forward, the proof.

    `replaced` is where the store is that was there before.
    """

    backup: Backup
    steps: int
    proof: Proof
    replaced: Path | None


def restore(
    file: Path,
    store: Path,
    wire_row: WireRow,
    moment: Moment,
    *,
    replace: bool,
    advance: Advance,
) -> Restored:
    """Put the backup in a file in the place of a store.

    A store that is there is refused unless `replace` is set. Raises `BackupRefused` and `OSError`;
    the store is then as it was.
    """
    backup = _restorable(file)
    if store.exists() and not replace:
        message = f"{store}: there is a store already; name another place, or use --replace"
        raise BackupRefused(message)
    part = store.with_name(f".{store.name}.restored.part")
    with private_part(part), _kept_closed(store):
        steps, proof = _proven_copy(backup, part, wire_row, advance, is_recorded=True)
        _give_owner(part, store)
        replaced = _put_in_place(part, store, moment)
    return Restored(backup, steps, proof, replaced)


def drill(file: Path, wire_row: WireRow, *, advance: Advance) -> Restored:
    """Do all that `restore` does in a folder for temporary files, which is then deleted.

    Raises `BackupRefused` and `OSError`.
    """
    backup = _restorable(file)
    with tempfile.TemporaryDirectory(prefix="tallystick-drill-") as folder:
        part = Path(folder) / "drill.db"
        with private_part(part):
            steps, proof = _proven_copy(backup, part, wire_row, advance, is_recorded=False)
    return Restored(backup, steps, proof, None)


def _restorable(file: Path) -> Backup:
    """The backup in a file. Raises `BackupRefused` for one that a newer program has made."""
    backup = backup_in(file)
    schema = backup.manifest.schema
    if schema > backups.newest_schema():
        message = (
            f"{file}: has schema {schema}, made by Tallystick {backup.manifest.program}, and this"
            f" program knows {backups.newest_schema()}; install that version, or a newer one"
        )
        raise BackupRefused(message)
    return backup


@contextmanager
def _kept_closed(store: Path) -> Iterator[None]:
    """Keep others from opening the store that is there, if there is any."""
    if not store.exists():
        yield
        return
    with backups.held_alone(store):
        yield


def _proven_copy(
    backup: Backup, part: Path, wire_row: WireRow, advance: Advance, *, is_recorded: bool
) -> tuple[int, Proof]:
    """Copy a backup into an empty file, upgrade and prove it; give the steps and the proof.

    `is_recorded` is whether the audit of the copy is to say that it was restored.
    """
    backups.require_room(part, backup.manifest.bytes)
    if _copied(backup, part, advance) != backup.manifest.sha256:
        message = f"{backup.file}: its content is not what its manifest says: the SHA-256 differs"
        raise BackupRefused(message)
    with open_store(backups.address_of_file(part), wire_row) as copy:
        steps = copy.init(UNUSED_ZONE)
        proof = prove(copy, wire_row, advance)
        if is_recorded:
            with copy.transaction():
                pass  # which appends the record of the act under way
    with part.open("rb") as content:
        os.fsync(content.fileno())
    return steps, proof


def _copied(backup: Backup, part: Path, advance: Advance) -> str:
    """Copy a backup; give the SHA-256 of what was copied."""
    digest = hashlib.sha256()
    done = 0
    with backup.file.open("rb") as source, part.open("r+b") as target:
        while piece := source.read(BYTES_A_READ):
            target.write(piece)
            digest.update(piece)
            done += len(piece)
            advance(done, backup.manifest.bytes)
    return digest.hexdigest()


def _give_owner(part: Path, store: Path) -> None:
    """Let a store that root restores belong to whom the one before did, or else its folder."""
    if os.geteuid() == 0:
        owner = (store if store.exists() else store.absolute().parent).stat()
        os.chown(part, owner.st_uid, owner.st_gid)


def _put_in_place(part: Path, store: Path, moment: Moment) -> Path | None:
    """Give the copy the store's name; give where the store before is now."""
    replaced = None
    if store.exists():
        replaced = store.with_name(f"{store.name}.replaced-{in_name(moment)}")
        backups.move_aside(store, replaced)
    part.rename(store)
    flush_folder(store.absolute().parent)
    return replaced
