"""`tallystick report`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from enum import StrEnum
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO, NamedTuple

import polars as pl
import typer

from tallystick.cli.coverage import in_one_sentence
from tallystick.cli.output import print_table, say, writing
from tallystick.cli.scope import Accounts, every_account
from tallystick.cli.stores import current_settings, store_of
from tallystick.core.counted import counted
from tallystick.core.identifiers import Iccid, Mdn
from tallystick.core.moments import parse_named
from tallystick.core.reason_json import SUMMARY, summary
from tallystick.core.selection import Listed, iccid_asked_for, imei_asked_for, is_imei_like
from tallystick.core.window import window_between
from tallystick.core.written_values import pasted
from tallystick.fleet.inventory import loaded_as, not_loaded
from tallystick.http.streaming import csv_lines
from tallystick.report.answer import Question, answer, answer_explained
from tallystick.report.coverage import coverage, unloaded_seen
from tallystick.store import joined
from tallystick.thingspace.rows import COLUMNS, columns_of, devices_of, in_zone, with_reasons

if TYPE_CHECKING:
    from tallystick.settings import Settings
    from tallystick.store import Reader

ROWS_A_WRITE = 1000
UNKNOWN_SHOWN_MAX = 20


class ReportFormat(StrEnum):
    """How the rows are printed."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"
    NDJSON = "ndjson"
    PARQUET = "parquet"


Mdns = Annotated[list[str] | None, typer.Option(help="Of the SIM with this phone number.")]
Imeis = Annotated[list[str] | None, typer.Option(help="Of SIMs that were seen in this hardware.")]


def report(
    earliest: Annotated[
        str, typer.Option(help="Activations after this moment, like 2026-03-01T00:00:00Z.")
    ],
    latest: Annotated[
        str, typer.Option(help="Activations before this moment; three months later at most.")
    ],
    account: Accounts = None,
    group: Annotated[str | None, typer.Option(help="Of this group of the one account.")] = None,
    iccid: Annotated[list[str] | None, typer.Option(help="Of the SIM with this ICCID.")] = None,
    mdn: Mdns = None,
    imei: Imeis = None,
    format_: Annotated[
        ReportFormat, typer.Option("--format", help="How to print the rows.")
    ] = ReportFormat.TABLE,
    output: Annotated[Path | None, typer.Option(help="Write to this file.")] = None,
    with_coverage: Annotated[
        bool,
        typer.Option("--coverage", help="Say on standard error how many SIMs the answer rests on."),
    ] = False,
    reasons: Annotated[
        bool, typer.Option("--reasons", help="Say why each row is there, and the likely cause.")
    ] = False,
) -> None:
    """List the SIMs that were activated in hardware they do not belong in."""
    if format_ is ReportFormat.PARQUET and output is None and sys.stdout.isatty():
        message = "Parquet is not for terminals: name a file with --output, or pipe it on"
        raise typer.BadParameter(message)
    window = window_between(parse_named("--earliest", earliest), parse_named("--latest", latest))
    listed = _listed(iccid, mdn) if iccid or mdn else None
    imeis = tuple(imei_asked_for(pasted(each)) for each in imei) if imei else None
    question = Question(window, tuple(account or ()), group, listed, imeis)
    settings = current_settings()
    with store_of(settings) as store, store.snapshot() as reader:
        if listed:
            _say_who_is_unknown(reader, listed)
        rows_of = _explained if reasons else _plain
        rows = rows_of(reader, question, settings)
        with writing(output) as file:
            WRITERS[format_](rows, file)
        if with_coverage:
            covered = coverage(reader, every_account(reader), question, settings.generations)
            say(in_one_sentence(covered, settings.zone), err=True)
        _warn_of_unloaded(reader, question)


def _warn_of_unloaded(reader: Reader, question: Question) -> None:
    """Say that SIMs were seen that the report cannot have rows of, for they are not loaded."""
    if question.listed is not None or not (seen := unloaded_seen(reader, question.window)).unloaded:
        return
    sample = "" if seen.is_all else f" (of {seen.sims:,} SIMs looked at)"
    sims = counted(seen.unloaded, "SIM that was", "SIMs that were")
    say(
        f"warning: {sims} activated in the window{sample} are not loaded, and in no report: import "
        "the SIMs, or check the ICCIDs",
        err=True,
    )
    if seen.known_with_check_digit:
        say(
            f"warning: {seen.known_with_check_digit:,} of them are loaded with a check digit: "
            "import the activations with --check-digit add",
            err=True,
        )


