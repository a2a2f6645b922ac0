"""`tallystick coverage`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from enum import StrEnum
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO

import msgspec
import typer

from tallystick.api.answers.coverage import expected_answer, waiting_answer
from tallystick.cli.output import AsJson, print_json, print_table, say, writing
from tallystick.cli.scope import Accounts, Earliest, Latest, every_account, span_named
from tallystick.cli.stores import current_settings, store_of
from tallystick.core.counted import counted
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
    from tallystick.store.doubtful import LastExpectation

COLUMNS = ("account", "mdn", "iccid")
WAITING_COLUMNS = ("imsi", "msisdn", "source", "activations", "first_at", "last_at")
EXPECTED_COLUMNS = (*COLUMNS, "expected_imei", "effective_from")
LAST_COLUMNS = ("iccid", "imei", "effective_from")
LAST_EXPECTATIONS = {
    Lacking.UNLOADED: covering.unloaded,
    Lacking.SHARED_HARDWARE: covering.shared_hardware,
}
DOUBTFUL = {  # how each count of the whole store reads
    "unloaded": "SIMs that are expected and not loaded: {:,}; see --list unloaded",
    "shared_hardware": (
        "hardware in which several SIMs are expected: {:,}; see --list shared-hardware"
    ),
}
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
            "confirmed, the SIMs without an expectation, the numbers (IMSI, MSISDN) that "
            "activations name and no identity tells of, the SIMs that are expected and not loaded, "
            "or the hardware in which several SIMs are expected.",
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
    if list_ in covering.IN_THE_STORE and (account or group or earliest or latest):
        message = "takes no account, group or window: it is of the store as a whole"
        raise typer.BadParameter(message, param_hint=f"--list {list_}")
    settings = current_settings()
    question = Question(span_named(earliest, latest), tuple(account or ()), group)
    with store_of(settings) as store, store.snapshot() as reader:
        asked = (reader, every_account(reader), question, settings.generations)
        if list_ is None:
            _print_counts(*asked, settings.zone, as_json=as_json)
            return
        if list_ in covering.IN_THE_STORE:
            is_masked = format_ is CoverageFormat.TABLE
            columns, rows = _listed_of_store(reader, list_, settings.zone, is_masked=is_masked)
        else:
            columns = EXPECTED_COLUMNS if list_ is Lacking.UNCONFIRMED else COLUMNS
            lacking = covering.uncovered(*asked, list_)
            rows = (_texts(each, settings.zone)[: len(columns)] for each in lacking)
        with writing(output) as file:
            WRITERS[format_](columns, rows, file)


def _listed_of_store(
    reader: Reader, list_: Lacking, zone: tzinfo, *, is_masked: bool
) -> tuple[Columns, Rows]:
    """A list that is of the store as a whole, and its columns."""
    if list_ is Lacking.UNATTRIBUTED:
        return WAITING_COLUMNS, _waiting_texts(reader, zone, is_masked=is_masked)
    return LAST_COLUMNS, _last_texts(LAST_EXPECTATIONS[list_](reader), zone)


def _last_texts(expectations: Iterable[LastExpectation], zone: tzinfo) -> Rows:
    """Expectations as texts."""
    for expectation in expectations:
        answer = expected_answer(expectation, zone)
        yield tuple(each or "" for each in msgspec.structs.astuple(answer))


def _waiting_texts(reader: Reader, zone: tzinfo, *, is_masked: bool) -> Rows:
    """Activations that wait until it is known whose number they name, as texts.

    People see the numbers in part.
    """
    for waiting in covering.unattributed(reader):
        answer = waiting_answer(waiting, zone)
        if is_masked:
            setattr(answer, waiting.subscriber.kind, waiting.subscriber.masked)
        values = msgspec.structs.astuple(answer)
        yield tuple("" if each is None else str(each) for each in values)


def _print_counts(
    reader: Reader,
    visible: Mapping[str, int],
    question: Question,
    generations: tuple[str, ...],
    zone: tzinfo,
    *,
    as_json: bool,
) -> None:
    """Print what a report rests on, and without an account what is doubtful in the store."""
    covered = covering.coverage(reader, visible, question, generations)
    described, waiting = covering.described(covered, zone), reader.unattributed_by_source()
    of_store = {} if question.accounts else covering.doubtful(reader)._asdict()
    doubts = {name: count for name, count in of_store.items() if count}
    if as_json:
        print_json(described | doubts | ({"unattributed": waiting} if waiting else {}))
        return
    print_table(
        tuple(described), [["" if each is None else str(each) for each in described.values()]]
    )
    for source, count in waiting.items():
        one, many = f"activation of {source} waits", f"activations of {source} wait"
        say(f"{counted(count, one, many)} until it is known whose number is named")
    for name, count in doubts.items():
        say(DOUBTFUL[name].format(count))


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
