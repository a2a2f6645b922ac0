"""`tallystick report`."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Callable, Iterator, Sequence
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO

import polars as pl
import typer

from tallystick.cli.shared import current_settings, print_table, store_of, writing
from tallystick.core.errors import InvalidValue, NoAccounts
from tallystick.core.identifiers import Iccid, Mdn, shown
from tallystick.core.moments import parse
from tallystick.core.selection import Listed
from tallystick.core.window import window_between
from tallystick.report import Question, answer
from tallystick.store import joined
from tallystick.thingspace.bodies import ICCID_FORM
from tallystick.thingspace.pieces import devices_of
from tallystick.thingspace.rows import in_zone, read_row

if TYPE_CHECKING:
    from datetime import datetime

    from tallystick.settings import Settings
    from tallystick.store import Reader

COLUMNS = ("account", "mdn", "activation_date", "iccid", "pre_imei", "post_imei", "activated_at")
ROWS_A_WRITE = 1000


class Format(StrEnum):
    """How the rows are printed."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"
    NDJSON = "ndjson"
    PARQUET = "parquet"


def report(
    earliest: Annotated[str, typer.Option(help="Activations after this moment, like 2026-03-01T00:00:00Z.")],
    latest: Annotated[str, typer.Option(help="Activations before this moment; three months later at most.")],
    account: Annotated[list[str] | None, typer.Option(help="Of this account; all of them if none is named.")] = None,
    group: Annotated[str | None, typer.Option(help="Of this group of the one account.")] = None,
    iccid: Annotated[list[str] | None, typer.Option(help="Of the SIM with this ICCID.")] = None,
    mdn: Annotated[list[str] | None, typer.Option(help="Of the SIM with this phone number.")] = None,
    format_: Annotated[Format, typer.Option("--format", help="How to print the rows.")] = Format.TABLE,
    output: Annotated[Path | None, typer.Option(help="Write to this file.")] = None,
) -> None:
    """List the SIMs that were activated in hardware they do not belong in."""
    if format_ is Format.PARQUET and output is None and sys.stdout.isatty():
        message = "Parquet is not for terminals: name a file with --output, or pipe it on"
        raise typer.BadParameter(message)
    window = window_between(_moment("--earliest", earliest), _moment("--latest", latest))
    listed = _listed(iccid, mdn) if iccid or mdn else None
    question = Question(window, tuple(account or ()), group, listed)
    settings = current_settings()
    with store_of(settings) as store, store.snapshot() as reader:
        rows = operators_answer(reader, question, settings)
        with writing(output) as file:
            WRITERS[format_](rows, file)


def operators_answer(reader: Reader, question: Question, settings: Settings) -> Iterator[bytes]:
    """The rows as they go over the wire; whoever is at the command line sees every account."""
    try:
        rows = answer(reader, reader.accounts(), question, settings.generations)
    except NoAccounts as refusal:
        message = "there are no accounts yet; take SIMs in with `tallystick import sims`"
        raise NoAccounts(message) from refusal
    return in_zone(rows, reader.wire_zone(), settings.time_zone)


def _moment(option: str, text: str) -> datetime:
    try:
        return parse(text)
    except InvalidValue as refusal:
        message = f"{option} {refusal}"
        raise InvalidValue(message) from refusal


def _listed(iccids: list[str] | None, mdns: list[str] | None) -> Listed:
    return Listed(tuple(iccid for text in iccids or () for iccid in _iccid(text)), tuple(map(Mdn.parse, mdns or ())))


def _iccid(text: str) -> Iterator[Iccid]:
    """The ICCID; nothing for digits that no card has, as over the wire (contract, section 1)."""
    if not ICCID_FORM.fullmatch(text):
        message = f"--iccid must be 1-20 digits, not {shown(text)}"
        raise InvalidValue(message)
    try:
        yield Iccid.parse(text)
    except InvalidValue:
        return


def _columns(row: bytes) -> tuple[str, ...]:
    read = read_row(row)
    return (
        read.account_name,
        read.mdn or "",
        read.activation_date,
        read.iccid,
        read.pre_imei,
        read.post_imei,
        read.sim_ota_date,
    )


def _write_table(rows: Iterator[bytes], file: BinaryIO) -> None:
    printed = list(map(_columns, rows))
    if printed:
        print_table(COLUMNS, printed, file)
    typer.echo("1 mismatch" if len(printed) == 1 else f"{len(printed)} mismatches", err=True)


def _write_json(rows: Iterator[bytes], file: BinaryIO) -> None:
    """Exactly the body that goes over the wire; a line's end only where people read it."""
    file.writelines(devices_of(joined(rows)))
    if file.isatty():
        file.write(b"\n")


def _write_ndjson(rows: Iterator[bytes], file: BinaryIO) -> None:
    file.writelines(row + b"\n" for row in rows)


def _write_csv(rows: Iterator[bytes], file: BinaryIO) -> None:
    some: list[Sequence[str]] = [COLUMNS]
    while some:
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows(some)
        file.write(text.getvalue().encode())
        some = list(map(_columns, islice(rows, ROWS_A_WRITE)))


def _write_parquet(rows: Iterator[bytes], file: BinaryIO) -> None:
    table = pl.DataFrame(list(map(_columns, rows)), schema=dict.fromkeys(COLUMNS, pl.String), orient="row")
    moments = pl.col("activation_date", "activated_at").str.to_datetime("%+", time_unit="us", time_zone="UTC")
    table.with_columns(moments, pl.col("mdn").replace("", None)).write_parquet(file)


WRITERS: dict[Format, Callable[[Iterator[bytes], BinaryIO], None]] = {
    Format.TABLE: _write_table,
    Format.JSON: _write_json,
    Format.CSV: _write_csv,
    Format.NDJSON: _write_ndjson,
    Format.PARQUET: _write_parquet,
}
