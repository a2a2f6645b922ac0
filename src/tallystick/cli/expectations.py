"""`tallystick expectations`: the ledger and its change sets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from tallystick.cli.ledger import Actor, Reason, Ticket, actor_told, origin_told, trial_lines
from tallystick.cli.shared import (
    AsJson,
    Command,
    current_settings,
    print_done,
    print_json,
    print_table,
    store_of,
)
from tallystick.clock import system_clock
from tallystick.core.ledger import BEHIND_ALL, State
from tallystick.core.moments import since
from tallystick.fleet import ledger
from tallystick.intake import Receipt, Trial

if TYPE_CHECKING:
    from datetime import tzinfo

    from tallystick.core.ledger import ChangeSet
    from tallystick.fleet.ledger import Entry
    from tallystick.store import Store

SOURCE_SHOWN_MAX = 40  # characters in a table; all of them are told with --json

commands = typer.Typer(
    help="Expectations: who changed them, when and why; approve, undo.", no_args_is_help=True
)

Number = Annotated[
    int, typer.Argument(metavar="ID", min=1, max=BEHIND_ALL, help="The number of the change set.")
]
AtMost = Annotated[int, typer.Option(min=1, help="Show no more than so many.")]


@commands.command(cls=Command)
def log(
    iccid: Annotated[str, typer.Argument(metavar="ICCID", help="The SIM.")],
    as_json: AsJson = False,
) -> None:
    """Show every value that the expectations of a SIM ever had: who put it, when and why, and what ended it."""
    settings = current_settings()
    with store_of(settings) as store, store.snapshot() as reader:
        entries = [_entry(each, settings.zone) for each in ledger.log(reader, iccid)]
    if as_json:
        print_json({"iccid": iccid, "values": entries})
    else:
        _print_log(entries)


def _entry(entry: Entry, zone: tzinfo) -> dict[str, Any]:
    sets = {"put_in": entry.put, "returned_in": entry.returned, "ended_in": entry.ended}
    return {
        "effective_from": since(entry.stay.effective_from, zone),
        "imei": str(entry.stay.imei),
        **{
            name: None if each is None else ledger.described(each, zone)
            for name, each in sets.items()
        },
    }


def _print_log(entries: list[dict[str, Any]]) -> None:
    columns = (
        "effective_from",
        "imei",
        "put_in",
        "by",
        "at",
        "source",
        "ticket",
        "reason",
        "returned_in",
        "ended_in",
    )
    print_table(columns, [_log_row(each) for each in entries])


def _log_row(entry: dict[str, Any]) -> list[str]:
    put, returned, ended = entry["put_in"], entry["returned_in"], entry["ended_in"]
    told = [entry["effective_from"] or "the beginning", entry["imei"]]
    if put is None:
        told += ["", "", "", "before the ledger", "", ""]
    else:
        source = _cut(f"{put['source']} {put['detail'] or ''}".strip())
        told += [
            str(put["change_set_id"]),
            _who(put),
            _when(put),
            source,
            put["ticket"] or "",
            put["reason"] or "",
        ]
    return [
        *told,
        *(
            f"{each['change_set_id']} by {_who(each)} at {_when(each)}" if each else ""
            for each in (returned, ended)
        ),
    ]


def _who(told: dict[str, Any]) -> str:
    return f"{told['actor']}, {told['decided_by']}" if told["decided_by"] else str(told["actor"])


def _when(told: dict[str, Any]) -> str:
    """When a change set was in force as a whole, or else when it came."""
    return str(told["decided_at"] or told["brought_at"])


def _cut(text: str) -> str:
    return text if len(text) <= SOURCE_SHOWN_MAX else f"{text[:SOURCE_SHOWN_MAX]}…"


@commands.command(cls=Command)
def changes(
    state: Annotated[State | None, typer.Option(help="Only those in this state.")] = None,
    at_most: AtMost = 20,
    as_json: AsJson = False,
) -> None:
    """List change sets, the last first."""
    settings = current_settings()
    with store_of(settings) as store, store.snapshot() as reader:
        found = reader.change_sets(BEHIND_ALL, at_most, state)
    if as_json:
        print_json({"change_sets": [ledger.described(each, settings.zone) for each in found]})
    else:
        print_table(
            (
                "id",
                "state",
                "actor",
                "brought_at",
                "source",
                "added",
                "corrected",
                "removed",
                "ticket",
                "decided_by",
            ),
            [_change_set_row(each, settings.zone) for each in found],
        )


def _change_set_row(found: ChangeSet, zone: tzinfo) -> list[str]:
    told = ledger.described(found, zone)
    names = (
        "change_set_id",
        "state",
        "actor",
        "brought_at",
        "source",
        "added",
        "corrected",
        "removed",
        "ticket",
    )
    return [
        *(str(told[name] if told[name] is not None else "") for name in names),
        told["decided_by"] or "",
    ]


@commands.command(cls=Command)
def show(number: Number, at_most: AtMost = 20, as_json: AsJson = False) -> None:
    """Show a change set, and what it did or would do to each expectation."""
    settings = current_settings()
    with store_of(settings) as store, store.snapshot() as reader:
        told = ledger.described_whole(reader, number, at_most, settings.zone)
    if as_json:
        print_json(told)
        return
    some, in_all = told.pop("changes"), told.pop("changes_in_all")
    for name, value in told.items():
        if value is not None:
            typer.echo(f"{name}: {value}")
    print_table(
        tuple(ledger.Change._fields), [[value or "" for value in each.values()] for each in some]
    )
    if in_all > at_most:
        typer.echo(f"and {in_all - at_most:,} more")


@commands.command(cls=Command)
def approve(
    number: Number,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Change nothing, and say what it would change.")
    ] = False,
    actor: Actor = None,
    as_json: AsJson = False,
) -> None:
    """Put a proposal in force. Whoever proposed it cannot."""
    settings = current_settings()
    with store_of(settings) as store:
        if dry_run:
            trial = Trial()
            tried, facts = ledger.try_proposal(store, number)
            trial.add(tried, facts, settings.generations)
            lines, told = list(trial_lines(trial, settings.zone)), trial.described(settings.zone)
        else:
            taken = ledger.approve(store, number, actor_told(actor), system_clock())
            receipt = Receipt(taken.accepted, taken.duplicate)
            lines, told = [_counts(receipt)], receipt.described()
    if as_json:
        print_json(told | {"change_set_id": number})
    else:
        typer.echo(f"change set {number}{'' if dry_run else ' is applied'}:")
        for line in lines:
            typer.echo(line)


def _counts(receipt: Receipt) -> str:
    return f"  {receipt.read:,} proposed: {receipt.accepted:,} accepted, {receipt.duplicate:,} duplicate"


@commands.command(cls=Command)
def reject(number: Number, actor: Actor = None, as_json: AsJson = False) -> None:
    """Drop a proposal. Whoever proposed it cannot."""
    settings = current_settings()
    with store_of(settings) as store:
        ledger.reject(store, number, actor_told(actor), system_clock())
        told = _told(store, number, settings.zone)
    print_done(f"change set {number} is rejected", told, as_json=as_json)


@commands.command(cls=Command)
def undo(
    number: Number,
    ticket: Ticket = "",
    reason: Reason = "",
    actor: Actor = None,
    as_json: AsJson = False,
) -> None:
    """Take a whole change set back, which is a change set itself. Refused where later ones changed the same."""
    settings = current_settings()
    with store_of(settings) as store:
        undone_in = ledger.undo(store, number, origin_told(actor, ticket, reason))
        told = _told(store, undone_in, settings.zone)
    counts = (
        f"{told['added']:,} added, {told['corrected']:,} corrected, {told['removed']:,} removed"
    )
    print_done(
        f"change set {number} is undone, by change set {undone_in}: {counts}", told, as_json=as_json
    )


def _told(store: Store, number: int, zone: tzinfo) -> dict[str, Any]:
    with store.snapshot() as reader:
        return ledger.described(ledger.change_set(reader, number), zone)
