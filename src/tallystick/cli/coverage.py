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
    from datetime import tzinfo

    from tallystick.store.coverage import Coverage, Uncovered

COLUMNS = ("account", "mdn", "iccid")
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
            "confirmed, or the SIMs "
            "without an expectation.",
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
    settings = current_settings()
    question = Question(span_named(earliest, latest), tuple(account or ()), group)
    with store_of(settings) as store, store.snapshot() as reader:
        asked = (reader, every_account(reader), question, settings.generations)
        if list_ is None:
            _print(covering.coverage(*asked), settings.zone, as_json=as_json)
            return
        found = covering.uncovered(*asked, list_)
        columns = EXPECTED_COLUMNS if list_ is Lacking.UNCONFIRMED else COLUMNS
        rows = (_texts(each, settings.zone)[: len(columns)] for each in found)
        with writing(output) as file:
            WRITERS[format_](columns, rows, file)


def _print(covered: Coverage, zone: tzinfo, *, as_json: bool) -> None:
    described = covering.described(covered, zone)
    if as_json:
        print_json(described)
    else:
        print_table(
            tuple(described), [["" if each is None else str(each) for each in described.values()]]
        )


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
    while some := list(islice(lines, ROWS_A_WRITE)):
        file.write(csv_lines(some))


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
