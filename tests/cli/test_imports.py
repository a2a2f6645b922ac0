"""`tallystick imports`: what was taken in, by whom, and the lines that were refused."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.cli.test_import import GOOD, HEADER, ICCID, write

if TYPE_CHECKING:
    from tests.cli.conftest import Run

BAD = f"{ICCID},x,2026-03-01\n"


@pytest.fixture
def engine() -> str:
    return "sqlite"


@pytest.mark.usefixtures("store")
def test_imports_are_listed_and_shown_and_their_refused_lines_can_be_imported(run: Run) -> None:
    run("import", "activations", write("a.csv", HEADER + GOOD + BAD))
    listed = run("imports", "list").stdout
    assert listed.split()[:2] == ["id", "state"]
    assert [word in listed for word in ("done", "activations", "a.csv")] == [True] * 3
    (answer,) = json.loads(run("imports", "list", "--json").stdout)["imports"]
    shown = json.loads(run("imports", "show", "1", "--json").stdout)
    assert shown == answer
    assert (answer["share"], answer["receipt"]["rejected"], answer["reject_lines"]) == (1, 1, 1)
    people = run("imports", "show", "1").stdout
    assert "accepted: 1\n" in people
    assert "line 3: imei must be" in people
    run("imports", "rejects", "1", "--output", "rejects.csv")
    again = run("import", "activations", "rejects.csv", "--json")
    assert json.loads(again.stdout)["rejected"] == 1
    refused = run("imports", "show", "7", "--json")
    assert json.loads(refused.stderr)["error"]["code"] == "import-not-found"
