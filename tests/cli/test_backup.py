from __future__ import annotations

import json
import time
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import apsw
import pytest

from tests.cli.conftest import WINDOW, Run

if TYPE_CHECKING:
    from tallystick.store import Store

DUMPS = Path(__file__).parents[1] / "dumps"
REPORT = ("report", *WINDOW, "--format", "json")


@pytest.mark.usefixtures("example")
def test_a_backup_is_restored_as_another_store_and_answers_the_same(run: Run) -> None:
    made = run("backup", "a.db", "--check")
    assert made.stdout.startswith("a.db: a backup of 20")
    assert "checked, and compared with the rule; SHA-256 " in made.stdout
    other = "sqlite:///other.db"
    restored = run("restore", "a.db", "--store", other)
    assert restored.stdout.startswith("other.db: restored from a.db of 20")
    assert "2 SIMs, 1 row kept, every one as the rule has it" in restored.stdout
    assert run(*REPORT, env={"TALLYSTICK_DATABASE": other}).stdout == run(*REPORT).stdout


@pytest.mark.usefixtures("example")
def test_backup_drill_and_restore_speak_json(run: Run) -> None:
    manifest = json.loads(Path("a.db.json").read_text()) if run("backup", "a.db").stdout else {}
    drilled = json.loads(run("restore", "a.db", "--drill", "--json").stdout)
    assert drilled["manifest"] == manifest
    assert (drilled["store"], drilled["sims"], drilled["rows"]) == (None, 2, 1)
    replaced = json.loads(run("restore", "a.db", "--replace", "--json").stdout)
    assert replaced["store"] == "tallystick.db"
    assert Path(replaced["replaced"]).exists()
    records = json.loads(run("audit", "list", "--json").stdout)["records"]
    assert [(each["action"], each["subject"]) for each in records] == [("restore", "a.db")]


@pytest.mark.usefixtures("store")
def test_of_a_folder_the_newest_backup_of_the_store_is_taken(run: Run) -> None:
    Path("backups").mkdir()
    refused = run("restore", "backups", "--drill")
    assert "there is no whole backup of a store called tallystick" in refused.stderr
    run("backup", "backups")
    (made,) = Path("backups").glob("*.db")
    other = {"TALLYSTICK_DATABASE": "sqlite:///zz.db"}
    run("init", env=other)
    run("backup", "backups", env=other)
    assert f"{made} of 20" in run("restore", "backups", "--drill").stdout


def test_a_store_of_an_older_program_is_backed_up_before_it_is_upgraded(run: Run) -> None:
    older = apsw.Connection("tallystick.db")
    older.execute((DUMPS / "sqlite" / "0014.sql").read_text("utf-8"))
    older.close()
    made = run("backup", "a.db")
    assert made.exit_code == 0
    assert made.stderr.startswith("warning: the audit does not say how this ended: tallystick.db:")


@pytest.mark.usefixtures("store")
def test_a_restore_that_is_refused_names_what_to_do(run: Run) -> None:
    run("backup", "a.db")
    refused = run("restore", "a.db")
    assert refused.exit_code == 1
    assert refused.stderr == (
        "error: tallystick.db: there is a store already; name another place, or use --replace\n"
    )


@pytest.mark.usefixtures("store")
def test_a_name_in_a_folder_that_is_not_there_is_refused_for_that(run: Run) -> None:
    refused = run("backup", "nowhere/a.db")
    assert refused.exit_code == 1
    assert refused.stderr == "error: nowhere: there is no such folder; make it first\n"
    refused = run("restore", "nowhere/a.db", "--drill")
    assert refused.exit_code == 1
    assert refused.stderr == (
        "error: nowhere/a.db: there is no such file; name a backup, or the folder that it is in\n"
    )


def test_a_store_on_postgresql_is_left_to_tools_of_its_own(run: Run) -> None:
    named = {"TALLYSTICK_DATABASE": "postgresql://tallystick@db.example/tallystick"}
    for call in (("backup", "a.db"), ("restore", "a.db")):
        refused = run(*call, env=named)
        assert refused.exit_code == 1
        assert "PostgreSQL's own tools" in refused.stderr
        assert refused.stderr.count("\n") == 1
    assert list(Path().iterdir()) == []


def test_backups_go_on_after_one_that_fails_and_old_ones_go(
    run: Run, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between backups the store is taken away, and comes back."""
    store.close()
    Path("backups").mkdir()
    place, away = Path("tallystick.db"), Path("away.db")
    pauses: list[float] = []
    in_between = [lambda: place.rename(away), lambda: away.rename(place)]

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        if not in_between:
            raise KeyboardInterrupt
        in_between.pop(0)()
        second = time.time() // 1
        while time.time() // 1 == second:  # names have seconds
            time.sleep(0.01)

    # Threads that other tests have left may sleep, too.
    paused = SimpleNamespace(sleep=pause, monotonic=time.monotonic)
    monkeypatch.setattr("tallystick.cli.backup.time", paused)
    result = run("backup", "backups", "--every", "1h", "--keep", "1")
    assert "error: no backup was made: tallystick.db: there is no store" in result.stderr
    assert result.stdout.count(": a backup of ") == 2
    assert result.stdout.count(": deleted, as an old backup") == 1
    assert len(list(Path("backups").glob("*.db"))) == 1
    assert all(3590 < pause <= 3600 for pause in pauses)
    records = json.loads(run("audit", "list", "--action", "backup", "--json").stdout)["records"]
    assert [each["outcome"] for each in records] == ["done", "done"]


@pytest.mark.usefixtures("store")
def test_only_a_folder_takes_backups_again_and_again(run: Run) -> None:
    for options in (("--every", "1h"), ("--keep", "3")):
        refused = run("backup", "a.db", *options)
        assert refused.exit_code == 2
        assert "a folder" in refused.stderr
    assert not Path("a.db").exists()
