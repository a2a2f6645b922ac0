"""`tallystick account`: list, show, add, change, rename and remove."""

from __future__ import annotations

from typing import Annotated

import typer

from tallystick.api.answers import accounts as answers
from tallystick.cli.command import Command, RecordedCommand
from tallystick.cli.output import AsJson, print_done, print_json, print_table
from tallystick.cli.stores import current_settings, store_of
from tallystick.core.approval import Approval
from tallystick.core.pairing import FirstUse
from tallystick.fleet import accounts

commands = typer.Typer(help="Accounts: who owns SIMs.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="The account's name.")]


@commands.command("list", cls=Command)
def list_(as_json: AsJson = False) -> None:
    """List the accounts, and which of them ask for approval."""
    with store_of(current_settings()) as store, store.snapshot() as reader:
        approvals = accounts.listed(reader)
    if as_json:
        print_json(answers.account_list(approvals))
    else:
        print_table(("account", "approval"), list(approvals.items()))


@commands.command(cls=Command)
def show(name: Name, as_json: AsJson = False) -> None:
    """Show what an account has and expects, and which users see it."""
    with store_of(current_settings()) as store, store.snapshot() as reader:
        account = accounts.show(reader, name)
    if as_json:
        print_json(answers.account_answer(account))
    else:
        print_table(
            ("account", "first_use", "approval", "sims", "groups", "users"),
            [
                (
                    name,
                    account.first_use,
                    account.approval,
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
        FirstUse | None,
        typer.Option(
            help="Where SIMs are to stay while no expectation is in force: in the unit or model "
            "first seen. The report follows, past and all.",
            show_default=False,
        ),
    ] = None,
    approval: Annotated[
        Approval | None,
        typer.Option(
            help="Whether another person has to approve what is to be expected of its SIMs, "
            "whoever proposes it and by whichever way but the command line.",
            show_default=False,
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Say what an account expects of SIMs without an expectation, or have it ask for approval."""
    if first_use is None and approval is None:
        message = "say what is to change: --first-use, --approval or both"
        raise typer.BadParameter(message, param_hint="--first-use, --approval")
    with store_of(current_settings()) as store:
        with store.transaction() as writer:
            if first_use is not None:
                accounts.hold(writer, name, first_use)
            if approval is not None:
                accounts.ask(writer, name, approval)
            changed = accounts.show(writer, name)
        store.finish_work()
    said = f"first use {changed.first_use}, approval {changed.approval}"
    print_done(f"account {name}: {said}", answers.account_answer(changed), as_json=as_json)


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
