from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import WINDOW, Run

SIMS = """iccid,mdn,account,activation_date
89148000000800000011,5096300011,a,2024-02-03
89148000000800000029,,a,2024-02-03
"""
EXPECTED = "iccid,imei,effective_from\n89148000000800000011,352099001761481,\n"


@pytest.fixture
def fleet(run: Run, example: object) -> None:
    """The published example, and two more SIMs, one of them expected somewhere."""
    assert example
    for kind, text in (
        ("sims", SIMS),
        ("expectations", EXPECTED),
        ("groups", "account,group,iccid\na,g,89148000000800000029\n"),
    ):
        Path(f"{kind}.csv").write_text(text, "utf-8")
        assert run("import", kind, f"{kind}.csv").exit_code == 0


@pytest.mark.usefixtures("fleet")
def test_coverage_counts_sims_for_people_and_for_programs(run: Run) -> None:
    counts = json.loads(run("coverage", *WINDOW, "--json").stdout)
    assert counts.pop("shared_hardware") == 1
    assert counts == {"sims": 4, "expected": 3, "seen": 2, "newest": "2017-12-02T00:00:00Z"}
    header, line, shared = run("coverage", *WINDOW).stdout.splitlines()
    assert (header.split(), line.split()) == (list(counts), ["4", "3", "2", "2017-12-02T00:00:00Z"])
    assert shared.startswith("hardware in which several SIMs are expected: 1;")


@pytest.mark.usefixtures("fleet")
def test_coverage_of_one_account_and_of_its_group(run: Run) -> None:
    assert json.loads(run("coverage", "--account", "a", "--json").stdout) == {
        "sims": 2,
        "expected": 1,
        "seen": 0,
        "newest": None,
    }
    assert (
        json.loads(run("coverage", "--account", "a", "--group", "g", "--json").stdout)["sims"] == 1
    )
    refused = run("coverage", "--group", "g", "--json")
    assert refused.exit_code == 1
    assert json.loads(refused.stderr)["error"]["code"] == "account-required"


@pytest.mark.usefixtures("fleet")
def test_lists_name_the_sims(run: Run) -> None:
    unseen = run("coverage", "--list", "unseen", "--account", "a", "--format", "csv")
    assert (
        unseen.stdout
        == "account,mdn,iccid\na,5096300011,89148000000800000011\na,,89148000000800000029\n"
    )
    nowhere = run("coverage", "--list", "without-expectation", "--format", "ndjson")
    assert nowhere.stdout == '{"account":"a","iccid":"89148000000800000029"}\n'
    unconfirmed = run(
        "coverage",
        "--list",
        "unconfirmed",
        "--account",
        "a",
        "--format",
        "csv",
        "--output",
        "list.csv",
    )
    assert unconfirmed.stdout == ""
    assert Path("list.csv").read_text("utf-8") == (
        "account,mdn,iccid,expected_imei,effective_from\n"
        "a,5096300011,89148000000800000011,352099001761481,\n"
    )


@pytest.mark.usefixtures("fleet")
def test_a_list_is_a_table_with_its_count_on_standard_error(run: Run) -> None:
    result = run("coverage", "--list", "without-expectation")
    assert [line.split() for line in result.stdout.splitlines()] == [
        ["account", "mdn", "iccid"],
        ["a", "89148000000800000029"],
    ]
    assert result.stderr == "1 found\n"
    assert (
        run("coverage", "--list", "without-expectation", "--account", "0212398765-00001").stderr
        == "0 found\n"
    )


@pytest.mark.usefixtures("fleet")
def test_the_report_tells_what_it_rests_on_beside_its_rows(run: Run) -> None:
    plain = run("report", *WINDOW, "--format", "csv")
    told = run("report", *WINDOW, "--format", "csv", "--coverage")
    assert told.stdout == plain.stdout
    assert told.stderr == (
        "of 4 SIMs in scope 3 have an expectation and 2 were seen in the window; "
        "the last was seen at 2017-12-02T00:00:00Z\n"
    )
    assert plain.stderr == ""
    empty = run("report", *WINDOW, "--account", "a", "--coverage").stderr
    assert empty.endswith(
        "1 have an expectation and 0 were seen in the window; none was ever seen\n"
    )


@pytest.mark.usefixtures("fleet")
def test_shared_hardware_and_sims_that_are_not_loaded_are_listed_as_last_expected(run: Run) -> None:
    moved_on = (
        "89148000000800000037,352099001761481,2026-01-01\n89148000000800000037,none,2026-02-01\n"
    )
    alike = "89148000000800000045,3520990017614802,2026-01-01\n"
    Path("more.csv").write_text(f"iccid,imei,effective_from\n{moved_on}{alike}", "utf-8")
    run("import", "expectations", "more.csv")
    counts = json.loads(run("coverage", "--json").stdout)
    assert (counts["unloaded"], counts["shared_hardware"]) == (2, 1)
    unloaded = run("coverage", "--list", "unloaded", "--format", "csv").stdout
    assert unloaded == (
        "iccid,imei,effective_from\n89148000000800000037,none,2026-02-01T00:00:00Z\n"
        "89148000000800000045,3520990017614802,2026-01-01T00:00:00Z\n"
    )
    shared = run("coverage", "--list", "shared-hardware", "--format", "csv").stdout.splitlines()
    assert shared[1] == "89148000000800000011,352099001761481,"
    assert shared[2] == "89148000000800000045,3520990017614802,2026-01-01T00:00:00Z"
    assert "89148000000800000037" not in " ".join(shared)


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (("--list", "unloaded", "--account", "a"), 2),
        (("--list", "unseen", "--json"), 2),
        (("--list", "unheard"), 2),
        (("--earliest", "soon"), 1),
        (("--earliest", "2026-01-02", "--latest", "2026-01-01"), 1),
        (("--account", "nobody's"), 1),
    ],
)
@pytest.mark.usefixtures("fleet")
def test_what_cannot_be_asked_is_refused(run: Run, options: tuple[str, ...], code: int) -> None:
    result = run("coverage", *options)
    assert (result.exit_code, result.stdout) == (code, "")
    assert result.stderr
