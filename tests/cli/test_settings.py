from __future__ import annotations

import json
from dataclasses import fields
from typing import TYPE_CHECKING

from tallystick.settings import Settings

if TYPE_CHECKING:
    from tests.cli.conftest import Run


def test_every_setting_is_listed_with_its_variable_and_what_it_is_about(run: Run) -> None:
    listed = json.loads(run("settings", "--json").stdout)["settings"]
    assert [each["name"] for each in listed] == [each.name for each in fields(Settings)]
    assert all(
        each["variable"] == f"TALLYSTICK_{each['name'].upper()}" and each["about"]
        for each in listed
    )
    assert all(each["default"] for each in listed)


def test_a_setting_that_was_set_is_told_from_a_default(run: Run) -> None:
    env = {"TALLYSTICK_PORT": "9000", "TALLYSTICK_GENERATIONS": "5G,4G"}
    lines = [line.split() for line in run("settings", env=env).stdout.splitlines()]
    assert ["TALLYSTICK_PORT", "9000", "set"] in [line[:3] for line in lines]
    assert ["TALLYSTICK_GENERATIONS", "4G,5G", "set"] in [line[:3] for line in lines]
    assert ["TALLYSTICK_HOST", "127.0.0.1", "default"] in [line[:3] for line in lines]
