"""Rows of the report under our own names: as JSON, lines of JSON, CSV, Parquet and workbooks."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, TypeAlias

import msgspec

from tallystick.core.facts import MismatchRow
from tallystick.core.reason_json import SUMMARY, summary
from tallystick.http.media_types import CSV, JSON, NDJSON, PARQUET, XLSX
from tallystick.http.parquet import parquet
from tallystick.http.streaming import csv_lines
from tallystick.http.workbooks import workbook

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator

    from tallystick.report.answer import Explained

PACKED = frozenset({PARQUET, XLSX})
"""Forms that are compressed in themselves."""
SHEET = "Mismatches"
COLUMNS = MismatchRow._fields
ROWS_A_PART = 1000

Columns: TypeAlias = tuple[str | None, ...]
Row: TypeAlias = tuple[Columns, bytes | None]
"""The columns of a row, and its reasons where they are asked for."""
ReadRows: TypeAlias = "Callable[[Iterator[bytes], str, str], Iterator[Columns]]"
"""Reads kept rows, which are printed in one zone, as columns with their times in another."""


def printed_rows(
    portions: Iterable[list[Explained]],
    read: ReadRows,
    kept_zone: str,
    zone: str,
    *,
    explained: bool,
) -> Iterator[Row]:
    """Kept rows as columns with their reasons, or without those where they are not asked for."""
    for portion in portions:
        columns = read((row for row, _ in portion), kept_zone, zone)
        for each, (_, reasons) in zip(columns, portion, strict=True):
            yield each, reasons if explained else None


def _object(row: Row) -> bytes:
    columns, reasons = row
    printed = msgspec.json.encode(dict(zip(COLUMNS, columns, strict=True)))
    return printed if reasons is None else printed[:-1] + b"," + reasons[1:]


def _json(rows: Iterator[Row], _: bool) -> Generator[bytes, None, None]:  # noqa: FBT001 - as every form is called
    before = b'{"mismatches":['
    while objects := list(map(_object, islice(rows, ROWS_A_PART))):
        yield before + b",".join(objects)
        before = b","
    yield b"]}" if before == b"," else before + b"]}"


def _ndjson(rows: Iterator[Row], _: bool) -> Generator[bytes, None, None]:  # noqa: FBT001 - the same
    while objects := list(map(_object, islice(rows, ROWS_A_PART))):
        yield b"\n".join(objects) + b"\n"


def _csv(rows: Iterator[Row], explained: bool) -> Generator[bytes, None, None]:  # noqa: FBT001 - the same
    """A header and lines."""
    lines: list[Columns] = [_header(explained=explained)]
    values = _values(rows)
    while lines:
        yield csv_lines(lines)
        lines = list(islice(values, ROWS_A_PART))


def _parquet(rows: Iterator[Row], explained: bool) -> Generator[bytes, None, None]:  # noqa: FBT001 - the same
    return parquet(_header(explained=explained), _values(rows))


def _xlsx(rows: Iterator[Row], explained: bool) -> Generator[bytes, None, None]:  # noqa: FBT001 - the same
    return workbook(SHEET, _header(explained=explained), _values(rows))


def _header(*, explained: bool) -> tuple[str, ...]:
    return COLUMNS + (SUMMARY if explained else ())


def _values(rows: Iterator[Row]) -> Iterator[Columns]:
    """What a table has in its columns; reasons are words in one of them."""
    return (
        columns if reasons is None else (*columns, *summary(reasons)) for columns, reasons in rows
    )


FORMS: dict[str, Callable[[Iterator[Row], bool], Generator[bytes, None, None]]] = {
    JSON: _json,
    NDJSON: _ndjson,
    CSV: _csv,
    PARQUET: _parquet,
    XLSX: _xlsx,
}
"""How the answer is written, by what the request accepts; the first where it does not say."""
