"""Backups are whole or not there, and what is restored from one is what was backed up."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING

import apsw
import msgspec
import pytest

from tallystick.core.errors import BackupRefused
from tallystick.core.moments import Moment
from tallystick.operations.backup import (
    back_up,
    back_up_into,
    backup_in,
    backups_in,
    forget_oldest,
    manifest_of,
)
from tallystick.operations.restore import drill, restore
from tallystick.store import open_store
from tallystick.store.backups import address_of_file, newest_schema
from tallystick.store.engines import copying
from tallystick.thingspace.rows import wire_row
from tests.engines import change, damage, empty_sqlite_file
from tests.store.few import ICCIDS, ONE, expected, rows, seen, sim, take

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tallystick.operations.backup import Backup
    from tallystick.operations.restore import Restored
    from tallystick.store import Store

NOW = Moment(1_800_000_000_000_000)  # 2027-01-15T08:00:00Z
LATER = Moment(NOW + 1_000_000)
DUMPS = Path(__file__).parents[1] / "dumps" / "sqlite"
# Makes a backup of a store and stops for ever in the middle of it.
STOPPED = """
import sys, time
from pathlib import Path
from tallystick.core.moments import Moment
from tallystick.operations.backup import back_up_into
from tallystick.store import open_store
from tallystick.store.engines import copying
copying.PAGES_A_STEP = 10

def stop(done, pages):
    print(0 < done < pages, flush=True)
    time.sleep(60)

with open_store(sys.argv[1], None) as store:
    back_up_into(store, None, Moment(0), Path(sys.argv[2]), check=False, advance=stop)
"""
HOLDING = """
import apsw, sys
held = apsw.Connection(sys.argv[1])
held.pragma("user_version")
print(held.pragma("journal_mode"), flush=True)
sys.stdin.read()
"""


def quietly(_done: int, _of: int) -> None:
    """No progress is shown."""


def backed_up(store: Store, file: Path, *, check: bool = False) -> Backup:
    return back_up(store, wire_row, NOW, file, check=check, advance=quietly)


def restored(file: Path, place: Path, *, replace: bool = False) -> Restored:
    return restore(file, place, wire_row, LATER, replace=replace, advance=quietly)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where backups go."""
    (tmp_path / "backups").mkdir()
    return tmp_path / "backups"


@pytest.fixture
def live(tmp_path: Path) -> Iterator[Store]:
    """A store on SQLite with a mismatch."""
    path = tmp_path / "fleet.db"
    path.write_bytes(empty_sqlite_file())
    with open_store(f"sqlite:///{path}", wire_row) as store:
        take(store, sim(ONE), expected(ONE), seen(ONE))
        yield store


