"""`tallystick group`: list, show, add, rename, describe, remove, put and take-out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from tallystick.api.answers import accounts as answers
from tallystick.cli.command import EXIT_REFUSED, EXIT_SOME_REJECTED, Command, RecordedCommand
from tallystick.cli.output import AsJson, print_done, print_json, print_table, say
from tallystick.cli.stores import current_settings, store_of
from tallystick.core.counted import counted
from tallystick.core.identifiers import BEFORE_ALL
from tallystick.core.selection import Listed, listed
from tallystick.fleet import accounts, groups

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tallystick.fleet.groups import ChangedGroup, GroupChange, MemberPage
    from tallystick.store import Reader

commands = typer.Typer(help="Groups: named sets of SIMs within one account.", no_args_is_help=True)

Account = Annotated[str, typer.Argument(help="The account that the group is in.")]
Name = Annotated[str, typer.Argument(metavar="GROUP", help="The group's name.")]
Sims = Annotated[list[str], typer.Argument(metavar="ICCID|MDN…", help="SIMs of the account.")]


@commands.command("list", cls=Command)
def list_(account: Account, as_json: AsJson = False) -> None:
    """List the groups of an account, the default one first."""
    with store_of(current_settings()) as store, store.snapshot() as reader:
        listed_groups = groups.groups_of(reader, accounts.number_of(reader, account))
    if as_json:
        print_json(answers.GroupList([answers.group_answer(group) for group in listed_groups]))
    else:
        print_table(
            ("group", "description"), [(group.name, group.description) for group in listed_groups]
        )


@commands.command(cls=Command)
def show(account: Account, name: Name, as_json: AsJson = False) -> None:
    """Show a group and every SIM in it."""
    with store_of(current_settings()) as store, store.snapshot() as reader:
        pages = [
            answers.group_page(page)
            for page in _pages(reader, accounts.number_of(reader, account), name)
        ]
    sims = [sim for page in pages for sim in page.sims]
    if as_json:
        print_json(msgspec.structs.replace(pages[0], sims=sims, next=None))
    else:
        print_table(("iccid", "mdn"), [(sim.iccid, sim.mdn or "") for sim in sims])
        say(
            f"{counted(len(sims), 'SIM', 'SIMs')} in {name}{_about(pages[0].description)}", err=True
        )


def _pages(reader: Reader, account_id: int, name: str) -> Iterator[MemberPage]:
    after = BEFORE_ALL
    while True:
        page = groups.members_of(reader, account_id, name, after)
        yield page
        if not page.has_more:
            break
        after = page.members[-1].iccid


def _about(description: str) -> str:
    return f": {description}" if description else ""


@commands.command(cls=RecordedCommand)
def add(
    account: Account,
    name: Name,
    description: Annotated[str, typer.Option(help="What the group is for.")] = "",
    as_json: AsJson = False,
) -> None:
    """Make a group."""
    with store_of(current_settings()) as store, store.transaction() as writer:
        made = groups.create_and_show(
            writer, accounts.number_of(writer, account), name, description, Listed()
        )
    print_done(f"group {name} added", answers.group_changed(made), as_json=as_json)


@commands.command(cls=RecordedCommand)
def rename(
    account: Account,
    name: Name,
    new_name: Annotated[str, typer.Argument(help="What it is called from now on.")],
    as_json: AsJson = False,
) -> None:
    """Give a group another name."""
    changed = _change(account, name, groups.GroupChange(name=new_name))
    print_done(
        f"group {name} renamed to {new_name}", answers.group_changed(changed), as_json=as_json
    )


@commands.command(cls=RecordedCommand)
def describe(
    account: Account,
    name: Name,
    description: Annotated[
        str, typer.Argument(help="What the group is for; an empty one takes it away.")
    ],
    as_json: AsJson = False,
) -> None:
    """Say what a group is for."""
    changed = _change(account, name, groups.GroupChange(description=description))
    print_done(f"group {name} described", answers.group_changed(changed), as_json=as_json)


@commands.command(cls=RecordedCommand)
def put(account: Account, name: Name, sims: Sims, as_json: AsJson = False) -> None:
    """Put SIMs in a group, out of the ones they were in.

    Exit status: 3 if some are not the account's, 1 if none is.
    """
    wanted = listed(sims)
    changed = _change(account, name, groups.GroupChange(added=wanted))
    _print_changed(f"put in {name}", account, wanted, changed, as_json=as_json)


@commands.command(cls=RecordedCommand)
def take_out(account: Account, name: Name, sims: Sims, as_json: AsJson = False) -> None:
    """Take SIMs out of a group. Exit status: 3 if some are not the account's, 1 if none is."""
    wanted = listed(sims)
    changed = _change(account, name, groups.GroupChange(removed=wanted))
    _print_changed(f"taken out of {name}", account, wanted, changed, as_json=as_json)


@commands.command(cls=RecordedCommand)
def remove(account: Account, name: Name, as_json: AsJson = False) -> None:
    """Remove a group; its SIMs are in the default one then."""
    with store_of(current_settings()) as store, store.transaction() as writer:
        groups.delete(writer, accounts.number_of(writer, account), name)
    print_done(f"group {name} removed", {"removed": name}, as_json=as_json)


def _change(account: str, name: str, wanted: GroupChange) -> ChangedGroup:
    with (
        store_of(current_settings()) as store,
        store.transaction(sims=wanted.sims()) as writer,
    ):
        return groups.change_and_show(writer, accounts.number_of(writer, account), name, wanted)


def _print_changed(
    what: str, account: str, wanted: Listed, changed: ChangedGroup, *, as_json: bool
) -> None:
    answer = answers.group_changed(changed)
    passed_over, asked = len(answer.passed_over), len(wanted.iccids) + len(wanted.mdns)
    print_done(f"{asked - passed_over:,} of {asked:,} {what}", answer, as_json=as_json)
    if passed_over and not as_json:
        say(f"not of account {account}: {', '.join(answer.passed_over)}", err=True)
    if passed_over:
        raise typer.Exit(EXIT_SOME_REJECTED if passed_over < asked else EXIT_REFUSED)
