"""Every form of an expectation's value, from a file to the report, its history and back."""

from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING

import polars as pl
import pytest

from tests.cli.conftest import WINDOW
from tests.cli.test_expectations import ICCID, OLD, SEEN, told
from tests.kept import everything_in

if TYPE_CHECKING:
    from pathlib import Path

    from tallystick.store import Store
    from tests.cli.conftest import Run

SEVERAL = f"{OLD}|{SEEN}"


def imported(run: Run, folder: Path, name: str, text: str) -> None:
    """Take a file of expectations in."""
    (folder / name).write_text(text)
    result = run("import", "expectations", name, "--as", "ann")
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize(
    ("value", "rows"),
    [
        (OLD, 1),
        (SEEN, 1),
        (SEVERAL, 0),
        (f"{OLD[:8]}|{SEEN}", 0),
        (SEEN[:8], 1),
        ("nowhere", 2),
        ("none", 0),
    ],
)
def test_a_file_may_say_more_than_one_imei(
    run: Run, workplace: Path, example: Store, value: str, rows: int
) -> None:
    assert example.name
    imported(run, workplace, "values.csv", f"iccid,imei\n{ICCID},{value}\n")
    report = run("report", *WINDOW, "--format", "json").stdout
    assert len(json.loads(report)["devices"]) == rows
    assert run("verify").exit_code == 0
    history = told(run, "history", ICCID)
    assert [put["imei"] for put in history["sims"][0]["expectations"]] == [value]


def test_ndjson_may_list_the_members(run: Run, workplace: Path, example: Store) -> None:
    assert example.name
    line = json.dumps({"iccid": ICCID, "imei": [OLD, SEEN]})
    imported(run, workplace, "values.ndjson", line + "\n")
    log = told(run, "expectations", "log", ICCID)
    assert log["values"][-1]["imei"] == SEVERAL


def test_a_value_of_several_is_undone_and_done_again(
    run: Run, workplace: Path, example: Store
) -> None:
    assert example.name
    before = run("report", *WINDOW, "--format", "json").stdout
    imported(run, workplace, "values.csv", f"iccid,imei\n{ICCID},{SEVERAL}\n")
    (change_set, *_) = told(run, "expectations", "changes", "--at-most", "1")["change_sets"]
    undo = told(run, "expectations", "undo", str(change_set["change_set_id"]), "--as", "bob")
    assert run("report", *WINDOW, "--format", "json").stdout == before
    told(run, "expectations", "undo", str(undo["change_set_id"]), "--as", "bob")
    assert '"devices":[]' in run("report", *WINDOW, "--format", "json").stdout
    assert run("verify").exit_code == 0


@pytest.mark.parametrize(("value", "opens", "closes"), [(SEVERAL, 0, 1), ("nowhere", 1, 0)])
def test_a_value_is_tried_proposed_and_approved(
    run: Run, workplace: Path, example: Store, value: str, opens: int, closes: int
) -> None:
    before = everything_in(example)
    (workplace / "values.csv").write_text(f"iccid,imei\n{ICCID},{value}\n")
    words = ("import", "expectations", "values.csv")
    tried = told(run, *words, "--dry-run")["files"]["values.csv"]
    assert (len(tried["opens"]), len(tried["closes"])) == (opens, closes)
    assert everything_in(example) == before
    proposed = told(run, *words, "--propose", "--as", "ann")["files"]["values.csv"]
    number = str(proposed["change_set_id"])
    shown = told(run, "expectations", "show", number)
    assert [(each["old_imei"], each["new_imei"]) for each in shown["changes"]] == [(OLD, value)]
    told(run, "expectations", "approve", number, "--as", "bob")
    log = told(run, "expectations", "log", ICCID)
    assert [each["imei"] for each in log["values"]] == [OLD, value]
    assert run("verify").exit_code == 0


def test_a_row_without_an_imei_before_has_an_empty_field(
    run: Run, workplace: Path, example: Store
) -> None:
    assert example.name
    imported(run, workplace, "values.csv", f"iccid,imei\n{ICCID},nowhere\n")
    lines = run("report", *WINDOW, "--format", "csv").stdout.splitlines()
    rows = [(row["pre_imei"], row["post_imei"]) for row in csv.DictReader(lines)]
    assert rows == [("", OLD), (OLD, SEEN)]
    written = run("report", *WINDOW, "--format", "parquet", "--output", "rows.parquet")
    assert written.exit_code == 0
    assert pl.read_parquet("rows.parquet")["pre_imei"].to_list() == ["", OLD]


def test_a_copy_holds_values_of_several(run: Run, workplace: Path, example: Store) -> None:
    assert example.name
    imported(run, workplace, "values.csv", f"iccid,imei\n{ICCID},{SEVERAL}\n")
    copied = run("copy", "--to", f"sqlite:///{workplace}/copy.db")
    assert copied.exit_code == 0, copied.output
    elsewhere = {"TALLYSTICK_DATABASE": f"sqlite:///{workplace}/copy.db"}
    assert SEVERAL in run("history", ICCID, "--json", env=elsewhere).stdout
    assert run("verify", env=elsewhere).exit_code == 0


def test_what_is_no_value_is_rejected_with_what_it_may_be(
    run: Run, workplace: Path, example: Store
) -> None:
    assert example.name
    (workplace / "values.csv").write_text(f"iccid,imei\n{ICCID},somewhere\n")
    result = run("import", "expectations", "values.csv")
    assert result.exit_code == 1
    assert "nowhere or none" in result.output
