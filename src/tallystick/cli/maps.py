"""`tallystick maps`: the mappings that come with Tallystick."""

from __future__ import annotations

from typing import Annotated

import typer

from tallystick.cli.command import Command
from tallystick.cli.output import AsJson, print_json, say
from tallystick.core.errors import InvalidValue
from tallystick.intake import preset_text, presets

commands = typer.Typer()

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="Which mapping.")]


@commands.callback(invoke_without_command=True)
def list_(context: typer.Context, as_json: AsJson = False) -> None:
    """List the mappings: the kinds of facts that each is for, and what it reads."""
    if context.invoked_subcommand is not None:
        return
    if as_json:
        print_json(
            [
                {"name": name, "kinds": list(mapping.kinds), "about": mapping.about}
                for name, mapping in presets().items()
            ]
        )
        return
    for name, mapping in presets().items():
        say(f"{name:20} {', '.join(mapping.kinds):20} {mapping.about}")


@commands.command("show", cls=Command)
def show(name: NameArgument) -> None:
    """Print one mapping, to start a file of your own from."""
    try:
        say(preset_text(name).rstrip())
    except InvalidValue as refusal:
        raise typer.BadParameter(refusal.message) from refusal
