from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

import apsw
import pytest

from tests.cli.conftest import EXAMPLE, WINDOW, Run
from tests.engines import CITUS, ENGINES, POSTGRESQL, database_on

if TYPE_CHECKING:
    from tallystick.store import Store

DUMPS = Path(__file__).parents[1] / "dumps/sqlite"
LOS_ANGELES = {"TALLYSTICK_TIME_ZONE": "America/Los_Angeles"}


def test_init_makes_a_store_and_again_finds_it_up_to_date(run: Run) -> None:
    assert run("init").stdout == "tallystick.db: made a new store\n"
    assert run("init").stdout == "tallystick.db: the store is up to date\n"


def test_init_makes_the_store_that_the_setting_names(run: Run) -> None:
    assert (
        run("init", env={"TALLYSTICK_DATABASE": "sqlite:///other.db"}).stdout
        == "other.db: made a new store\n"
    )


def test_a_plan_is_told_and_nothing_is_made(run: Run, workplace: Path) -> None:
    assert run("init", "--plan").stdout == "tallystick.db: a new store would be made\n"
    assert list(workplace.iterdir()) == []
    run("init")
    assert "which is this program's; nothing is to be done" in run("init", "--plan").stdout


def test_the_plan_of_an_older_store_has_its_steps_and_an_estimate(
    run: Run, workplace: Path
) -> None:
    driver = apsw.Connection(str(workplace / "tallystick.db"))
    driver.execute((DUMPS / "0012.sql").read_text("utf-8"))
    driver.close()
    lines = run("init", "--plan").stdout.splitlines()
    assert lines[0].startswith("  0013 allowed, which goes through ")
    assert lines[-3:-1] == [
        "  the reasons of 10 rows are filled in",
        "  10 rows are printed anew in UTC",
    ]
    assert re.search(r"steps from schema 12 to \d+, about 1 s in all\. This is", lines[-1])
    plan = json.loads(run("init", "--plan", "--json", env=LOS_ANGELES).stdout)["plan"]
    assert (plan["have"], plan["steps"][0]["title"]) == (12, "allowed")
    assert plan["rows_reprinted"] == 0  # the store of the dump prints that zone
    assert run("init", "--json").exit_code == 2


def test_init_reprints_the_kept_answer_when_the_zone_has_changed(run: Run, example: Store) -> None:
    before = run("report", *WINDOW, "--format", "json", env=LOS_ANGELES).stdout
    told = run("init", env=LOS_ANGELES).stdout
    assert "the kept rows now print their times in America/Los_Angeles" in told
    with example.snapshot() as reader:
        assert reader.wire_zone() == "America/Los_Angeles"
    assert run("report", *WINDOW, "--format", "json", env=LOS_ANGELES).stdout == before
    assert run("verify").exit_code == 0


@pytest.mark.usefixtures("store")
def test_init_says_nothing_of_the_zone_when_it_is_the_same(run: Run) -> None:
    assert "print" not in run("init").stdout


def test_a_store_on_sqlite_is_not_spread_and_none_is_made(run: Run, workplace: Path) -> None:
    result = run("init", "--distribute")
    assert result.exit_code == 1
    assert result.stderr.startswith(
        "error: tallystick.db: a store on SQLite cannot be spread over a cluster"
    )
    assert list(workplace.iterdir()) == []


def test_a_database_without_the_extension_is_not_spread_over(run: Run, tmp_path: Path) -> None:
    with database_on(POSTGRESQL, tmp_path) as database:
        named = {"TALLYSTICK_DATABASE": database}
        result = run("init", "--distribute", env=named)
        assert result.exit_code == 1
        assert "the database has no extension citus" in result.stderr
        assert run("init", env=named).stdout.endswith(": made a new store\n")


@pytest.mark.skipif(CITUS not in ENGINES, reason="no cluster is named")
def test_a_cluster_is_spread_over_once_and_what_was_taken_in_stays(
    run: Run, tmp_path: Path
) -> None:
    with database_on(CITUS, tmp_path) as database:
        named = {"TALLYSTICK_DATABASE": database}
        assert run("init", env=named).exit_code == 0
        for kind in ("sims", "expectations", "activations"):
            assert run("import", kind, str(EXAMPLE / f"{kind}.csv"), env=named).exit_code == 0
        before = run("report", *WINDOW, "--format", "json", env=named).stdout
        told = run("init", "--distribute", env=named).stdout
        assert told.endswith(": spread the store over the cluster\n")
        assert run("init", "--distribute", env=named).stdout.endswith(
            ": the store is spread over the cluster\n"
        )
        assert run("report", *WINDOW, "--format", "json", env=named).stdout == before
        assert run("verify", env=named).exit_code == 0
