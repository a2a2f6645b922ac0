"""SQLite's log is carried over and kept short, whatever happens to the disk and to readers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest

from tallystick.core.facts import SimActivation
from tallystick.core.identifiers import Iccid
from tallystick.store import open_store
from tallystick.store.engines import checkpoints
from tallystick.thingspace.rows import wire_row
from tests.listening import wait_until
from tests.store.few import seen

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tallystick.store import Store

PAGE_BYTES = 4096

# On a full disk, in a process of its own.

BEGINNING = """
import json, resource, sys, time
from pathlib import Path
from tallystick.background import Loops
from tallystick.core.errors import StoreBroken
from tallystick.core.facts import SimActivation
from tallystick.core.identifiers import Iccid, Imei
from tallystick.core.moments import Moment
from tallystick.store import open_store
from tallystick.store.engines import checkpoints
from tallystick.thingspace.rows import wire_row

def wait_until(is_so):
    until = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < until, "it does not come about"
        time.sleep(0.02)

class Timer:
    now = 0.0
    def __call__(self):
        return self.now

class Taken:
    facts = 0
    def take(self, store, count):
        imei = Imei.parse("352099001761481")
        numbers = range(self.facts, self.facts + count)
        facts = [SimActivation(Iccid.parse(f"89{n:016}"), Moment(n), imei) for n in numbers]
        try:
            with store.transaction() as writer:
                writer.take(SimActivation, facts)
        except StoreBroken:
            return False
        self.facts += count
        return True

def kept(store):
    with store.snapshot() as reader:
        return reader.counts().activations

path = Path(sys.argv[1])
url = f"sqlite:///{path}"
log = Path(f"{path}-wal")
timer = Timer()
loops = Loops(timer, lambda failures: 0.05)
taken = Taken()
"""

FILE_MAY_NOT_GROW = """
def limit(size):
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

checkpoints.PAGES_NUDGE, checkpoints.PAGES_MAX = 10, 20
with open_store(url, wire_row) as store:
    store.init("UTC")
    assert taken.take(store, 100_000)
with open_store(url, wire_row, loops) as store:
    size = path.stat().st_size
    limit(size)
    while taken.take(store, 1000):
        pass
    log_bytes = log.stat().st_size
    refused = sum(not taken.take(store, 1000) for _ in range(50))
    timer.now = 61
    wait_until(loops.failing)
    answer = {
        "refused": refused,
        "log grew": log.stat().st_size - log_bytes,
        "acknowledged are kept": kept(store) == taken.facts,
        "failing": [work.name for work in loops.failing()],
        "stuck": store.space().stuck is not None,
    }
    limit(resource.RLIM_INFINITY)
    wait_until(lambda: not loops.failing())
    answer |= {
        "taken again": taken.take(store, 1000),
        "all are kept": kept(store) == taken.facts,
        "stuck again": store.space().stuck is not None,
        "file grew": path.stat().st_size > size,
    }
print(json.dumps(answer))
"""

DISK_IS_FULL = """
checkpoints.PAGES_NUDGE = 100
filler = path.with_name("filler")
filler.write_bytes(bytes(4 * 1024 * 1024))
with open_store(url, wire_row, loops) as store:
    store.init("UTC")
    while taken.take(store, 2000):
        pass
    log_bytes = log.stat().st_size
    refused = sum(not taken.take(store, 2000) for _ in range(50))
    answer = {
        "refused": refused > 40,
        "log grew": log.stat().st_size - log_bytes,
        "acknowledged are kept": kept(store) == taken.facts,
        "little is free": store.space().free_bytes < 1024 * 1024,
    }
    filler.unlink()
    wait_until(lambda: taken.take(store, 2000))
    answer |= {
        "taken again": all(taken.take(store, 100) for _ in range(50)),
        "all are kept": kept(store) == taken.facts,
    }
    wait_until(lambda: store.space().stuck is None)
