"""Files that wait for a worker's thread: how many may, and what becomes of them when it ends."""

from __future__ import annotations

import secrets
import threading
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pytest

from tallystick.background import Loops
from tallystick.console import import_queue
from tallystick.console.import_queue import ImportQueue, Job
from tallystick.core.acts import Act, Via
from tallystick.core.ledger import BEHIND_ALL, Origin
from tallystick.http.calls import CallsBusy
from tallystick.intake import ImportOptions, listed
from tests.console.world import HOME, TWO
from tests.quick_access import quick_access

if TYPE_CHECKING:
    from pathlib import Path

    from tallystick.store import Store
    from tests.conftest import Clock


@pytest.fixture
def engine() -> str:
    return "sqlite"


def job_of(folder: Path, clock: Clock, act: Act | None = None) -> Job:
    """A file of one activation."""
    own = TemporaryDirectory(dir=folder)
    path = f"{own.name}/a.csv"
    with open(path, "w", encoding="utf-8") as file:  # noqa: PTH123 - the path is a text here
        file.write(f"iccid,imei,activated_at\n{TWO},{HOME},2026-05-06T10:00:00Z\n")
    options = ImportOptions(origin=Origin("console/ed", clock()))
    return Job("activations", "a.csv", path, own, options, act, threading.Event())


def states(store: Store, clock: Clock) -> list[str]:
    """How far all files are, the first first."""
    with store.snapshot() as reader:
        return [str(each.state) for each in reversed(listed(reader, BEHIND_ALL, 100, clock()))]


def test_what_waits_is_bounded_and_ends_with_the_worker(
    store: Store, clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def run(*_: object) -> None:
        begun.set()
        go_on.wait(30)

    monkeypatch.setattr(ImportQueue, "_take_in", run)
    monkeypatch.setattr(import_queue, "WAITING_MAX", 1)
    queue = ImportQueue(store, clock, lambda *_: None, Loops())
    folder = tmp_path / "files"
    folder.mkdir()
    queue.put(job_of(folder, clock))
    assert begun.wait(30)
    queue.put(job_of(folder, clock))
    refused = job_of(tmp_path, clock)
    with refused.folder, pytest.raises(CallsBusy):
        queue.put(refused)
    assert states(store, clock) == ["waiting", "waiting"]
    go_on.set()
    queue.close()
    assert states(store, clock)[1] == "interrupted"
    assert list(folder.iterdir()) == []


def test_the_audit_says_how_a_file_has_ended(store: Store, clock: Clock, tmp_path: Path) -> None:
    access = quick_access(store, clock, secrets.token_bytes)
    queue = ImportQueue(store, clock, access.audit.note, Loops())
    good, bad = (
        job_of(tmp_path, clock, Act(clock(), Via.HTTP, "import.file", name, is_long=True))
        for name in ("console/ed", "console/eve")
    )
    with bad.folder:
        queue.put(good)
        assert good.ended.wait(30)
        queue.put(bad._replace(path=f"{bad.path}.none"))
        assert bad.ended.wait(30)
        queue.close()
    access.close()
    assert states(store, clock) == ["done", "refused"]
    with store.snapshot() as reader:
        entries = [each.entry for each in reader.audit_records()]
    assert [(each.actor, each.outcome) for each in entries] == [
        ("console/ed", "begun"),
        ("console/ed", "done"),
        ("console/eve", "refused: file-refused"),
    ]
