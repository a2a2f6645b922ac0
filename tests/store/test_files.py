"""The files of a store on SQLite: deleted or replaced while it is open, and who may read them."""

from __future__ import annotations

import os
import shutil
import stat
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from tallystick.core.errors import OutcomeUnknown, StoreBroken
from tallystick.core.facts import SimActivation
from tallystick.store import open_store
from tallystick.store.engines.files import LOOK_AGAIN_S
from tallystick.thingspace.rows import wire_row
from tests.listening import wait_until
from tests.store.few import ONE, TWO, seen, start

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tallystick.store import Store


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the store is."""
    (tmp_path / "data").mkdir()
    return tmp_path / "data" / "store.db"


@pytest.fixture(params=[0, 60], ids=["young", "at rest"])
def opened(path: Path, request: pytest.FixtureRequest) -> Iterator[Store]:
    """A store that has been written to and is open, in a folder changed so many seconds ago."""
    with open_store(f"sqlite:///{path}", wire_row) as store:
        store.init("UTC")
        take(store, 1)
        leave_at_rest(path.parent, request.param)
        assert activations(store) == 1
        yield store


def leave_at_rest(folder: Path, seconds: float) -> None:
    """Have a folder look as if nothing in it was made or deleted for so many seconds."""
    changed_at = time.time() - seconds
    os.utime(folder, (changed_at, changed_at))


def take(store: Store, moment: int) -> None:
    """Take an activation in."""
    with store.transaction() as writer:
        writer.take(SimActivation, [seen(ONE, at=moment)])


def activations(store: Store) -> int:
    """How many the store has."""
    with store.snapshot() as reader:
        return reader.counts().activations


def activations_of_another_process(path: Path) -> int:
    """How many whoever opens the store anew finds."""
    with open_store(f"sqlite:///{path}", wire_row) as store:
        return activations(store)


def delete(path: Path) -> None:
    path.unlink()


def replace(path: Path) -> None:
    copy = path.with_name("copy")
    shutil.copy(path, copy)
    copy.rename(path)


def remove_folder(path: Path) -> None:
    while path.parent.exists():  # a loop of the store may put a file there meanwhile
        with suppress(OSError):
            shutil.rmtree(path.parent)


def delete_log(path: Path) -> None:
    path.with_name("store.db-wal").unlink()


def delete_index(path: Path) -> None:
    path.with_name("store.db-shm").unlink()


@pytest.mark.parametrize("lose", [delete, replace, remove_folder, delete_log, delete_index])
def test_a_store_whose_files_are_deleted_or_replaced_is_neither_read_nor_written(
    opened: Store, path: Path, lose: Callable[[Path], None]
) -> None:
    lose(path)
    with pytest.raises(StoreBroken, match="was deleted or replaced while the store was open"):
        take(opened, 2)
    with pytest.raises(StoreBroken, match="put it back, or restart"):
        activations(opened)


def test_a_file_that_is_replaced_at_once_is_missed_by_a_file_system_with_a_coarse_clock(
    path: Path,
) -> None:
    with open_store(f"sqlite:///{path}", wire_row) as store:
        store.init("UTC")
        assert activations(store) == 0
        before = path.parent.stat()
        replace(path)
        os.utime(path.parent, ns=(before.st_atime_ns, before.st_mtime_ns))
        time.sleep(2 * LOOK_AGAIN_S)
        with pytest.raises(StoreBroken, match="was deleted or replaced"):
            activations(store)


def test_a_file_that_is_replaced_behind_a_link_is_missed(path: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.db"
    with open_store(f"sqlite:///{path}", wire_row) as store:
        store.init("UTC")
    link.symlink_to(path)
    leave_at_rest(tmp_path, 60)
    with open_store(f"sqlite:///{link}", wire_row) as store:
        assert activations(store) == 0
        replace(path)
        time.sleep(2 * LOOK_AGAIN_S)
        with pytest.raises(StoreBroken, match=r"link\.db was deleted or replaced"):
            activations(store)


def test_a_store_whose_file_comes_back_goes_on_by_itself(opened: Store, path: Path) -> None:
    path.rename(path.with_name("elsewhere"))
    with pytest.raises(StoreBroken):
        take(opened, 2)
    path.with_name("elsewhere").rename(path)
    take(opened, 3)
    assert activations(opened) == 2


def test_what_is_written_while_the_file_is_deleted_is_not_acknowledged(
    opened: Store, path: Path
) -> None:
    def write() -> None:
        with opened.transaction() as writer:
            writer.take(SimActivation, [seen(TWO)])
            path.unlink()

    with pytest.raises(OutcomeUnknown, match="deleted or replaced meanwhile"):
        write()


def test_what_a_deleted_log_has_is_saved_into_the_store(opened: Store, path: Path) -> None:
    for moment in range(2, 100):
        take(opened, moment)
    delete_log(path)
    size = path.stat().st_size
    copy = path.with_name("copy.db")

    def is_saved() -> bool:
        shutil.copy(path, copy)
        return activations_of_another_process(copy) == 99

    wait_until(is_saved)
    assert path.stat().st_size >= size


KILLED = """
import os, sys
from tallystick.store import open_store
from tallystick.store.engines.files import LOOK_AGAIN_S
from tallystick.thingspace.rows import wire_row
os.umask(0)
store = open_store(sys.argv[1], wire_row)
store.init("UTC")
with store.transaction() as writer:
    writer.account_ids_made({"a"})
os._exit(0)  # so that the log stays
"""


def test_the_files_of_a_store_are_for_their_owner_alone(path: Path) -> None:
    start(KILLED, f"sqlite:///{path}").communicate(timeout=60)
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
    assert modes == dict.fromkeys(
        ("store.db", "store.db-wal", "store.db-shm", "store.db-turn"), 0o600
    )


@pytest.mark.parametrize(
    ("of_store", "of_turns"), [(0o600, 0o600), (0o644, 0o600), (0o660, 0o660), (0o640, 0o600)]
)
def test_turns_are_for_those_who_may_write_to_the_store(
    path: Path, of_store: int, of_turns: int
) -> None:
    with open_store(f"sqlite:///{path}", wire_row) as store:
        store.init("UTC")
    turns = path.with_name("store.db-turn")
    turns.chmod(0o644)  # as older programs left it
    path.chmod(of_store)
    with open_store(f"sqlite:///{path}", wire_row) as store:
        take(store, 1)
        assert store.is_read_by_others() == (of_store != 0o600)
    assert stat.S_IMODE(turns.stat().st_mode) == of_turns
    assert stat.S_IMODE(path.stat().st_mode) == of_store
