"""Lines of values with a separator between, under a header."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING, NamedTuple

import polars as pl

from tallystick.core.errors import FileRefused
from tallystick.intake.receipt import Fault, Reject
from tallystick.intake.sources import limits
from tallystick.intake.sources.blocks import LINE, Block, block_by_line
from tallystick.intake.sources.lines import Lines, may_have_too_long_line, too_long, unreadable

if TYPE_CHECKING:
    from tallystick.intake.kinds import Kind

SEPARATORS = ",|"  # between the values of a CSV line: the first of them that the header has


class Header(NamedTuple):
    """What the columns are called, what stands between values, and in which line that is said."""

    columns: tuple[str, ...]
    separator: str
    line: int


def header_of(name: str, lines: Lines, kind: Kind) -> Header:
    """The header of a CSV file.

    One from elsewhere may have a notice before it, of whose rights it is.
    """
    header = _header(name, lines.first_line(), kind, 1)
    if (
        kind.is_from_elsewhere
        and kind.key not in header.columns
        and (second := lines.first_line()).strip()
    ):
        header = max(
            header, _header(name, second, kind, 2), key=lambda each: kind.key in each.columns
        )
    return header


def _header(name: str, line: bytes, kind: Kind, number: int) -> Header:
    if not line.strip():
        message = f"{name}: line 1 is empty; it must name the columns"
        raise FileRefused(message)
    if len(line) > limits.LINE_BYTES_MAX:
        what = f"is longer than {limits.LINE_BYTES_MAX:,} bytes"
        message = f"{name}: line 1 must name the columns, and {what}"
        raise FileRefused(message)
    try:
        text = line.decode()
        separator = next((each for each in SEPARATORS if each in text), SEPARATORS[0])
        columns = [
            column.strip()
            for column in next(csv.reader([text], strict=True, delimiter=separator), [])
        ]
        return Header(kind.named(columns), separator, number)
    except (UnicodeDecodeError, csv.Error) as error:
        message = f"{name}: line 1 must name the columns, in UTF-8 with commas between: {error}"
        raise FileRefused(message) from error


def csv_block(text: bytes, header: Header) -> Block:
    """Plain lines at the speed of Polars; a block with anything else in it line by line."""
    columns = header.columns
    if b'"' in text or may_have_too_long_line(text):
        return _csv_by_line(text, header)
    # Without a line end, Polars overlooks a comma at the very end.
    ended = text if text.endswith(b"\n") else text + b"\n"
    try:
        frame = pl.read_csv(
            ended,
            has_header=False,
            schema=dict.fromkeys(columns, pl.String),
            separator=header.separator,
            quote_char=None,
            truncate_ragged_lines=False,
        )
    except (pl.exceptions.ComputeError, pl.exceptions.SchemaError, pl.exceptions.NoDataError):
        return _csv_by_line(text, header)
    # Polars fills a short line up with nulls. A line whose last field is null may be one: it is
    # read exactly.
    if len(frame) != ended.count(b"\n") or frame[columns[-1]].null_count():
        return _csv_by_line(text, header)
    return Block(frame.with_row_index(LINE), len(frame))


def _csv_by_line(text: bytes, header: Header) -> Block:
    return block_by_line(
        text, header.columns, lambda line, raw: _record(line, raw.removesuffix(b"\r"), header)
    )


def _record(line: int, raw: bytes, header: Header) -> list[str] | Reject | None:
    """The fields of one line, None for a blank one.

    A record never goes over a line's end: no fact needs it to.
    """
    if not raw.strip():
        return None
    if len(raw) > limits.LINE_BYTES_MAX:
        return too_long(line, raw)
    try:
        fields = next(csv.reader([raw.decode()], strict=True, delimiter=header.separator))
    except UnicodeDecodeError as error:
        what = f"the line is not UTF-8: {error.reason} at byte {error.start + 1}"
        return unreadable(line, raw, what)
    except csv.Error as error:
        return unreadable(line, raw, f"the line is not CSV: {error}")
    width = len(header.columns)
    if len(fields) != width:
        return Reject(
            line,
            (Fault("", f"the line has {len(fields)} fields, the header {width}"),),
            tuple(fields[:width]),
        )
    return fields
