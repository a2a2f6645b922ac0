"""`tallystick audit`: list, export, verify and prune."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from tallystick.access.audit import users_name
from tallystick.api.answers import audit as answers
from tallystick.cli.command import EXIT_REFUSED, Command, ExportCommand
from tallystick.cli.output import AsJson, print_json, print_table, say, writing
from tallystick.cli.scope import span_named
from tallystick.cli.stores import current_settings, opened_access
from tallystick.core.acts import Link, Via
from tallystick.core.counted import counted
from tallystick.core.ledger import BEHIND_ALL
from tallystick.store.audit import AuditFilter

KNOWN = re.compile(r"(?P<number>[1-9][0-9]{0,17}):(?P<digest>[0-9a-f]{64})")

KEPT_DAYS_MAX = 36_500

commands = typer.Typer(
    help="The audit: who did what, from where, when, and how it ended.", no_args_is_help=True
)


@commands.command("list", cls=Command)
def list_(
    actor: Annotated[
        str, typer.Option(help="Only what this app, app/user or system's user did.")
    ] = "",
    action: Annotated[str, typer.Option(help="Only acts of this name, like user.change.")] = "",
    subject: Annotated[str, typer.Option(help="Only acts on this.")] = "",
    earliest: Annotated[str | None, typer.Option(help="Acts after this moment.")] = None,
    latest: Annotated[str | None, typer.Option(help="Acts before this moment.")] = None,
    before: Annotated[
        int, typer.Option(min=1, max=BEHIND_ALL, help="Records before this number.")
    ] = BEHIND_ALL,
    at_most: Annotated[int, typer.Option(min=1, help="Show no more than so many.")] = 50,
    as_json: AsJson = False,
) -> None:
    """List what was recorded, the last first."""
    window = span_named(earliest, latest)
    asked = AuditFilter(before, actor, action, subject, window.earliest, window.latest)
    with opened_access() as access:
        records = access.audit.page(asked, at_most)
    zone = current_settings().zone
    listed = [answers.audit_answer(each, zone) for each in records]
    if as_json:
        print_json({"records": listed})
        return
    columns = ("number", "at", "actor", "action", "subject", "address", "outcome")
    print_table(columns, [[str(each[name]) for name in columns] for each in listed])


@commands.command(cls=ExportCommand)
def export(
    output: Annotated[Path | None, typer.Option(help="Write to this file.")] = None,
) -> None:
    """Write every record, the oldest first, as a line of JSON each."""
    zone = current_settings().zone
    with opened_access() as access, writing(output) as file:
        for record in access.audit.records():
            file.write(msgspec.json.encode(answers.audit_answer(record, zone)) + b"\n")


@commands.command(cls=Command)
def verify(
    known: Annotated[
        str | None,
        typer.Option(
            metavar="NUMBER:DIGEST",
            help="A record that was noted elsewhere, which has to be there as it was.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Walk along the whole chain of records; exit 1 and name the first one that does not fit."""
    noted = _known(known)
    with opened_access() as access:
        oldest, head, misfit = access.audit.verify(noted)
    mark = f"{head.number}:{head.digest.hex()}"
    if as_json:
        wrong = None if misfit is None else misfit._asdict()
        print_json({"oldest": oldest, "last": head.number, "mark": mark, "misfit": wrong})
    elif misfit is not None:
        say(f"record {misfit.number} {misfit.reason}", err=True)
    elif not head.number:
        say("there is no record yet")
    else:
        count = counted(head.number - oldest + 1, "record fits", "records fit")
        say(f"{count}, from {oldest} to {head.number}")
        say(f"note elsewhere, to prove it later with --known: {mark}")
    if misfit is not None:
        raise typer.Exit(EXIT_REFUSED)


@commands.command(cls=Command)
def prune(
    keep_days: Annotated[
        int,
        typer.Option(min=1, max=KEPT_DAYS_MAX, help="Keep what is from the last so many days."),
    ],
    as_json: AsJson = False,
) -> None:
    """Remove the oldest records; the record of that says which, and proves the others."""
    with opened_access() as access:
        before = access.audit.oldest()
        while access.audit.prune(keep_days, Via.COMMAND, users_name()):
            pass
        removed = access.audit.oldest() - before
    if as_json:
        print_json({"removed": removed})
    else:
        say(f"{counted(removed, 'record was', 'records were')} removed")


def _known(text: str | None) -> Link | None:
    """The record that was noted elsewhere. Raises `BadParameter`."""
    if text is None:
        return None
    form = KNOWN.fullmatch(text)
    if form is None:
        message = "must be a record's number and digest, as `tallystick audit verify` prints them"
        raise typer.BadParameter(message, param_hint="--known")
    return Link(int(form["number"]), bytes.fromhex(form["digest"]))
