"""The doctor finds what is wrong with a store, its files and its machine, and says what to mend."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tallystick.clock import system_clock
from tallystick.core.moments import Moment
from tallystick.operations.doctor import Finding, Machine, State, examine
from tallystick.settings import read_sourced
from tallystick.store import open_store
from tallystick.thingspace.rows import wire_row
from tests.engines import change, damage, empty_sqlite_file

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

HOLDING = """
import apsw, sys
held = apsw.Connection(sys.argv[1])
held.pragma("journal_mode")
print(flush=True)
sys.stdin.read()
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A sound store, for its owner alone."""
    path = tmp_path / "fleet.db"
    path.write_bytes(empty_sqlite_file())
    path.chmod(0o600)
    return path


def examined(
    file: Path,
    variables: Mapping[str, str] | None = None,
    *,
    config: Path | None = None,
    now: int | None = None,
    files_max: int | None = 20_000,
) -> list[Finding]:
    named = {"TALLYSTICK_DATABASE": f"sqlite:///{file}", **(variables or {})}
    sourced = read_sourced(named)
    machine = Machine(Moment(system_clock() if now is None else now), files_max, {})
    with open_store(sourced.settings.database, wire_row) as store:
        return examine(sourced, config, store, machine)


def wrong(findings: list[Finding]) -> list[tuple[str, State]]:
    return [(each.check, each.state) for each in findings if each.state is not State.OK]


def test_where_all_is_well_nothing_is_to_be_mended(file: Path) -> None:
    findings = examined(file)
    checks = [each.check for each in findings]
    assert checks == [
        "versions", "settings", "in use", "store", "damage", "disk", "clock", "file limit",
    ]  # fmt: skip
    assert wrong(findings) == []
    assert not any(each.mend for each in findings)


def test_a_store_that_is_not_there_or_of_another_schema_is_a_problem(file: Path) -> None:
    change(f"sqlite:///{file}", "PRAGMA user_version = 99")
    assert "needs a newer Tallystick" in examined(file)[3].text
    file.unlink()
    findings = examined(file)
    assert wrong(findings) == [("store", State.PROBLEM)]
    assert not file.exists()


def test_a_damaged_store_is_a_problem(file: Path) -> None:
    damage(file, "audit_records_by_action")
    findings = examined(file)
    assert ("damage", State.PROBLEM) in wrong(findings)


def test_files_that_others_may_read_are_warned_of(file: Path, tmp_path: Path) -> None:
    file.chmod(0o644)
    config = tmp_path / "t.toml"
    config.write_text('database = "postgresql://u:secret@127.0.0.1:1/x?connect_timeout=1"\n')
    config.chmod(0o644)
    assert wrong(examined(file)) == [("permissions", State.WARNING)]
    sourced = read_sourced({"TALLYSTICK_CONFIG": str(config)})
    with open_store(sourced.settings.database, wire_row) as store:
        findings = examine(sourced, config, store, Machine(system_clock(), None, {}))
    assert wrong(findings) == [("settings", State.WARNING), ("store", State.PROBLEM)]
    assert "secret" not in str(findings)


def test_another_process_that_has_the_store_open_is_said(file: Path) -> None:
    command = [sys.executable, "-c", HOLDING, str(file)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout
        process.stdout.readline()
        texts = [each.text for each in examined(file)]
        process.kill()
    assert "another process has the store open" in texts


def test_a_clock_that_is_behind_is_said(file: Path) -> None:
    day = 86_400_000_000
    assert wrong(examined(file, now=0)) == [("clock", State.PROBLEM)]
    assert wrong(examined(file, now=system_clock() - day)) == [("clock", State.WARNING)]


def test_too_few_files_for_the_connections_are_said(file: Path) -> None:
    (finding,) = [each for each in examined(file, files_max=1024) if each.mend]
    assert finding.text == (
        "a process may open 1,024 files, so that a worker holds 614 connections, not 4,096"
    )
    assert wrong(examined(file, {"TALLYSTICK_CONNECTIONS": "600"}, files_max=1024)) == []
    assert wrong(examined(file, files_max=None)) == []


def test_another_zone_than_the_rows_are_kept_in_is_said(file: Path) -> None:
    zone = {"TALLYSTICK_TIME_ZONE": "Asia/Kathmandu"}
    assert wrong(examined(file, zone)) == [("time zone", State.WARNING)]


def test_work_that_is_not_finished_is_said(file: Path) -> None:
    change(f"sqlite:///{file}", "INSERT INTO unfinished_work VALUES ('rename', 1, 0)")
    assert wrong(examined(file)) == [("store", State.WARNING)]


def test_the_doctor_changes_nothing(file: Path) -> None:
    before = (file.read_bytes(), file.stat().st_mtime_ns)
    examined(file)
    assert (file.read_bytes(), file.stat().st_mtime_ns) == before
    assert list(file.parent.iterdir()) == [file]


def test_traces_without_their_packages_are_a_problem_that_says_what_to_install(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    traces = {"TALLYSTICK_TRACES": "yes"}
    assert wrong(examined(file, traces)) == []
    monkeypatch.delitem(sys.modules, "tallystick.tracing.collector")
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    findings = examined(file, traces)
    assert wrong(findings) == [("traces", State.PROBLEM)]
    (finding,) = (each for each in findings if each.check == "traces")
    assert "pip install 'tallystick[traces]'" in finding.text
