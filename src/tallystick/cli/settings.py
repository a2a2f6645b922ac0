"""`tallystick settings`."""

from __future__ import annotations

import os
from dataclasses import fields

from tallystick.cli.output import AsJson, print_json, print_table
from tallystick.settings import read_sourced, text_of, variable, without_password


def settings(as_json: AsJson = False) -> None:
    """List every setting: its variable, its value, where that was given, its meaning.

    A variable goes before `tallystick.toml`, and that before the default.
    """
    sourced = read_sourced(os.environ)
    listed = [
        {
            "name": each.name,
            "variable": variable(each.name),
            "value": _shown(getattr(sourced.settings, each.name)),
            "default": getattr(sourced.settings, each.name) == each.default,
            "from": sourced.place(each.name),
            "about": each.metadata["about"],
        }
        for each in fields(sourced.settings)
    ]
    if as_json:
        print_json({"settings": listed})
        return
    print_table(
        ("variable", "value", "from", "about"),
        [
            (each["variable"], text_of(each["value"]), _origin(each), each["about"])
            for each in listed
        ],
    )


def _origin(listed: dict[str, object]) -> str:
    """Where a value was given; for a variable of the setting's own name, that it is one."""
    place = str(listed["from"])
    return "environment" if place == listed["variable"] else place


def _shown(value: object) -> object:
    """The value, unless a password is part of it."""
    return without_password(value) if isinstance(value, str) else value
