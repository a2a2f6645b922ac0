"""`tallystick coverage`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from enum import StrEnum
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO

import msgspec
import typer

from tallystick.cli.shared import (
    Accounts,
    AsJson,
    Earliest,
    Latest,
    current_settings,
    every_account,
    print_json,
    print_table,
    say,
    span_named,
    store_of,
    writing,
)
from tallystick.core.moments import since, wire
from tallystick.http.streaming import csv_lines
from tallystick.report import coverage as covering
from tallystick.report.answer import Question
from tallystick.report.coverage import Lacking

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import tzinfo

    from tallystick.store import Reader
    from tallystick.store.coverage import Coverage, Uncovered

COLUMNS = ("account", "mdn", "iccid")
WAITING_COLUMNS = ("imsi", "msisdn", "source", "activations", "first_at", "last_at")
EXPECTED_COLUMNS = (*COLUMNS, "expected_imei", "effective_from")
ROWS_A_WRITE = 1000


class CoverageFormat(StrEnum):
    """How the SIMs are printed."""

    TABLE = "table"
    CSV = "csv"
    NDJSON = "ndjson"


def coverage(
    earliest: Earliest = None,
    latest: Latest = None,
    account: Accounts = None,
    group: Annotated[str | None, typer.Option(help="Of this group of the one account.")] = None,
    list_: Annotated[
        Lacking | None,
        typer.Option(
            "--list",
            help="List the SIMs not seen in the window, the expectations that the network never "
            "confirmed, the SIMs without an expectation, or the numbers (IMSI, MSISDN) that "
            "activations name and no identity tells of.",
        ),
    ] = None,
    format_: Annotated[
        CoverageFormat, typer.Option("--format", help="How to print the list.")
    ] = CoverageFormat.TABLE,
    output: Annotated[Path | None, typer.Option(help="Write the list to this file.")] = None,
    as_json: AsJson = False,
) -> None:
    """Say how many SIMs a report is about, and of how many it can tell anything."""
    if list_ and as_json:
        message = "print a list for programs with --format ndjson"
        raise typer.BadParameter(message, param_hint="--json")
    if list_ is Lacking.UNATTRIBUTED and (account or group or earliest or latest):
        message = "takes no account, group or window: it is not known whose they are"
        raise typer.BadParameter(message, param_hint="--list unattributed")
    settings = current_settings()
    question = Question(span_named(earliest, latest), tuple(account or ()), group)
    with store_of(settings) as store, store.snapshot() as reader:
        asked = (reader, every_account(reader), question, settings.generations)
        if list_ is None:
            waiting = reader.unattributed_by_source()
            _print(covering.coverage(*asked), waiting, settings.zone, as_json=as_json)
            return
        if list_ is Lacking.UNATTRIBUTED:
            columns: Columns = WAITING_COLUMNS
            is_masked = format_ is CoverageFormat.TABLE
            rows = _waiting_texts(reader, settings.zone, is_masked=is_masked)
        else:
            columns = EXPECTED_COLUMNS if list_ is Lacking.UNCONFIRMED else COLUMNS
            lacking = covering.uncovered(*asked, list_)
            rows = (_texts(each, settings.zone)[: len(columns)] for each in lacking)
        with writing(output) as file:
            WRITERS[format_](columns, rows, file)


def _waiting_texts(reader: Reader, zone: tzinfo, *, is_masked: bool) -> Rows:
    """Activations that wait until it is known whose number they name, as texts.

    People see the numbers in part.
    """
    for waiting in covering.unattributed(reader):
        described = covering.described_unattributed(waiting, zone)
        if is_masked:
            described[waiting.subscriber.kind] = waiting.subscriber.masked
        yield tuple("" if each is None else str(each) for each in described.values())


def _print(covered: Coverage, waiting: Mapping[str, int], zone: tzinfo, *, as_json: bool) -> None:
    described = covering.described(covered, zone)
    if as_json:
        print_json(described | ({"unattributed": waiting} if waiting else {}))
        return
    print_table(
        tuple(described), [["" if each is None else str(each) for each in described.values()]]
    )
    for source, count in waiting.items():
        say(f"{count:,} activations of {source} wait until it is known whose number they name")


def in_one_sentence(covered: Coverage, zone: tzinfo) -> str:
    """What an answer rests on, for people."""
    newest = (
        "none was ever seen"
        if covered.newest is None
        else f"the last was seen at {wire(covered.newest, zone)}"
    )
    return (
        f"of {covered.sims:,} SIMs in scope {covered.expected:,} have an expectation and "
        f"{covered.seen:,} were seen in "
        f"the window; {newest}"
    )


def _texts(each: Uncovered, zone: tzinfo) -> tuple[str, ...]:
    return (
        each.account,
        "" if each.mdn is None else str(each.mdn),
        str(each.iccid),
        "" if each.imei is None else str(each.imei),
        "" if each.effective_from is None else since(each.effective_from, zone) or "",
    )


Columns = tuple[str, ...]
Rows = Iterator[tuple[str, ...]]


def _write_table(columns: Columns, rows: Rows, file: BinaryIO) -> None:
    printed = list(rows)
    if printed:
        print_table(columns, printed, file)
    say(f"{len(printed):,} found", err=True)


def _write_csv(columns: Columns, rows: Rows, file: BinaryIO) -> None:
    lines = chain([columns], rows)
    while portion := list(islice(lines, ROWS_A_WRITE)):
        file.write(csv_lines(portion))


def _write_ndjson(columns: Columns, rows: Rows, file: BinaryIO) -> None:
    for row in rows:
        known: dict[str, Any] = {
            name: value for name, value in zip(columns, row, strict=True) if value
        }
        file.write(msgspec.json.encode(known) + b"\n")


WRITERS: dict[CoverageFormat, Callable[[Columns, Rows, BinaryIO], None]] = {
    CoverageFormat.TABLE: _write_table,
    CoverageFormat.CSV: _write_csv,
    CoverageFormat.NDJSON: _write_ndjson,
}