print(json.dumps(answer))
"""


def answer_of(script: str, path: Path, *before: str) -> dict[str, Any]:
    """What a script says, run in a process of its own."""
    ran = subprocess.run(
        [*before, sys.executable, "-c", BEGINNING + script, str(path)],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    answer: dict[str, Any] = json.loads(ran.stdout)
    return answer


def test_while_the_log_cannot_be_carried_over_writers_are_refused_and_afterwards_it_goes_on(
    tmp_path: Path,
) -> None:
    """A limit to the size of files is as a disk without room for the store's file."""
    assert answer_of(FILE_MAY_NOT_GROW, tmp_path / "store.db") == {
        "refused": 50,
        "log grew": 0,
        "acknowledged are kept": True,
        "failing": ["checkpoints"],
        "stuck": True,
        "taken again": True,
        "all are kept": True,
        "stuck again": False,
        "file grew": True,
    }


SMALL_DISK = 'mount -t tmpfs -o size=16m none "$0" && exec "$@"'


def test_a_full_disk_refuses_writers_and_what_is_freed_is_not_eaten_by_the_log(
    tmp_path: Path,
) -> None:
    """A disk of 16 MB that only the process of the store has."""
    as_root = ["unshare", "--map-root-user", "--mount", "sh", "-c", SMALL_DISK, str(tmp_path)]
    if subprocess.run([*as_root, "true"], capture_output=True, check=False).returncode:
        pytest.skip("this machine lets a process mount no file system of its own")
    assert answer_of(DISK_IS_FULL, tmp_path / "store.db", *as_root) == {
        "refused": True,
        "log grew": 0,
        "acknowledged are kept": True,
        "little is free": True,
        "taken again": True,
        "all are kept": True,
    }


# Readers that hold the log


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file of a store whose log is carried over early."""
    monkeypatch.setattr(checkpoints, "PAGES_NUDGE", 20)
    monkeypatch.setattr(checkpoints, "LOG_BYTES_KEPT", 50 * PAGE_BYTES)
    return tmp_path / "store.db"


@pytest.fixture
def small(path: Path) -> Iterator[Store]:
    """A fresh store."""
    with open_store(f"sqlite:///{path}", wire_row) as store:
        store.init("UTC")
        yield store


def take(store: Store, first: int, how_many: int) -> None:
    """Take so many activations in."""
    facts = [seen(Iccid.parse(f"89{number:016}")) for number in range(first, first + how_many)]
    with store.transaction() as writer:
        writer.take(SimActivation, facts)


def test_a_log_that_a_snapshot_has_kept_long_is_cut_off_when_the_snapshot_has_ended(
    small: Store, path: Path
) -> None:
    with small.snapshot() as reader:
        reader.counts()
        for first in range(0, 20_000, 1000):
            take(small, first, 1000)
        space = small.space()
        assert space
        assert space.log_bytes > 150 * PAGE_BYTES
        assert space.log_bytes == path.with_name("store.db-wal").stat().st_size

    numbers = count(20_000)

    def is_cut_off() -> bool:
        take(small, next(numbers), 1)
        shortened = small.space()
        return shortened is not None and shortened.log_bytes < 60 * PAGE_BYTES

    wait_until(is_cut_off)


@contextmanager
def overlapping_snapshots(store: Store) -> Iterator[None]:
    """At each moment somebody has a snapshot, none of them for long."""
    ended = threading.Event()

    def read(after_s: float) -> None:
        time.sleep(after_s)
        while not ended.is_set():
            with store.snapshot() as reader:
                reader.counts()
                time.sleep(0.1)

    threads = [threading.Thread(target=read, args=(after_s,)) for after_s in (0, 0.03, 0.06)]
    for thread in threads:
        thread.start()
    time.sleep(0.1)
    try:
        yield
    finally:
        ended.set()
        for thread in threads:
            thread.join()


def test_readers_of_whom_there_is_always_one_do_not_let_the_log_grow_for_ever(
    small: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoints, "PAGES_FORCED", 200)
    # On a busy machine a reader takes longer than it sleeps; how busy it is must not decide.
    monkeypatch.setattr(checkpoints, "READERS_WAIT_MS_MAX", 10_000)
    log_bytes = []
    with overlapping_snapshots(small):
        for number in range(300):
            take(small, number * 200, 200)
            space = small.space()
            assert space
            log_bytes.append(space.log_bytes)
    assert max(log_bytes) < 1200 * PAGE_BYTES  # 1,800 where nothing is carried over