def test_a_backup_says_what_it_is_and_is_for_its_owner_alone(live: Store, folder: Path) -> None:
    backup = backed_up(live, folder / "a.db", check=True)
    manifest = backup.manifest
    assert manifest.taken_at == "2027-01-15T08:00:00Z"
    assert (manifest.schema, manifest.last_change_set) == (newest_schema(), 1)
    assert manifest.verified
    assert backup_in(folder / "a.db") == backup
    assert {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {
        "a.db": 0o600,
        "a.db.json": 0o600,
    }


def test_a_backup_is_of_one_moment_and_writers_go_on_meanwhile(
    live: Store, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copying, "PAGES_A_STEP", 10)
    before = rows(live, "a")
    written = iter(ICCIDS[1:])

    def write(_done: int, _of: int) -> None:
        one = next(written)
        take(live, sim(one), expected(one), seen(one))

    back_up(live, wire_row, NOW, folder / "a.db", check=False, advance=write)
    assert len(rows(live, "a")) > 5
    restored(folder / "a.db", folder / "restored.db")
    with open_store(f"sqlite:///{folder}/restored.db", wire_row) as copy:
        assert rows(copy, "a") == before


def test_a_backup_that_is_killed_under_live_writes_leaves_none_and_the_next_one_is_proven(
    live: Store, folder: Path
) -> None:
    is_over = Event()
    written = []

    def write() -> None:
        for one in ICCIDS[1:]:
            if is_over.is_set():
                break
            take(live, sim(one), expected(one), seen(one))
            written.append(one)

    writing = Thread(target=write)
    writing.start()
    try:
        command = [sys.executable, "-c", STOPPED, f"sqlite:///{live.name}", str(folder)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout
            assert process.stdout.readline() == "True\n"
            process.kill()
        assert backups_in(folder, "fleet") == []
        assert any(folder.iterdir())
        acknowledged = len(written)
        backup = back_up_into(live, wire_row, NOW, folder, check=True, advance=quietly)
    finally:
        is_over.set()
        writing.join()
    assert set(folder.iterdir()) == {backup.file, manifest_of(backup.file)}
    proof = drill(backup.file, wire_row, advance=quietly).proof
    assert proof.sims >= acknowledged + 1
    restored(backup.file, folder / "new.db")
    with open_store(f"sqlite:///{folder}/new.db", wire_row) as copy:
        take(copy, sim(ICCIDS[-1]))  # and it can be written to


def test_a_store_that_is_damaged_gives_no_backup(live: Store, folder: Path) -> None:
    live.close()
    damage(Path(live.name), "audit_records_by_action")
    with pytest.raises(BackupRefused, match="the copy is damaged, and so may be the store"):
        backed_up(live, folder / "a.db")
    assert list(folder.iterdir()) == []


def test_a_kept_answer_that_is_not_as_the_rule_has_it_gives_no_checked_backup(
    live: Store, folder: Path
) -> None:
    change(f"sqlite:///{live.name}", "DELETE FROM mismatches")
    with pytest.raises(BackupRefused, match="1 rows are not as the rule has them"):
        backed_up(live, folder / "a.db", check=True)
    assert list(folder.iterdir()) == []
    backed_up(live, folder / "a.db")
    with pytest.raises(BackupRefused, match="1 rows are not as the rule has them"):
        restored(folder / "a.db", folder / "new.db")
    assert not (folder / "new.db").exists()


def test_a_disk_without_room_is_said_before_anything_is_copied(
    live: Store, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copying, "SPARE_BYTES", 1 << 60)
    with pytest.raises(BackupRefused, match=r"bytes are needed, and [0-9,]+ are free"):
        backed_up(live, folder / "a.db")
    assert list(folder.iterdir()) == []


def test_a_file_that_is_there_is_not_written_over(live: Store, folder: Path) -> None:
    backed_up(live, folder / "a.db")
    before = (folder / "a.db").read_bytes()
    take(live, sim(ICCIDS[1]))
    with pytest.raises(BackupRefused, match="there is a file of that name already"):
        backed_up(live, folder / "a.db")
    assert (folder / "a.db").read_bytes() == before


def test_old_backups_go_and_the_last_good_one_stays(live: Store, folder: Path) -> None:
    made = [
        back_up_into(
            live, wire_row, Moment(NOW + n * 1_000_000), folder, check=False, advance=quietly
        )
        for n in range(4)
    ]
    manifest_of(made[3].file).unlink()  # the newest is not whole
    (folder / "fleet-eu-20270115T080000Z.db").write_bytes(b"of another store")
    assert forget_oldest(folder, "fleet", 2) == [made[0].file]
    assert forget_oldest(folder, "fleet", 0) == [made[1].file]
    assert backups_in(folder, "fleet") == [made[2]]
    assert made[3].file.exists()
    assert not manifest_of(made[0].file).exists()


def test_what_is_not_what_the_manifest_says_is_not_restored(live: Store, folder: Path) -> None:
    file = backed_up(live, folder / "a.db").file
    with file.open("r+b") as content:
        content.seek(-1, os.SEEK_END)
        content.write(b"!")
    with pytest.raises(BackupRefused, match="its content is not what its manifest says"):
        restored(file, folder / "new.db")
    with file.open("ab") as content:
        content.write(b"!")
    with pytest.raises(BackupRefused, match="by its manifest"):
        restored(file, folder / "new.db")
    manifest_of(file).write_text("{}")
    with pytest.raises(BackupRefused, match="is not the manifest of a backup"):
        restored(file, folder / "new.db")
    manifest_of(file).unlink()
    with pytest.raises(BackupRefused, match=r"a\.db\.json: is not there, and a backup is restored"):
        restored(file, folder / "new.db")
    assert [path.name for path in folder.iterdir()] == ["a.db"]


def test_a_backup_of_a_newer_program_is_not_restored(live: Store, folder: Path) -> None:
    backup = backed_up(live, folder / "a.db")
    newer = msgspec.structs.replace(backup.manifest, schema=newest_schema() + 1, program="9.0.0")
    manifest_of(backup.file).write_bytes(msgspec.json.encode(newer))
    with pytest.raises(BackupRefused, match=r"made by Tallystick 9\.0\.0, and this program knows"):
        restored(backup.file, folder / "new.db")


def test_a_store_that_is_there_is_replaced_only_if_asked_and_then_moved_aside(
    live: Store, folder: Path
) -> None:
    backed_up(live, folder / "a.db")
    take(live, sim(ICCIDS[1]))
    live.close()
    place = Path(live.name)
    with pytest.raises(BackupRefused, match="there is a store already"):
        restored(folder / "a.db", place)
    replaced = restored(folder / "a.db", place, replace=True).replaced
    assert replaced == place.with_name("fleet.db.replaced-20270115T080001Z")
    for path, sims in ((place, 1), (replaced, 2)):
        with open_store(address_of_file(path), wire_row) as store, store.snapshot() as reader:
            assert reader.counts().sims == sims
    assert stat.S_IMODE(place.stat().st_mode) == 0o600


def test_a_store_that_another_process_has_open_is_not_replaced(live: Store, folder: Path) -> None:
    backed_up(live, folder / "a.db")
    live.close()
    command = [sys.executable, "-c", HOLDING, live.name]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stdout.readline() == b"wal\n"
        with pytest.raises(BackupRefused, match="another process has the store open"):
            restored(folder / "a.db", Path(live.name), replace=True)
        process.kill()
    assert restored(folder / "a.db", Path(live.name), replace=True).replaced


def test_what_is_interrupted_leaves_no_part_and_the_store_as_it_was(
    live: Store, folder: Path
) -> None:
    def interrupt(_done: int, _of: int) -> None:
        raise KeyboardInterrupt

    place = Path(live.name)
    with pytest.raises(KeyboardInterrupt):
        back_up(live, wire_row, NOW, folder / "a.db", check=False, advance=interrupt)
    assert list(folder.iterdir()) == []
    backed_up(live, folder / "a.db")
    take(live, sim(ICCIDS[1]))
    live.close()
    with pytest.raises(KeyboardInterrupt):
        restore(folder / "a.db", place, wire_row, LATER, replace=True, advance=interrupt)
    assert not list(place.parent.glob(".*.part*")) + list(place.parent.glob("*.replaced-*"))
    with open_store(address_of_file(place), wire_row) as store, store.snapshot() as reader:
        assert reader.counts().sims == 2


def test_a_store_of_an_older_schema_is_backed_up_as_it_is_and_upgraded_when_it_is_restored(
    folder: Path, tmp_path: Path
) -> None:
    path = tmp_path / "old.db"
    driver = apsw.Connection(str(path))
    driver.execute((DUMPS / "0014.sql").read_text("utf-8"))
    driver.close()
    with open_store(f"sqlite:///{path}", wire_row) as old:
        with pytest.raises(BackupRefused, match="back it up without --check"):
            backed_up(old, folder / "a.db", check=True)
        manifest = backed_up(old, folder / "a.db").manifest
    assert (manifest.schema, manifest.last_change_set) == (14, None)
    done = restored(folder / "a.db", folder / "new.db")
    assert done.steps == newest_schema() - 14
    assert done.proof.rows > 0


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_what_root_restores_belongs_to_the_owner_of_the_folder(live: Store, folder: Path) -> None:
    backed_up(live, folder / "a.db")
    os.chown(folder, 4321, 4321)
    restored(folder / "a.db", folder / "new.db")
    assert ((folder / "new.db").stat().st_uid, (folder / "a.db").stat().st_uid) == (4321, 0)
