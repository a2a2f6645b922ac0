"""Identities and what a SIM may be called, through the command line and in files of the field."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tallystick.core.identifiers import LIKE_AN_ICCID

if TYPE_CHECKING:
    from tests.cli.conftest import Run

ICCID, OTHER = "89148000000800000011", "89148000000800000029"
HOME, SEEN = "990003420535573", "35209900176148"
IMSI, MSISDN = "295050900000011", "882285000000011"
OPERATOR_FILE = f"activated_at,imei,imsi,msisdn\n2026-03-05,{SEEN},{IMSI},{MSISDN}\n"
WINDOW = ("--earliest", "2026-03-01", "--latest", "2026-04-01")


def imported(run: Run, kind: str, text: str, *words: str, status: int = 0) -> dict[str, Any]:
    """Import a text as CSV; gives the receipt."""
    Path(f"{kind}.csv").write_text(text, "utf-8")
    result = run("import", kind, f"{kind}.csv", *words, "--json")
    assert result.exit_code == status, result.output
    receipt: dict[str, Any] = json.loads(result.stdout)
    return receipt


def rows(run: Run) -> list[dict[str, Any]]:
    """The rows of the report."""
    result = run("report", *WINDOW, "--format", "json")
    devices: list[dict[str, Any]] = json.loads(result.stdout)["devices"]
    return devices


@pytest.fixture
def fleet(run: Run, store: object) -> None:
    """A SIM that is expected at home, and another."""
    assert store
    sims = f"iccid,account,activation_date\n{ICCID},A-1,2024-02-03\n{OTHER},A-1,\n"
    assert imported(run, "sims", sims)["accepted"] == 2
    assert imported(run, "expectations", f"iccid,imei\n{ICCID},{HOME}\n")["accepted"] == 1


# Field case 11


@pytest.mark.usefixtures("fleet")
def test_an_operators_activation_waits_for_its_imsi_and_is_then_the_sims(run: Run) -> None:
    receipt = imported(run, "activations", OPERATOR_FILE)
    assert (receipt["accepted"], receipt["unattributed"], receipt["unknown_sims"]) == (1, 1, 0)
    assert rows(run) == []
    counts = json.loads(run("coverage", "--json").stdout)
    assert counts["unattributed"] == {"import activations.csv": 1}
    table = run("coverage", "--list", "unattributed").stdout
    assert "29505…0011" in table
    assert IMSI not in table
    (listed,) = csv.DictReader(
        run("coverage", "--list", "unattributed", "--format", "csv").stdout.splitlines()
    )
    assert (listed["imsi"], listed["source"], listed["activations"]) == (
        IMSI,
        "import activations.csv",
        "1",
    )
    identity = f"iccid,imsi\n{ICCID},{IMSI}\n"
    tried = imported(run, "identities", identity, "--dry-run")
    assert [row["post_imei"] for row in tried["files"]["identities.csv"]["opens"]] == [SEEN]
    assert rows(run) == []
    assert imported(run, "identities", identity)["accepted"] == 1
    assert [row["postImei"] for row in rows(run)] == [SEEN]
    assert "unattributed" not in json.loads(run("coverage", "--json").stdout)
    assert imported(run, "activations", OPERATOR_FILE)["duplicate"] == 1


@pytest.mark.usefixtures("fleet")
def test_an_identity_that_is_corrected_and_undone_moves_the_activation(run: Run) -> None:
    imported(run, "activations", OPERATOR_FILE)
    imported(run, "identities", f"iccid,imsi,msisdn,valid_from\n{ICCID},{IMSI},,2026-03-01\n")
    assert len(rows(run)) == 1
    corrected = f"iccid,imsi,valid_from\n{OTHER},{IMSI},2026-03-01\n"
    assert imported(run, "identities", corrected, "--ticket", "T-1")["accepted"] == 1
    assert rows(run) == []
    shown = run("expectations", "show", "3")
    assert "29505…0011" in shown.stdout
    (change,) = json.loads(run("expectations", "show", "3", "--json").stdout)["changes"]
    assert change == {
        "imsi": IMSI,
        "msisdn": None,
        "valid_from": "2026-03-01T00:00:00Z",
        "old_iccid": ICCID,
        "new_iccid": OTHER,
    }
    refused = run("expectations", "undo", "2")
    assert (refused.exit_code, IMSI in refused.output) == (1, False)
    assert "29505…0011" in refused.output
    assert run("expectations", "undo", "3").exit_code == 0
    assert len(rows(run)) == 1
    assert run("expectations", "undo", "2").exit_code == 0
    assert rows(run) == []
    verified = json.loads(run("verify", "--json").stdout)
    assert (verified["named_activations"], verified["misattributed"]) == (1, 0)


@pytest.mark.usefixtures("fleet")
def test_an_activation_by_msisdn_is_the_sims_that_had_it_then(run: Run) -> None:
    imported(run, "identities", f"iccid,msisdn\n{ICCID},+882 285 0000 00011\n")
    by_number = f"activated_at,imei,msisdn\n2026-03-05,{SEEN},{MSISDN}\n"
    assert imported(run, "activations", by_number)["unattributed"] == 0
    assert len(rows(run)) == 1


@pytest.mark.usefixtures("fleet")
def test_bad_identities_are_refused_and_show_the_imsi_in_part(run: Run) -> None:
    text = f"iccid,imsi,msisdn\n{ICCID},,\n{ICCID},{IMSI}9999,\n"
    receipt = imported(run, "identities", text, status=1)
    assert [reject["reason"] for reject in receipt["rejects"]] == [
        "imsi is missing, and so is msisdn",
        f"imsi must be 10-15 digits, not '29505…9999'{LIKE_AN_ICCID}",
    ]
    refused = run("import", "identities", "identities.csv", "--propose")
    assert "tried with --dry-run" in refused.output


# Field cases 05, 13 and 14


@pytest.mark.usefixtures("store")
def test_the_padding_f_of_an_iccid_is_dropped(run: Run) -> None:
    text = (
        "iccid,imei\n8934013132319434302F,861888084137872\n8914800000080000001F,352099001761481\n"
    )
    assert imported(run, "expectations", text)["accepted"] == 2
    log = json.loads(run("expectations", "log", "8914800000080000001", "--json").stdout)
    assert [value["imei"] for value in log["values"]] == ["352099001761481"]


@pytest.mark.usefixtures("store")
def test_a_phone_number_keeps_no_sim_out(run: Run) -> None:
    text = (
        "iccid,mdn,account,activation_date\n"
        "89310410106543789301,+13109976224,A-1,2024-02-03\n"
        f"{ICCID},(509) 630-00.11,A-1,2024-02-03\n"
        f"{OTHER},unknown,A-1,2024-02-03\n"
    )
    receipt = imported(run, "sims", text)
    assert (receipt["accepted"], receipt["rejected"], receipt["mdn_left_out"]) == (3, 0, 1)
    listed = json.loads(run("sim", "list", "--json").stdout)["sims"]
    assert [sim["mdn"] for sim in listed] == ["5096300011", None, "13109976224"]


@pytest.mark.usefixtures("store")
def test_rows_of_a_sim_that_was_never_activated_leave_its_date_out(run: Run) -> None:
    sims = "iccid,mdn,account,activation_date\n89148000000800000037,,A-1,\n"
    assert imported(run, "sims", sims)["accepted"] == 1
    imported(run, "expectations", f"iccid,imei\n89148000000800000037,{HOME}\n")
    seen = "iccid,imei,activated_at\n89148000000800000037,35-209900-176148,2026-03-05\n"
    assert imported(run, "activations", seen)["accepted"] == 1
    (row,) = rows(run)
    assert "activationDate" not in row
    assert row["postImei"] == SEEN
    (line,) = run("report", *WINDOW, "--format", "ndjson").stdout.splitlines()
    assert "activationDate" not in json.loads(line)
    (printed,) = csv.DictReader(run("report", *WINDOW, "--format", "csv").stdout.splitlines())
    assert printed["activation_date"] == ""
