"""`tallystick app add`."""

from __future__ import annotations

import secrets
from enum import StrEnum
from typing import Annotated

import typer

from tallystick.access import Access, system_clock
from tallystick.cli.shared import AsJson, Command, current_settings, print_json, store_of

commands = typer.Typer(help="Apps: the OAuth clients that may call.", no_args_is_help=True)


class Scope(StrEnum):
    """What an app may do."""

    M2M = "m2m"
    INTAKE = "intake"
    ADMIN = "admin"


@commands.callback()
def app() -> None:
    """Keep `add` a word of its own while it is the only one."""


@commands.command(cls=Command)
def add(
    name: Annotated[str, typer.Argument(help="What the app is called.")],
    scope: Annotated[list[Scope] | None, typer.Option(help="What it may do; m2m if nothing is named.")] = None,
    as_json: AsJson = False,
) -> None:
    """Make an app known, and print its key and secret this once."""
    with store_of(current_settings()) as store:
        made = Access(store, system_clock, secrets.token_bytes).add_app(name, scope or [Scope.M2M])
    if as_json:
        print_json(made._asdict())
    else:
        typer.echo(f"key    {made.key}\nsecret {made.secret}")
        typer.echo("The secret is not kept in clear and cannot be shown again.", err=True)
