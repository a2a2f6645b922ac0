"""Files as people's systems write them: what looks wrong in them is told, and what to do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import Run

FIELD = Path(__file__).parent.parent / "field"

SIMS = "iccid,mdn,account,activation_date\n"

pytestmark = pytest.mark.usefixtures("store")


def imported(run: Run, kind: str, name: str, *options: str) -> dict[str, Any]:
    """The receipt of a file of the field, or its refusal."""
    (path,) = FIELD.glob(f"{name}-*")
    printed: dict[str, Any] = json.loads(run("import", kind, str(path), "--json", *options).stdout)
    return printed


def test_a_check_digit_that_is_left_out_is_told_with_the_option_that_adds_it(run: Run) -> None:
    assert imported(run, "sims", "02a")["doubts"] == {}
    for kind, name in (("expectations", "02b"), ("activations", "02c")):
        receipt = imported(run, kind, name)
        doubt = receipt["doubts"]["unknown_sims"]
        assert (receipt["unknown_sims"], doubt["known_with"]) == (2, {"add": 2, "strip": 0})
        assert "loaded with a check digit" in doubt["advice"]
        assert "--check-digit add" in doubt["advice"]
    report = run("report", "--earliest", "2026-03-01", "--latest", "2026-04-01")
    count, *warnings = report.stderr.splitlines()
    assert (report.stdout, count) == ("", "0 mismatches")
    assert "2 SIMs that were activated in the window are not loaded" in warnings[0]
    assert "2 of them are loaded with a check digit" in warnings[1]
    before = run("report", "--earliest", "2026-01-01", "--latest", "2026-02-01")
    assert before.stderr == "0 mismatches\n"
    coverage = json.loads(run("coverage", "--json").stdout)
    assert (coverage["unloaded"], "shared_hardware" in coverage) == (2, False)


def test_a_preview_tells_the_doubts_of_the_lines_and_of_the_store(run: Run) -> None:
    imported(run, "sims", "02a")
    file = imported(run, "activations", "02c", "--preview")["files"]
    (preview,) = file.values()
    assert preview["doubts"]["unknown_sims"]["known_with"] == {"add": 2, "strip": 0}
    path = str(FIELD / "12-local-time.csv")
    told = run("import", "activations", path, "--preview").stdout.splitlines()[-1]
    assert "2 lines with a time of day without a time zone (2026-03-" in told


@pytest.mark.parametrize(
    ("kind", "name", "several"), [("sims", "03a", 3), ("expectations", "03b", 3)]
)
def test_iccids_that_a_spreadsheet_rounded_are_told_and_can_be_refused(
    run: Run, kind: str, name: str, several: int
) -> None:
    refusal = imported(run, kind, name, "--max-doubts", "2")
    (error,) = (each["error"] for each in refusal["files"].values())
    assert (refusal["accepted"], error["code"]) == (0, "too-many-doubts")
    receipt = imported(run, kind, name)
    assert (receipt["iccid_check_digit"], receipt["iccid_rounded"]) == (3, 3)
    assert receipt["several_values"] == several


def test_several_values_shared_hardware_placeholders_and_lacking_zones_are_told(run: Run) -> None:
    several = imported(run, "expectations", "15b")["doubts"]["several_values"]
    assert (several["count"], several["examples"]) == (2, ["89148000000800000011"])
    shared = imported(run, "expectations", "19")["doubts"]["shared_hardware"]
    assert (shared["count"], shared["examples"]) == (3, ["3520990017614801", "352099001761481"])
    placeholders = imported(run, "expectations", "20")["doubts"]["placeholder_imei"]
    assert placeholders["examples"] == ["000000000000000", "123456789012345"]
    assert imported(run, "activations", "12")["without_zone"] == 2


def test_a_phone_number_that_cannot_be_read_is_an_example_of_its_doubt(run: Run) -> None:
    Path("sims.csv").write_text(f"{SIMS}89148000000800000011,555-CALL,a,2026-03-01\n", "utf-8")
    receipt = json.loads(run("import", "sims", "sims.csv", "--json").stdout)
    doubt = receipt["doubts"]["mdn_left_out"]
    assert (receipt["accepted"], doubt["count"], doubt["examples"]) == (1, 1, ["555-CALL"])


def test_an_imsi_of_two_sims_from_one_moment_on_is_a_doubt_shown_in_part(run: Run) -> None:
    lines = ("89148000000800000011,295050900000011", "89148000000800000029,295050900000011")
    Path("identities.csv").write_text("iccid,imsi\n" + "\n".join(lines), "utf-8")
    receipt = json.loads(run("import", "identities", "identities.csv", "--json").stdout)
    doubt = receipt["doubts"]["several_values"]
    assert (doubt["count"], doubt["examples"]) == (2, ["29505…0011"])