def operators_answer(reader: Reader, question: Question, settings: Settings) -> Iterator[bytes]:
    """The rows as they go over the wire; whoever is at the command line sees every account."""
    rows = answer(reader, every_account(reader), question, settings.generations)
    return in_zone(rows, reader.wire_zone(), settings.time_zone)


class ReportRows(NamedTuple):
    """The rows as they go over the wire, the names of their columns, and what reads a row."""

    rows: Iterator[bytes]
    columns: tuple[str, ...]
    texts: Callable[[bytes], tuple[str, ...]]


def _plain(reader: Reader, question: Question, settings: Settings) -> ReportRows:
    return ReportRows(operators_answer(reader, question, settings), COLUMNS, _texts)


def _explained(reader: Reader, question: Question, settings: Settings) -> ReportRows:
    """The same rows with their reasons at the end."""
    accounts = every_account(reader)
    explained = answer_explained(
        reader, accounts, question, settings.generations, settings.time_zone
    )
    rows = chain.from_iterable(with_reasons(explained, reader.wire_zone(), settings.time_zone))
    return ReportRows(rows, COLUMNS + SUMMARY, lambda row: _texts(row) + summary(row))


def _listed(iccids: list[str] | None, mdns: list[str] | None) -> Listed:
    texts = [pasted(text) for text in iccids or ()]
    asked_for = [(text, iccid_asked_for("--iccid", text)) for text in texts]
    for text, iccid in asked_for:
        if iccid is None:
            instead = "; it is as long as an IMEI, see --imei" if is_imei_like(text) else ""
            say(f"--iccid {text} is no ICCID, and no SIM has it{instead}", err=True)
    return Listed(
        tuple(iccid for _, iccid in asked_for if iccid is not None),
        tuple(Mdn.parse(pasted(text)) for text in mdns or ()),
    )


def _say_who_is_unknown(reader: Reader, listed: Listed) -> None:
    """Say on standard error which listed SIMs are not loaded, of which there can be no rows."""
    unknown = not_loaded(reader, listed)
    shown = unknown[:UNKNOWN_SHOWN_MAX]
    known_as = loaded_as(reader, [each for _, each in shown if isinstance(each, Iccid)])
    for name, each in shown:
        other = known_as.get(each) if isinstance(each, Iccid) else None
        say(f"no SIM with the {name} {each} is loaded{_known_as(each, other)}", err=True)
    if len(unknown) > UNKNOWN_SHOWN_MAX:
        say(f"and {len(unknown) - UNKNOWN_SHOWN_MAX:,} more are not loaded", err=True)


def _known_as(asked: Iccid | Mdn, loaded: Iccid | None) -> str:
    """What to say of a SIM that is loaded with a check digit more or less; mostly nothing."""
    if loaded is None:
        return ""
    form = "with" if len(str(loaded)) > len(str(asked)) else "without"
    return f"; {loaded} is, which is the same number {form} its check digit: ask for that"


def _texts(row: bytes) -> tuple[str, ...]:
    return tuple(text or "" for text in columns_of(row))


def _write_table(report: ReportRows, file: BinaryIO) -> None:
    printed = list(map(report.texts, report.rows))
    if printed:
        print_table(report.columns, printed, file)
    say(counted(len(printed), "mismatch", "mismatches"), err=True)


def _write_json(report: ReportRows, file: BinaryIO) -> None:
    """Exactly the body that goes over the wire; a line's end only where people read it."""
    file.writelines(devices_of(joined(report.rows)))
    if file.isatty():
        file.write(b"\n")


def _write_ndjson(report: ReportRows, file: BinaryIO) -> None:
    file.writelines(row + b"\n" for row in report.rows)


def _write_csv(report: ReportRows, file: BinaryIO) -> None:
    lines: list[Sequence[str]] = [report.columns]
    while lines:
        file.write(csv_lines(lines))
        lines = list(map(report.texts, islice(report.rows, ROWS_A_WRITE)))


def _write_parquet(report: ReportRows, file: BinaryIO) -> None:
    table = pl.DataFrame(
        list(map(report.texts, report.rows)),
        schema=dict.fromkeys(report.columns, pl.String),
        orient="row",
    )
    moments = pl.col("activation_date", "activated_at").str.to_datetime(
        "%+", time_unit="us", time_zone="UTC"
    )
    table.with_columns(moments, pl.col("mdn").replace("", None)).write_parquet(file)


WRITERS: dict[ReportFormat, Callable[[ReportRows, BinaryIO], None]] = {
    ReportFormat.TABLE: _write_table,
    ReportFormat.JSON: _write_json,
    ReportFormat.CSV: _write_csv,
    ReportFormat.NDJSON: _write_ndjson,
    ReportFormat.PARQUET: _write_parquet,
}
