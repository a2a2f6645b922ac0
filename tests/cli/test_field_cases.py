"""Files in the shapes that people's systems produce, as the command line takes them in."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from tests.kept import everything_in

if TYPE_CHECKING:
    from tallystick.store import Store
    from tests.cli.conftest import Run

FIELD = Path(__file__).parent.parent / "field"
DEVICE = "89148000000800000011"


class Case(NamedTuple):
    """A file, how it is imported, and what its receipt says."""

    file: str
    kind: str
    receipt: dict[str, Any]
    options: tuple[str, ...] = ()
    reason: str = ""


TAKEN_1 = {"accepted": 1, "rejected": 0}
TAKEN_2 = {"accepted": 2, "rejected": 0}
CASES = [
    Case(
        "01a-semicolon.csv",
        "expectations",
        TAKEN_1 | {"read_as": {"iccid": "sim"}, "passed_over": ["msisdn"], "separator": ";"},
    ),
    Case("01b-semicolon-uppercase-crlf.csv", "expectations", TAKEN_2 | {"passed_over": []}),
    Case("01e-trailing-empty-columns.csv", "expectations", TAKEN_1 | {"read": 1}),
    Case("02b-expectations-19.csv", "expectations", TAKEN_2, ("--check-digit", "add")),
    Case("05-trailing-F.csv", "expectations", TAKEN_2),
    Case("07a-list.xlsx", "expectations", TAKEN_2),
    Case("09b-1nce-events.ndjson", "activations", TAKEN_1, ("--map", "1nce-events")),
    Case(
        "10b-epoch.ndjson",
        "activations",
        {"accepted": 2, "duplicate": 1, "rejected": 1},
        reason="iccid must be a JSON string, not 8.9148.*e\\+19: a number .* has lost digits",
    ),
    Case(
        "11-dirbs-operator.csv",
        "activations",
        TAKEN_1 | {"unattributed": 1, "read_as": {"activated_at": "date"}},
        ("--map", "dirbs"),
    ),
    Case("12-local-time.csv", "activations", TAKEN_2 | {"without_zone": 2}),
    Case(
        "12-local-time.csv",
        "activations",
        TAKEN_2 | {"without_zone": 0},
        ("--zone", "America/New_York"),
    ),
    Case("13-e164.csv", "sims", TAKEN_1),
    Case("14-never-activated.csv", "sims", TAKEN_2),
    Case("15b-dual-imei-expectations.csv", "expectations", TAKEN_2),
    Case("15c-authorized-imeis.ndjson", "expectations", TAKEN_1),
    Case("16b-unpair.csv", "expectations", {"rejected": 1}, reason="none.*nowhere"),
    Case("19-duplicate-imei.csv", "expectations", {"accepted": 3, "rejected": 0}),
    Case("20-placeholder-imei.csv", "expectations", TAKEN_2),
]


def told(run: Run, case: Case, *more: str) -> dict[str, Any]:
    """What an import prints for programs."""
    result = run("import", case.kind, str(FIELD / case.file), *case.options, *more, "--json")
    answer: dict[str, Any] = json.loads(result.stdout)
    return next(iter(answer["files"].values()))


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize("case", CASES, ids=lambda case: " ".join((case.file, *case.options)))
def test_a_field_case_is_taken_in_as_it_is(run: Run, case: Case) -> None:
    receipt = told(run, case)
    assert {name: receipt[name] for name in case.receipt} == case.receipt
    reasons = [reject["reason"] for reject in receipt["rejects"]]
    assert len(reasons) == receipt["rejected"]
    for reason in reasons:
        assert re.search(case.reason, reason)


def test_added_check_digits_make_the_report_have_its_row(run: Run, store: Store) -> None:
    run("import", "sims", str(FIELD / "02a-sims-20.csv"))
    for case in (
        Case("02b-expectations-19.csv", "expectations", {}, ("--check-digit", "add")),
        Case("02c-activations-19.csv", "activations", {}, ("--check-digit", "add")),
    ):
        assert told(run, case)["accepted"] == 2
    whole = everything_in(store)
    assert {str(fact.iccid) for fact in whole.activations} == {DEVICE, "89148000000800000029"}
    result = run("report", "--earliest", "2026-03-01", "--latest", "2026-04-01", "--format", "json")
    assert [row["iccid"] for row in json.loads(result.stdout)["devices"]] == [DEVICE]


def test_a_zone_moves_the_moments_that_name_none(run: Run, store: Store) -> None:
    told(run, Case("12-local-time.csv", "activations", {}, ("--zone", "America/New_York")))
    moments = sorted(fact.activated_at for fact in everything_in(store).activations)
    assert [moment // 3_600_000_000 % 24 for moment in moments] == [13, 15]


def test_an_event_without_its_mapping_is_one_error_that_names_it(run: Run) -> None:
    result = run("import", "activations", str(FIELD / "09b-1nce-events.ndjson"))
    assert result.exit_code == 1
    error = result.stderr.splitlines()[-1]
    for word in ("has", "iccid, activated_at, imei", "endpoint.imei", "--map 1nce-events"):
        assert word in error


def test_a_preview_takes_nothing_in_and_makes_no_store(run: Run) -> None:
    result = run("import", "expectations", str(FIELD / "01a-semicolon.csv"), "--preview")
    assert result.exit_code == 0
    assert [line.strip() for line in result.stdout.splitlines()[1:]] == [
        "read: sim as iccid",
        "columns passed over: msisdn",
        f"iccid={DEVICE} imei=352099001761481",
    ]
    assert not Path("tallystick.db").exists()


@pytest.mark.usefixtures("store")
def test_each_file_of_an_archive_is_taken_in(run: Run) -> None:
    Path("inner").mkdir()
    for name in ("01a-semicolon.csv", "07a-list.xlsx"):
        shutil.copy(FIELD / name, "inner")
    shutil.make_archive("all", "zip", "inner")
    result = run("import", "expectations", "all.zip", "--json")
    files = json.loads(result.stdout)["files"]
    assert {name: file["rejected"] for name, file in files.items()} == {
        "all.zip/01a-semicolon.csv": 0,
        "all.zip/07a-list.xlsx": 0,
    }


@pytest.mark.usefixtures("store")
def test_columns_and_forms_of_moments_are_told_by_options(run: Run) -> None:
    Path("a.tsv").write_text(f"{DEVICE}\tx\t05/03/2026\t352099001761481\n")
    options = ("--columns", "iccid,,activated_at,imei", "--time-format", "%d/%m/%Y")
    result = run("import", "activations", "a.tsv", *options, "--preview")
    assert "activated_at=2026-03-05T00:00:00Z" in result.stdout
    assert run("import", "activations", "a.tsv", *options).exit_code == 0


@pytest.mark.parametrize(
    ("options", "word"),
    [
        (("--zone", "Mars"), "IANA"),
        (("--map", "mars"), "1nce-cdr"),
        (("--map", "1nce-cdr"), "not of sims"),
        (("--time-format", "%Q"), "%Q"),
        (("--check-digit", "guess"), "guess"),
    ],
)
def test_options_that_cannot_be_used_are_wrong_usage(
    run: Run, options: tuple[str, ...], word: str
) -> None:
    result = run("import", "sims", str(FIELD / "02a-sims-20.csv"), *options)
    assert result.exit_code == 2
    assert word in result.stderr


def test_the_mappings_are_listed_and_one_is_printed(run: Run) -> None:
    assert "1nce-cdr" in run("maps").stdout
    assert "endpoint_imei" in run("maps", "show", "1nce-cdr").stdout
    assert {each["name"] for each in json.loads(run("maps", "--json").stdout)} >= {"dirbs"}
    assert run("maps", "show", "mars").exit_code == 2
