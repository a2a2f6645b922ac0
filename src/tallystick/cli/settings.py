"""`tallystick settings`."""

from __future__ import annotations

from dataclasses import fields

from tallystick.cli.shared import AsJson, current_settings, print_json, print_table
from tallystick.settings import text_of, variable, without_password


def settings(as_json: AsJson = False) -> None:
    """List every setting: its variable, its value, whether that is the default, its meaning."""
    current = current_settings()
    listed = [
        {
            "name": each.name,
            "variable": variable(each.name),
            "value": _shown(getattr(current, each.name)),
            "default": getattr(current, each.name) == each.default,
            "about": each.metadata["about"],
        }
        for each in fields(current)
    ]
    if as_json:
        print_json({"settings": listed})
        return
    print_table(
        ("variable", "value", "", "about"),
        [
            (
                each["variable"],
                text_of(each["value"]),
                "default" if each["default"] else "set",
                each["about"],
            )
            for each in listed
        ],
    )


def _shown(value: object) -> object:
    """The value, unless a password is part of it."""
    return without_password(value) if isinstance(value, str) else value
