from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path
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
    assert ["TALLYSTICK_PORT", "9000", "environment"] in [line[:3] for line in lines]
    assert ["TALLYSTICK_GENERATIONS", "4G,5G", "environment"] in [line[:3] for line in lines]
    assert ["TALLYSTICK_HOST", "127.0.0.1", "default"] in [line[:3] for line in lines]


def test_each_setting_is_listed_with_where_it_was_given(run: Run) -> None:
    Path("port").write_text("9000")
    Path("tallystick.toml").write_text('port = 1\nhost = "0.0.0.0"\n')
    listed = json.loads(run("settings", "--json", env={"TALLYSTICK_PORT_FILE": "port"}).stdout)
    places = {each["name"]: each["from"] for each in listed["settings"]}
    assert places["port"] == "TALLYSTICK_PORT_FILE"
    assert places["host"] == "tallystick.toml, line 2: host"
    assert places["workers"] == "default"


def test_commands_use_the_file_of_settings(run: Run) -> None:
    Path("tallystick.toml").write_text('database = "sqlite:///of-the-file.db"\n')
    assert run("init").stdout == "of-the-file.db: made a new store\n"
    Path("tallystick.toml").write_text('\ndatabse = "sqlite:///x.db"\n')
    refused = run("verify")
    assert refused.exit_code == 1
    place = "tallystick.toml, line 2: databse"
    assert refused.stderr == (f"error: {place}: there is no such setting; did you mean database?\n")
