"""`tallystick expectations`: the ledger of expectations and identities, and its change sets."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tallystick.api.answers import change_sets as answers
from tallystick.cli.command import Command, ExportCommand, RecordedCommand
from tallystick.cli.ledger import Actor, Reason, Ticket, actor_of, origin_of, trial_lines
from tallystick.cli.output import AsJson, print_done, print_json, print_table, say, writing
from tallystick.cli.stores import current_settings, store_of
from tallystick.clock import system_clock
from tallystick.core.approval import Decider
from tallystick.core.ledger import BEHIND_ALL, State
from tallystick.core.moments import moment_of, parse_named, since
from tallystick.fleet import ledger
from tallystick.fleet.in_force import COLUMNS, lines_in_force
from tallystick.http.streaming import csv_lines
from tallystick.intake import Receipt, Trial

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import tzinfo

    from tallystick.core.ledger import ChangeSet
    from tallystick.fleet.ledger import Entry
    from tallystick.store import Store

SOURCE_SHOWN_MAX = 40  # characters in a table; all of them are told with --json

LOG_COLUMNS = (
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
CHANGE_SET_COLUMNS = (
    "change_set_id",
    "state",
    "actor",
    "brought_at",
    "source",
    "added",
    "corrected",
    "removed",
    "ticket",
    "decided_by",
)

commands = typer.Typer(
    help="Expectations (and identities): who changed them, when and why; approve, undo.",
    no_args_is_help=True,
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
    """Show every value that a SIM's expectations ever had: who put it, why, and what ended it."""
    settings = current_settings()
    with store_of(settings) as store, store.snapshot() as reader:
        entries = [_entry(entry, settings.zone) for entry in ledger.log(reader, iccid)]
    if as_json:
        print_json({"iccid": iccid, "values": entries})
    else:
        print_table(LOG_COLUMNS, [_log_row(entry) for entry in entries])


def _entry(entry: Entry, zone: tzinfo) -> dict[str, Any]:
    return {
        "effective_from": since(entry.value.effective_from, zone),
        "imei": str(entry.value.imei),
        "put_in": _change_set(entry.put, zone),
        "returned_in": _change_set(entry.returned, zone),
        "ended_in": _change_set(entry.ended, zone),
    }


def _change_set(change_set: ChangeSet | None, zone: tzinfo) -> dict[str, Any] | None:
    return None if change_set is None else answers.change_set_answer(change_set, zone)


def _log_row(entry: dict[str, Any]) -> list[str]:
    effective_from = entry["effective_from"] or "the beginning"
    put = _put_columns(entry["put_in"])
    returned = _event(entry["returned_in"])
    ended = _event(entry["ended_in"])
    return [effective_from, entry["imei"], *put, returned, ended]


def _put_columns(put: dict[str, Any] | None) -> list[str]:
    """What put a value: the columns of the log from `put_in` to `reason`."""
    if put is None:
        return ["", "", "", "before the ledger", "", ""]
    source = _cut(f"{put['source']} {put['detail'] or ''}".strip())
    number = str(put["change_set_id"])
    return [number, _who(put), _when(put), source, put["ticket"] or "", put["reason"] or ""]


def _event(change_set: dict[str, Any] | None) -> str:
    if change_set is None:
        return ""
    return f"{change_set['change_set_id']} by {_who(change_set)} at {_when(change_set)}"


def _who(change_set: dict[str, Any]) -> str:
    actor, decided_by = change_set["actor"], change_set["decided_by"]
    return f"{actor}, {decided_by}" if decided_by else str(actor)


def _when(change_set: dict[str, Any]) -> str:
    """When a change set was in force as a whole, or else when it came."""
    return str(change_set["decided_at"] or change_set["brought_at"])


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
        change_sets = reader.change_sets(BEHIND_ALL, at_most, state)
    listed = [answers.change_set_answer(each, settings.zone) for each in change_sets]
    if as_json:
        print_json({"change_sets": listed})
    else:
        columns = ("id", *CHANGE_SET_COLUMNS[1:])
        print_table(columns, [_texts(each, CHANGE_SET_COLUMNS) for each in listed])


def _texts(values: dict[str, Any], names: Iterable[str]) -> list[str]:
    """The values of these names as a table shows them, nothing for what is null."""
    return ["" if values[name] is None else str(values[name]) for name in names]


