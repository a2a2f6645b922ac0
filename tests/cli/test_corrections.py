from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from tests.cli.conftest import WINDOW, Run

TYPES = "tac,manufacturer,model\n98760342,Corvid & Sons,C7\n35209900,Alder,A100\n"
SIM = "89148000000800784259"
CORRECTION = f"iccid,imei,effective_from\n{SIM},987603420573553,2017-12-02T00:00:00Z\n"


@pytest.fixture
def told(run: Run, example: object) -> None:
    """The published example, with the manufacturer of the hardware that its SIM was seen in."""
    assert example
    Path("types.csv").write_text(TYPES, "utf-8")
    assert run("import", "types", "types.csv").exit_code == 0


@pytest.mark.usefixtures("told")
def test_summary_says_whom_to_tell_and_unknown_types_by_their_tac(run: Run) -> None:
    result = run("corrections", "summary", "--earliest", "2017-11-01", "--latest", "2018-01-01")
    header, line = (text.split("  ") for text in result.stdout.splitlines())
    assert [each.strip() for each in header if each] == [
        "seen_in",
        "expected_in",
        "mismatches",
        "sims",
    ]
    assert [each.strip() for each in line if each.strip()] == [
        "Corvid & Sons",
        "unknown (TAC 99000342)",
        "1",
        "1",
    ]
    assert result.stderr == "1 mismatch\n"


@pytest.mark.usefixtures("told")
def test_summary_by_model_and_for_programs(run: Run) -> None:
    (row,) = json.loads(run("corrections", "summary", "--by", "model", "--json").stdout)["rows"]
    assert row == {
        "seen": {"manufacturer": "Corvid & Sons", "model": "C7", "tac": None},
        "expected": {"manufacturer": None, "model": None, "tac": "99000342"},
        "mismatches": 1,
        "sims": 1,
    }
    assert "Corvid & Sons C7" in run("corrections", "summary", "--by", "model").stdout


@pytest.mark.usefixtures("told")
def test_summary_of_another_time_is_empty(run: Run) -> None:
    result = run("corrections", "summary", "--earliest", "2018-01-01")
    assert (result.stdout, result.stderr) == ("", "0 mismatches\n")


@pytest.mark.usefixtures("told")
def test_an_export_imported_again_empties_the_report(run: Run) -> None:
    result = run(
        "corrections", "export", "--manufacturer", "Corvid & Sons", "--output", "corvid.csv"
    )
    assert result.exit_code == 0
    assert result.stdout.startswith(
        "Corvid & Sons: 1 correction of 1 SIM in corvid.csv; left out: 0 "
    )
    assert Path("corvid.csv").read_text("utf-8") == CORRECTION
    assert run("import", "expectations", "corvid.csv").exit_code == 0
    assert json.loads(run("report", *WINDOW, "--format", "json").stdout) == {"devices": []}
    assert run("verify").exit_code == 0


@pytest.mark.parametrize("form", ["ndjson", "parquet"])
@pytest.mark.usefixtures("told")
def test_the_suffix_says_how_the_file_is_written(run: Run, form: str) -> None:
    assert (
        run(
            "corrections", "export", "--manufacturer", "Corvid & Sons", "--output", f"c.{form}"
        ).exit_code
        == 0
    )
    read = pl.read_ndjson if form == "ndjson" else pl.read_parquet
    assert read(f"c.{form}").rows() == [(SIM, "987603420573553", "2017-12-02T00:00:00Z")]


@pytest.mark.usefixtures("told")
def test_all_manufacturers_get_a_file_each_with_a_name_that_is_safe(run: Run) -> None:
    Path("more.csv").write_text("tac,manufacturer\n98760342,../Corvid: Söhne\n", "utf-8")
    run("import", "types", "more.csv")
    result = run("corrections", "export", "--all", "--dir", "out", "--json")
    assert json.loads(result.stdout)["files"] == [
        {
            "manufacturer": "../Corvid: Söhne",
            "path": "out/corvid-söhne.csv",
            "corrections": 1,
            "sims": 1,
            "moved_back": 0,
            "moved_on": 0,
        }
    ]
    assert Path("out/corvid-söhne.csv").read_text("utf-8") == CORRECTION


@pytest.mark.usefixtures("example")
def test_sims_in_hardware_of_unknown_types_get_a_file_too(run: Run) -> None:
    assert (
        run("corrections", "export", "--all", "--dir", "out", "--format", "ndjson").exit_code == 0
    )
    assert [path.name for path in Path("out").iterdir()] == ["unknown.ndjson"]


@pytest.mark.usefixtures("told")
def test_an_unknown_manufacturer_is_refused_and_no_file_is_made(run: Run) -> None:
    result = run(
        "corrections", "export", "--manufacturer", "Nobody", "--output", "nobody.csv", "--json"
    )
    assert result.exit_code == 1
    assert json.loads(result.stderr)["error"]["code"] == "manufacturer-unknown"
    assert not Path("nobody.csv").exists()


@pytest.mark.parametrize(
    "options",
    [
        (),
        ("--manufacturer", "Alder"),
        ("--output", "a.csv"),
        ("--all",),
        ("--dir", "out"),
        ("--manufacturer", "Alder", "--output", "a.csv", "--all"),
        ("--manufacturer", "Alder", "--output", "a.csv", "--all", "--dir", "out"),
        ("--manufacturer", "Alder", "--output", "a.xlsx"),
        ("--manufacturer", "Alder", "--output", "a.csv", "--format", "ndjson"),
    ],
)
@pytest.mark.usefixtures("told")
def test_options_that_do_not_go_together_are_wrong_usage(
    run: Run, options: tuple[str, ...]
) -> None:
    assert run("corrections", "export", *options).exit_code == 2


def test_without_accounts_the_refusal_says_what_to_do(run: Run) -> None:
    run("init")
    result = run("corrections", "summary")
    assert result.exit_code == 1
    assert "tallystick import sims" in result.stderr
