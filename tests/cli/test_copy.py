from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tallystick.core.facts import SimActivation
from tallystick.core.identifiers import Iccid, Imei
from tallystick.core.moments import Moment
from tallystick.store import open_store
from tallystick.thingspace.rows import wire_row
from tests.cli.conftest import WINDOW, Run
from tests.engines import change

if TYPE_CHECKING:
    from pathlib import Path

OTHER = "sqlite:///other.db"
NAMED = {"TALLYSTICK_DATABASE": OTHER}


@pytest.mark.usefixtures("example")
def test_copy_makes_the_other_store_and_says_what_is_in_both(run: Run) -> None:
    result = run("copy", "--to", OTHER)
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert any(line.startswith("SIMs: 2 in both, 2 of them copied now, sha256 ") for line in lines)
    assert lines[-2] == "deliveries: 0 copied now; they come and go, and are not compared"
    assert lines[-1] == "other.db holds what tallystick.db holds"
    report = ("report", *WINDOW, "--format", "json")
    assert run(*report, env=NAMED).stdout == run(*report).stdout
    assert run("verify", env=NAMED).exit_code == 0


@pytest.mark.usefixtures("example")
def test_copy_speaks_json(run: Run) -> None:
    told = json.loads(run("copy", "--to", OTHER, "--json").stdout)
    assert told["same"] is True
    kept = told["kinds"]["kept rows"]
    assert kept["source"] == kept["target"]
    assert kept["source"]["count"] == 1
    assert kept["first_difference"] is None
    assert told["not_compared"] == {"deliveries": 0}


@pytest.mark.usefixtures("example")
def test_what_differs_at_the_end_is_told_and_ends_with_one(run: Run) -> None:
    assert run("copy", "--to", OTHER).exit_code == 0
    change(OTHER, "UPDATE mismatches SET wire = x'7b7d'")
    result = run("copy", "--to", OTHER)
    assert result.exit_code == 1
    assert (
        "kept rows: 1 here and 1 there differ\n    first at iccid 89148000000800784259, account "
        in result.stdout
    )
    assert result.stderr.startswith("error: other.db differs from tallystick.db")


@pytest.mark.usefixtures("example")
def test_a_store_with_other_facts_is_refused_with_what_to_do(run: Run) -> None:
    run("init", env=NAMED)
    with open_store(OTHER, wire_row) as other, other.transaction() as writer:
        iccid, imei = Iccid.parse("89148000000800000001"), Imei.parse("352099001761481")
        writer.take_activations([SimActivation(iccid, Moment(0), imei)])
    result = run("copy", "--to", OTHER, "--json")
    assert result.exit_code == 1
    error = json.loads(result.stderr)["error"]
    assert error["code"] == "target-refused"
    assert "copy into an empty store" in error["message"]


@pytest.mark.parametrize(
    "address", ["mysql://ann:secret@db/fleet", "postgresql://ann:sec%zzret@db/fleet"]
)
def test_an_address_that_names_no_store_is_wrong_usage_and_not_repeated(
    run: Run, address: str, workplace: Path
) -> None:
    result = run("copy", "--to", address)
    assert result.exit_code == 2
    assert "sec" not in result.stderr.replace("second", "")
    assert list(workplace.iterdir()) == []
