from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import Run

ICCID, SEEN, AT = "89148000000800784259", "987603420573553", "2017-12-01T16:00:00-08:00"
ROW = (ICCID, "--imei", SEEN, "--at", AT)


@pytest.mark.usefixtures("example")
def test_a_mismatch_is_explained_listed_and_explained_no_more(run: Run) -> None:
    said = run("explanations", "add", *ROW, "--note", "a spare", "--as", "ann")
    assert (said.exit_code, said.stdout) == (
        0,
        f"the mismatch of SIM {ICCID} is explained until it is seen there again\n",
    )
    until = ("--until", "2999-01-01", "--ticket", "OPS-1", "--as", "bob", "--json")
    assert json.loads(run("explanations", "add", *ROW, *until).stdout) == {"explained": 1}
    ended = run("explanations", "end", *ROW, "--as", "eve")
    assert ended.stdout == f"the mismatch of SIM {ICCID} is not explained any more\n"
    assert "nothing was said" in run("explanations", "end", *ROW).stdout
    listed = json.loads(run("explanations", "list", ICCID, "--json").stdout)["explanations"]
    assert [(each["explained_by"], each["ended_by"]) for each in listed] == [
        ("bob", "eve"),
        ("ann", "bob"),
    ]
    assert "a spare" in run("explanations", "list", ICCID).stdout


@pytest.mark.usefixtures("example")
def test_what_is_no_mismatch_is_not_explained(run: Run) -> None:
    other = run("explanations", "add", ICCID, "--imei", SEEN, "--at", "2018-01-01", "--note", "x")
    assert (other.exit_code, "has no mismatch" in other.stderr) == (1, True)
    assert run("explanations", "add", *ROW).exit_code == 1
