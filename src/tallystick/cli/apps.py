"""`tallystick app`: list, show, add, change, rotate and remove."""

from __future__ import annotations

from datetime import UTC
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from tallystick.access import SCOPES_DEFAULT
from tallystick.api.answers import access as answers
from tallystick.cli.command import Command, RecordedCommand
from tallystick.cli.output import AsJson, print_done, print_json, print_table, say
from tallystick.cli.stores import opened_access
from tallystick.core.counted import counted
from tallystick.core.moments import SECONDS_A_DAY, wire

if TYPE_CHECKING:
    from tallystick.access import App, Credentials
    from tallystick.access.apps import Secret

commands = typer.Typer(help="Apps: the OAuth clients that may call.", no_args_is_help=True)

HOUR_S = 60 * 60
Name = Annotated[str, typer.Argument(help="What the app is called.")]
ValidDays = Annotated[
    int | None,
    typer.Option(min=1, max=3650, help="So many days the secret holds; for good if not given."),
]


class ScopeName(StrEnum):
    """What an app may do."""

    M2M = "m2m"
    INTAKE = "intake"
    ADMIN = "admin"


@commands.command("list", cls=Command)
def list_(as_json: AsJson = False) -> None:
    """List the apps, what each may do, and how long its token holds."""
    with opened_access() as access:
        apps = access.apps()
    if as_json:
        print_json(answers.AppList([answers.app_answer(app) for app in apps]))
    else:
        _print(apps)


@commands.command(cls=Command)
def show(name: Name, as_json: AsJson = False) -> None:
    """Show an app."""
    with opened_access() as access:
        app = access.app_named(name)
    if as_json:
        print_json(answers.app_answer(app))
    else:
        _print([app])


@commands.command(cls=RecordedCommand)
def add(
    name: Name,
    scope: Annotated[
        list[ScopeName] | None, typer.Option(help="What it may do; m2m if nothing is named.")
    ] = None,
    valid_days: ValidDays = None,
    as_json: AsJson = False,
) -> None:
    """Make an app known, and print its key and secret this once."""
    with opened_access() as access:
        made = access.add_app(name, scope or SCOPES_DEFAULT, valid_s=_seconds(valid_days))
    _print_secret(made, as_json=as_json)


@commands.command(cls=RecordedCommand)
def change(
    name: Name,
    scope: Annotated[
        list[ScopeName], typer.Option(help="What it may do from now on, in place of what it could.")
    ],
    as_json: AsJson = False,
) -> None:
    """Change what an app may do, with the token that it has too."""
    with opened_access() as access:
        access.change_app(name, scope)
        app = access.app_named(name)
    print_done(
        f"app {name} may do {', '.join(app.scopes)}", answers.app_answer(app), as_json=as_json
    )


@commands.command(cls=RecordedCommand)
def rotate(
    name: Name,
    overlap_h: Annotated[
        int,
        typer.Option(
            min=0, max=90 * 24, help="So many hours the old secret holds on; without, not at all."
        ),
    ] = 0,
    valid_days: ValidDays = None,
    as_json: AsJson = False,
) -> None:
    """Give an app another secret, and print it this once.

    The old one ends at once with its tokens, unless it is to overlap with the new one.
    """
    with opened_access() as access:
        made = access.rotate_app(name, overlap_s=overlap_h * HOUR_S, valid_s=_seconds(valid_days))
    _print_secret(made, as_json=as_json)


def _seconds(days: int | None) -> int | None:
    return None if days is None else days * SECONDS_A_DAY


@commands.command(cls=RecordedCommand)
def end_tokens(
    name: Name,
    token: Annotated[
        str | None, typer.Option(metavar="ID", help="This token only, as `app show --json` has it.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """End an app's tokens; it gets another one for its secret."""
    with opened_access() as access:
        ended = access.end_tokens(name, token)
    print_done(f"{counted(ended, 'token', 'tokens')} ended", {"ended": ended}, as_json=as_json)


@commands.command(cls=RecordedCommand)
def remove(name: Name, as_json: AsJson = False) -> None:
    """Remove an app; its token ends at once."""
    with opened_access() as access:
        access.remove_app(name)
    print_done(f"app {name} removed", {"removed": name}, as_json=as_json)


def _print(apps: list[App]) -> None:
    print_table(
        ("app", "key", "scopes", "secrets", "token"),
        [
            (
                app.name,
                app.key,
                ", ".join(app.scopes),
                ", ".join(map(_secret, app.secrets)),
                _token(app.token_expires_in_s),
            )
            for app in apps
        ],
    )


def _secret(secret: Secret) -> str:
    """A secret that holds: until when."""
    return "for good" if secret.expires_at is None else f"until {wire(secret.expires_at, UTC)}"


def _token(seconds: int | None) -> str:
    return "" if seconds is None else f"{seconds} s left"


def _print_secret(made: Credentials, *, as_json: bool) -> None:
    if as_json:
        print_json(answers.credentials_answer(made))
    else:
        say(f"key    {made.key}\nsecret {made.secret}")
        say("The secret is not kept in clear and cannot be shown again.", err=True)