@commands.command(cls=Command)
def show(number: Number, at_most: AtMost = 20, as_json: AsJson = False) -> None:
    """Show a change set, and what it did or would do to each expectation or identity."""
    settings = current_settings()
    with store_of(settings) as store, store.snapshot() as reader:
        change_set = ledger.change_set(reader, number)
        first, in_all = ledger.changes_in(reader, change_set, at_most)
    if as_json:
        print_json(answers.change_set_with_changes(change_set, first, in_all, settings.zone))
        return
    for name, value in answers.change_set_answer(change_set, settings.zone).items():
        if value is not None:
            say(f"{name}: {value}")
    rows = [_change_for_people(change, settings.zone) for change in first]
    columns = tuple(rows[0]) if rows else ledger.ExpectationChange._fields
    print_table(columns, [_texts(row, columns) for row in rows])
    if in_all > at_most:
        say(f"and {in_all - at_most:,} more")


def _change_for_people(
    change: ledger.ExpectationChange | ledger.IdentityChange, zone: tzinfo
) -> dict[str, Any]:
    """What became of one value; people see an IMSI or MSISDN in part."""
    answer = answers.change_answer(change, zone)
    if isinstance(change, ledger.IdentityChange):
        answer[change.subscriber.kind] = change.subscriber.masked
    return answer


@commands.command(cls=ExportCommand)
def export(
    account: Annotated[
        str | None, typer.Option(help="Of SIMs of this account; of all of them if none is named.")
    ] = None,
    at: Annotated[
        str | None, typer.Option(metavar="MOMENT", help="In force at this moment; now if absent.")
    ] = None,
    output: Annotated[Path | None, typer.Option(help="Write to this file.")] = None,
) -> None:
    """Write the expectations in force as CSV, in the columns that `import expectations` takes."""
    moment = system_clock() if at is None else moment_of(parse_named("--at", at))
    with store_of(current_settings()) as store, store.snapshot() as reader:
        portions = lines_in_force(reader, account, moment)
        first = next(portions, [])  # which raises what is refused, before a file is made
        with writing(output) as file:
            file.write(csv_lines([COLUMNS, *first]))
            file.writelines(map(csv_lines, portions))


@commands.command(cls=RecordedCommand)
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
            for tried, facts in ledger.try_proposal(store, number):
                trial.add(tried, facts, settings.generations)
            lines = list(trial_lines(trial, settings.zone))
            outcome = trial.described(settings.zone)
        else:
            taken = ledger.approve(store, number, Decider(actor_of(actor)), system_clock())
            receipt = Receipt(taken.accepted, taken.duplicate)
            lines, outcome = [_counts(receipt)], receipt.described()
    if as_json:
        print_json(outcome | {"change_set_id": number})
    else:
        say(f"change set {number}{'' if dry_run else ' is applied'}:")
        for line in lines:
            say(line)


def _counts(receipt: Receipt) -> str:
    counts = f"{receipt.accepted:,} accepted, {receipt.duplicate:,} duplicate"
    return f"  {receipt.read:,} proposed: {counts}"


@commands.command(cls=RecordedCommand)
def reject(number: Number, actor: Actor = None, as_json: AsJson = False) -> None:
    """Drop a proposal: withdraw your own, or reject that of somebody else."""
    settings = current_settings()
    with store_of(settings) as store:
        ledger.reject(store, number, Decider(actor_of(actor)), system_clock())
        answer = _answer(store, number, settings.zone)
    print_done(f"change set {number} is rejected", answer, as_json=as_json)


@commands.command(cls=RecordedCommand)
def undo(
    number: Number,
    ticket: Ticket = "",
    reason: Reason = "",
    actor: Actor = None,
    as_json: AsJson = False,
) -> None:
    """Take a whole change set back, by another one. Refused where later ones changed the same."""
    settings = current_settings()
    with store_of(settings) as store:
        undone_in = ledger.undo(store, number, origin_of(actor, ticket, reason))
        answer = _answer(store, undone_in, settings.zone)
    counts = ", ".join(f"{answer[name]:,} {name}" for name in ("added", "corrected", "removed"))
    message = f"change set {number} is undone, by change set {undone_in}: {counts}"
    print_done(message, answer, as_json=as_json)


def _answer(store: Store, number: int, zone: tzinfo) -> dict[str, Any]:
    with store.snapshot() as reader:
        return answers.change_set_answer(ledger.change_set(reader, number), zone)
