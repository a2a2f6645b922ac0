"""The golden cases through `tallystick report`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from tallystick.cli import app
from tallystick.intake import KINDS
from tallystick.store import open_store
from tallystick.thingspace.rows import wire_row

GOLDEN = Path(__file__).parent / "golden"
CASES: list[dict[str, Any]] = [
    case
    for name in ("report_cases.json", "allowed_cases.json")
    for case in json.loads((GOLDEN / name).read_text("utf-8"))
]

OPERATORS_SEE_EVERYTHING = "whoever is at the command line sees every account"
LEFT_OUT = {
    "only what the user may see": OPERATORS_SEE_EVERYTHING,
    "somebody else's account": OPERATORS_SEE_EVERYTHING,
    "a user without accounts": OPERATORS_SEE_EVERYTHING,
    "an entry without ids": "options have no entries",
    "IMEI is no kind here": "the option --imei picks rows by hardware",
}
USAGE = None
"""Wrong usage: told by the exit status 2 alone."""
CODES = {
    "one second over three months": "window-refused",
    "before November 2017": "window-refused",
    "latest before earliest": "window-refused",
    "no filter": USAGE,
    "no latest": USAGE,
    "not a date": "invalid-value",
    "a number for a date": "invalid-value",
    "group without account": "account-required",
    "unknown group": "group-not-found",
    "unknown account": "account-not-found",
    "account without its leading zero": "account-not-found",
    "letters in an ICCID": "invalid-value",
    "short phone number": "invalid-value",
}


def told_apart(*, status: int) -> list[Any]:
    """The cases of a status that the command line can express."""
    return [
        pytest.param(case, id=case["name"])
        for case in CASES
        if case["status"] == status and case["name"] not in LEFT_OUT
    ]


def options_of(request: dict[str, Any]) -> list[str]:
    """The request in words of the command line; what says nothing is left out."""
    bounds = request.get("filter") or {}
    words = [("--account", request.get("accountName")), ("--group", request.get("groupName"))]
    words += [(f"--{bound}", str(value)) for bound, value in bounds.items()]
    for entry in request.get("devices") or []:
        words += [(f"--{each['kind'].lower()}", each["id"]) for each in entry["deviceIds"]]
    return [word for option, value in words if value for word in (option, value)]


def report(case: dict[str, Any], folder: Path) -> Result:
    """Ask the case's question of its world."""
    address = f"sqlite:///{folder / 'golden.db'}"
    with open_store(address, wire_row) as store:
        store.init(case["time_zone"])
        with store.transaction() as writer:
            for name, kind in KINDS.items():
                if facts := [kind.parse(values) for values in case["world"].get(name, [])]:
                    writer.take(kind.fact, facts)
    env = {"TALLYSTICK_DATABASE": address, "TALLYSTICK_TIME_ZONE": case["time_zone"]}
    return CliRunner().invoke(
        app, ["report", "--format", "json", *options_of(case["request"])], env=env
    )


@pytest.mark.parametrize("case", told_apart(status=200))
def test_the_answer_is_the_golden_one_byte_for_byte(case: dict[str, Any], tmp_path: Path) -> None:
    result = report(case, tmp_path)
    body = json.dumps({"devices": case["rows"]}, separators=(",", ":"), ensure_ascii=False)
    assert (result.exit_code, result.stdout) == (0, body)


@pytest.mark.parametrize("case", told_apart(status=400))
def test_what_is_refused_over_the_wire_is_refused_here(
    case: dict[str, Any], tmp_path: Path
) -> None:
    result, code = report(case, tmp_path), CODES[case["name"]]
    assert result.stdout == ""
    if code is USAGE:
        assert result.exit_code == 2
    else:
        assert result.exit_code == 1
        assert json.loads(result.stderr)["error"]["code"] == code


def test_no_case_is_left_out_without_its_name_and_reason() -> None:
    assert {case["name"] for case in CASES} >= LEFT_OUT.keys() | CODES.keys()
    assert len(told_apart(status=200)) + len(told_apart(status=400)) + len(LEFT_OUT) == len(CASES)
