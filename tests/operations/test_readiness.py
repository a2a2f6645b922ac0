"""Readiness tells whether the store can be written to, without keeping anybody waiting."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

from tallystick.background import Loops
from tallystick.operations.readiness import FRESH_S_MAX, LOG_EVERY_S, Readiness
from tallystick.store import open_store
from tallystick.store.engines.files import LOOK_AGAIN_S
from tallystick.store.engines.sqlite import path_of
from tallystick.thingspace.rows import wire_row
from tests.engines import change, engine_of
from tests.store.few import start

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from tallystick.store import Store


class Timer:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        """What it shows."""
        return self.now


def later(timer: Timer, readiness: Readiness) -> tuple[str, ...]:
    """What is wrong when the last answer is no longer fresh."""
    timer.now += FRESH_S_MAX + 0.1
    return readiness.wrong()


def test_a_writer_who_takes_long_keeps_nobody_waiting_who_asks(store: Store) -> None:
    """Where it did, nobody would be answered within `ASK_S_MAX`, and be told that."""
    with store.transaction():
        assert Readiness(store, Loops()).wrong() == ()


def test_what_is_tried_changes_nothing(store: Store, database: str) -> None:
    timer = Timer()
    readiness = Readiness(store, Loops(timer))
    assert readiness.wrong() == ()
    with store.snapshot() as reader:
        assert later(timer, readiness) == ()
        assert reader.wire_zone() == "UTC"
    if database.startswith("sqlite:"):
        log = path_of(database).with_name("store.db-wal")
        before = log.stat().st_size
        for _ in range(5):
            assert later(timer, readiness) == ()
        assert log.stat().st_size == before


def test_a_store_that_is_lost_is_told_once_a_minute_in_the_log_and_comes_back(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "store.db"
    timer = Timer()
    with open_store(f"sqlite:///{path}", wire_row) as store:
        store.init("UTC")
        readiness = Readiness(store, Loops(timer))
        assert readiness.wrong() == ()
        path.rename(tmp_path / "elsewhere")
        assert readiness.wrong() == ()  # for a second it is not looked at again
        time.sleep(2 * LOOK_AGAIN_S)
        for _ in range(10):
            assert "deleted or replaced" in later(timer, readiness)[0]
        assert caplog.text.count("not ready") == 1
        timer.now += LOG_EVERY_S
        assert readiness.wrong()
        assert caplog.text.count("not ready") == 2
        (tmp_path / "elsewhere").rename(path)
        assert later(timer, readiness) == ()


OLDER = {
    "sqlite": "PRAGMA user_version = 1",
    "postgresql": "UPDATE store_schema SET number = 1",
}


def test_a_schema_that_was_changed_meanwhile_is_told(store: Store, database: str) -> None:
    timer = Timer()
    readiness = Readiness(store, Loops(timer))
    assert readiness.wrong() == ()
    change(database, OLDER[engine_of(database)])
    assert "schema (1)" in later(timer, readiness)[0]


DISK_REFUSES = """
import json, resource, sys
from tallystick.background import Loops
from tallystick.core.errors import StoreRefused
from tallystick.operations import readiness
from tallystick.store import open_store
from tallystick.thingspace.rows import wire_row

readiness.FRESH_S_MAX = -1
store = open_store(sys.argv[1], wire_row)
store.init("UTC")
ready = readiness.Readiness(store, Loops())

def limit(size):
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

def write(name):
    try:
        with store.transaction() as writer:
            writer.account_ids_made({name})
    except StoreRefused:
        return "refused"
    return "written"

answer = [write("a"), ready.wrong() == ()]
limit(4096)
answer += [write("b"), ready.wrong() == (), ready.wrong() == ()]
limit(resource.RLIM_INFINITY)
answer += [ready.wrong() == (), write("c")]
print(json.dumps(answer))
sys.stdout.flush()
import os
os._exit(0)
"""


def test_a_disk_that_has_refused_a_write_is_told_of_until_it_takes_one(tmp_path: Path) -> None:
    out, errors = start(DISK_REFUSES, f"sqlite:///{tmp_path}/store.db").communicate(timeout=60)
    assert out, errors
    assert json.loads(out) == ["written", True, "refused", False, False, True, "written"]
