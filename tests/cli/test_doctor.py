from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.cli.conftest import Run


@pytest.mark.usefixtures("store")
def test_a_sound_installation_ends_with_0(run: Run) -> None:
    result = run("doctor", env={"TALLYSTICK_PORT": "9000"})
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert all(line.startswith("ok       ") for line in lines)
    assert "ok       settings: port = 9000 (environment)" in lines


def test_a_problem_ends_with_1_and_programs_can_read_it(run: Run) -> None:
    result = run("doctor", "--json")
    assert result.exit_code == 1
    findings = json.loads(result.stdout)["findings"]
    (problem,) = [each for each in findings if each["state"] == "problem"]
    assert problem["check"] == "store"
    assert "make one with `tallystick init`" in problem["text"]


def test_a_setting_that_is_refused_is_a_problem_that_is_told(run: Run) -> None:
    result = run("doctor", env={"TALLYSTICK_PROT": "1"})
    assert result.exit_code == 1
    assert result.stdout.startswith("problem  settings: TALLYSTICK_PROT: there is no such setting")
