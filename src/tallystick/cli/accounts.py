"""`tallystick account`: list, show, add, change, rename and remove."""

from __future__ import annotations

from typing import Annotated

import typer

from tallystick.api import answers
from tallystick.cli.shared import (
    AsJson,
    Command,
    RecordedCommand,
    current_settings,
    print_done,
    print_json,
    print_table,
    store_of,
)
from tallystick.core.pairing import FirstUse
from tallystick.fleet import accounts

commands = typer.Typer(help="Accounts: who owns SIMs.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="The account's name.")]


@commands.command("list", cls=Command)
def list_(as_json: AsJson = False) -> None:
    """List the accounts."""
    with store_of(current_settings()) as store, store.snapshot() as reader:
        names = accounts.names(reader)
    if as_json:
        print_json(answers.account_list(names))
    else:
        print_table(("account",), [(name,) for name in names])


@commands.command(cls=Command)
def show(name: Name, as_json: AsJson = False) -> None:
    """Show what an account has and expects, and which users see it."""
    with store_of(current_settings()) as store, store.snapshot() as reader:
        account = accounts.show(reader, name)
    if as_json:
        print_json(answers.account_answer(account))
    else:
        print_table(
            ("account", "first_use", "sims", "groups", "users"),
            [
                (
                    name,
                    account.first_use,
                    f"{account.sims:,}",
                    f"{account.groups:,}",
                    ", ".join(account.users),
                )
            ],
        )


@commands.command(cls=RecordedCommand)
def add(name: Name, as_json: AsJson = False) -> None:
    """Make an account known."""
    with store_of(current_settings()) as store, store.transaction() as writer:
        accounts.add(writer, name)
        made = accounts.show(writer, name)
    print_done(f"account {name} added", answers.account_answer(made), as_json=as_json)


@commands.command(cls=RecordedCommand)
def change(
    name: Name,
    first_use: Annotated[
        FirstUse,
        typer.Option(
            help="Where SIMs are to stay while no expectation is in force: in the unit or model "
            "first seen."
        ),
    ],
    as_json: AsJson = False,
) -> None:
    """Say what an account expects of SIMs without an expectation.

    The report follows, past and all.
    """
    with store_of(current_settings()) as store:
        with store.transaction() as writer:
            accounts.hold(writer, name, first_use)
            changed = accounts.show(writer, name)
        store.finish_work()
    print_done(
        f"account {name}: first use {first_use}", answers.account_answer(changed), as_json=as_json
    )


@commands.command(cls=RecordedCommand)
def rename(
    name: Name,
    new_name: Annotated[
        str, typer.Argument(help="What it is called from now on, in reports of its past too.")
    ],
    as_json: AsJson = False,
) -> None:
    """Give an account another name."""
    with store_of(current_settings()) as store:
        with store.transaction() as writer:
            accounts.rename(writer, name, new_name)
            renamed = accounts.show(writer, new_name)
        store.finish_work()
    print_done(
        f"account {name} renamed to {new_name}", answers.account_answer(renamed), as_json=as_json
    )


@commands.command(cls=RecordedCommand)
def remove(name: Name, as_json: AsJson = False) -> None:
    """Remove an account that has neither SIMs nor groups.

    Users who were granted it see it no more.
    """
    with store_of(current_settings()) as store, store.transaction() as writer:
        accounts.remove(writer, name)
    print_done(f"account {name} removed", {"removed": name}, as_json=as_json)
