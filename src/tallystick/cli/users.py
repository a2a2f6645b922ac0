"""`tallystick user add`, `user unlock` and `user list`."""

from __future__ import annotations

import secrets
import sys
from typing import Annotated

import typer

from tallystick.access import Access, system_clock
from tallystick.cli.shared import Command, current_settings, print_table, store_of

commands = typer.Typer(help="Users: who may log in, and whose SIMs they see.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="The user's name.")]


@commands.command(cls=Command)
def add(
    name: Name,
    account: Annotated[list[str] | None, typer.Option(help="They see this account.")] = None,
    all_accounts: Annotated[bool, typer.Option("--all-accounts", help="They see every account.")] = False,
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the password from standard input.")
    ] = False,
) -> None:
    """Make a user known."""
    with store_of(current_settings()) as store:
        access = Access(store, system_clock, secrets.token_bytes)
        access.add_user(name, _password(from_stdin=password_stdin), account or [], all_accounts=all_accounts)
    typer.echo(f"user {name} added")
    if not (account or all_accounts):
        typer.echo("They see no account: --account or --all-accounts was not given.", err=True)


def _password(*, from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    if not sys.stdin.isatty():
        message = "there is no terminal to ask for the password at: hand it in with --password-stdin"
        raise typer.BadParameter(message)
    return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True))


@commands.command(cls=Command)
def unlock(name: Name) -> None:
    """Let a user log in again after too many failures."""
    with store_of(current_settings()) as store:
        Access(store, system_clock, secrets.token_bytes).unlock_user(name)
    typer.echo(f"user {name} unlocked")


@commands.command("list", cls=Command)
def list_() -> None:
    """List the users, what they see, and who is locked."""
    with store_of(current_settings()) as store:
        users = Access(store, system_clock, secrets.token_bytes).users()
    print_table(
        ("user", "accounts", "locked"),
        [
            (user.name, "all" if user.all_accounts else ", ".join(user.accounts), "locked" if user.locked else "")
            for user in users
        ],
    )
