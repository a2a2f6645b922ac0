"""What the commands about expectations share: who acts and what for, and how a trial is told."""

from __future__ import annotations

import getpass
import os
from typing import TYPE_CHECKING, Annotated

import typer

from tallystick.clock import system_clock
from tallystick.core.counted import counted
from tallystick.core.errors import InvalidValue
from tallystick.core.identifiers import parse_name
from tallystick.core.ledger import Origin, parse_note
from tallystick.intake import described_row

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import tzinfo

    from tallystick.intake import Trial
    from tallystick.store import KeptRow

ROWS_TOLD_MAX = 20  # of each list; the others are counted, and told with --json

Actor = Annotated[
    str | None,
    typer.Option(
        "--as",
        metavar="NAME",
        help="Who acts, for the ledger; the operating system's user if not given.",
    ),
]
Ticket = Annotated[
    str,
    typer.Option(help="The ticket that the change belongs to, for the ledger.", show_default=False),
]
Reason = Annotated[str, typer.Option(help="Why, for the ledger.", show_default=False)]


def actor_of(actor: str | None) -> str:
    """Who acts: the name that was given, or the operating system's user. Raises `BadParameter`."""
    if actor is None:
        try:
            return getpass.getuser()
        except (KeyError, OSError):  # a user without a name, as containers have them
            return str(os.getuid())
    try:
        return parse_name("--as", actor)
    except InvalidValue as refusal:
        raise typer.BadParameter(refusal.message, param_hint="--as") from refusal


def origin_of(actor: str | None, ticket: str, reason: str) -> Origin:
    """Who acts now, and what for. Raises `BadParameter`."""
    for option, text in (("--ticket", ticket), ("--reason", reason)):
        try:
            parse_note(option, text)
        except InvalidValue as refusal:
            raise typer.BadParameter(refusal.message, param_hint=option) from refusal
    name, now = actor_of(actor), system_clock()
    return Origin(name, now, ticket=ticket, reason=reason, is_operators=True)


def trial_lines(trial: Trial, zone: tzinfo) -> Iterator[str]:
    """What expectations would do, for people."""
    yield f"  nothing was changed: {trial.added:,} would be added, {trial.corrected:,} corrected"
    yield from _row_lines("close", trial.closed, zone)
    yield from _row_lines("open", trial.opened, zone)


def _row_lines(what: str, rows: Sequence[KeptRow], zone: tzinfo) -> Iterator[str]:
    yield f"  the report would {what} {counted(len(rows), 'row', 'rows')}"
    for row in rows[:ROWS_TOLD_MAX]:
        columns = described_row(row, zone)
        imeis = f"{columns['pre_imei']} -> {columns['post_imei']}"
        yield f"    {columns['iccid']} {imeis} {columns['activated_at']} {columns['account']}"
    if len(rows) > ROWS_TOLD_MAX:
        yield f"    and {len(rows) - ROWS_TOLD_MAX:,} more"
