"""Workbooks: tables whose cells are texts, numbers and dates.

A reader of workbooks holds a whole sheet, in a place for every cell of its rectangle. So a look at
the packed parts comes first: how far they unpack, and how large the rectangle is.
"""

from __future__ import annotations

import re
import zipfile
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, datetime, time
from functools import partial
from itertools import islice
from typing import IO, TYPE_CHECKING, Any, NamedTuple

import python_calamine as calamine

from tallystick.core.errors import FileRefused
from tallystick.core.identifiers import shown
from tallystick.core.written_values import DAY_ZERO, DAY_ZERO_OF_1904
from tallystick.intake.mappings.naming import lacking
from tallystick.intake.receipt import Reject
from tallystick.intake.sources import limits
from tallystick.intake.sources.blocks import Block, Source, kept, text_frame
from tallystick.intake.sources.csv import HEADER_LINES_MAX, record_of
from tallystick.intake.sources.layout import (
    Layout,
    best_layout,
    check_layout,
    layout_of,
    other_header_of,
)
from tallystick.intake.sources.refusals import DAMAGED, LOCKED, refusing

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from tallystick.intake.kinds import Kind
    from tallystick.intake.mappings import Mapping

SHEET = re.compile(r"xl/worksheets/[^/]+\.xml", re.IGNORECASE)
CELL = re.compile(rb"\br=[\"']([A-Z]{1,3})([0-9]{1,7})[\"']")
WORKBOOK = re.compile(r"/?xl[/\\]workbook\.xml", re.IGNORECASE)
FROM_1904 = re.compile(rb"workbookPr\b[^>]*\bdate1904\s*=\s*[\"'](?:1|true)[\"']")
HIDDEN_ROW = re.compile(rb"<(?:\w+:)?row\b[^<>]*\bhidden=[\"'](?:1|true)[\"']")
TAG_BYTES = 512  # a cell's place, or a row's beginning, may stand across the end of a part
CHUNK_BYTES = 1 << 20
LETTERS = 26
HIDDEN_ROWS = (
    "the workbook has hidden rows, as a filter makes them, and they are read like the others: take "
    "them out, if they are not meant"
)


def workbook_source(name: str, file: IO[bytes], kind: Kind, mapping: Mapping) -> Source:
    """One sheet of a workbook as a source; its rows count as lines. Raises `FileRefused`."""
    with refusing(name, "cannot be read as a workbook"), _without_panics(name):
        has_hidden_rows = _looked_through(name, file)
        day_zero = _day_zero(file)
        file.seek(0)
        workbook = calamine.CalamineWorkbook.from_filelike(file)
        sheet, table, layout = _best_sheet(name, workbook, kind, mapping)
    check_layout(f"{name}{sheet}", layout, kind, mapping)
    rows, hints = table.rows, _hints_of_names(table, layout, kind)
    numbers = {column.name for column in kind.columns if column.is_identifier}
    blocks = (
        partial(_block, rows[start : start + limits.LINES_A_FRAME], layout, numbers)
        for start in range(layout.line, len(rows), limits.LINES_A_FRAME)
    )
    source = Source(name, lambda: None, layout.columns, layout.line + 1, blocks)
    source.notes, source.day_zero = layout.notes(), day_zero
    source.is_other_header = other_header_of(kind, layout)
    source.notes.hints += hints
    if has_hidden_rows:
        source.notes.hints += (HIDDEN_ROWS,)
    if day_zero != DAY_ZERO:
        source.notes.hints += ("it counts days from 1904, and so are its numbers read as moments",)
    return source


def _day_zero(file: IO[bytes]) -> datetime:
    """The day from which a workbook counts days."""
    with zipfile.ZipFile(file) as archive:
        parts = [part for part in archive.infolist() if WORKBOOK.fullmatch(part.filename)]
        is_from_1904 = any(FROM_1904.search(_opened(archive, part).read()) for part in parts)
    return DAY_ZERO_OF_1904 if is_from_1904 else DAY_ZERO


def _best_sheet(
    name: str,
    workbook: Any,  # noqa: ANN401 - the library's
    kind: Kind,
    mapping: Mapping,
) -> tuple[str, Table, Layout]:
    """How messages name the sheet that is read, its cells, and its layout.

    It is the one asked for, or else the first that people see; or else the only one of those with
    the kind's columns, where the first has not. Raises `FileRefused`.
    """
    names = workbook.sheet_names
    if mapping.sheet and mapping.sheet not in names:
        message = f"{name}: there is no sheet {shown(mapping.sheet)}; there are {', '.join(names)}"
        raise FileRefused(message)
    sheets = _seen_sheets(workbook)
    if not sheets:
        message = f"{name}: there is no sheet in the workbook"
        raise FileRefused(message)
    first = mapping.sheet or sheets[0]
    table = _table(workbook, first)
    layout = _layout(table.rows, kind, mapping)
    others = [] if mapping.sheet else [each for each in sheets if each != first]
    if not others:
        return "", table, _required(name, layout, mapping)
    if layout and not lacking(kind, layout.places):
        hint = f"the sheet {first} is read, and no other of {', '.join(sheets)}: --sheet names one"
        return "", table, replace(layout, hints=(*layout.hints, hint))
    fitting = [each for each in others if _has_columns(workbook, each, kind, mapping)]
    if len(fitting) != 1:
        several = f": the sheet {shown(first)} of {', '.join(sheets)} (--sheet names another)"
        return several, table, _required(name, layout, mapping)
    table = _table(workbook, fitting[0])
    layout = _required(name, _layout(table.rows, kind, mapping), mapping)
    hint = f"the sheet {fitting[0]} is read, the only one with these columns"
    return "", table, replace(layout, hints=(*layout.hints, hint))


def _seen_sheets(workbook: Any) -> list[str]:  # noqa: ANN401 - the library's
    """The sheets of cells that people see; all of them, where none is seen."""
    tables = [
        each for each in workbook.sheets_metadata if each.typ == calamine.SheetTypeEnum.WorkSheet
    ]
    seen = [each for each in tables if each.visible == calamine.SheetVisibleEnum.Visible]
    return [each.name for each in seen or tables]


class Table(NamedTuple):
    """The cells of a sheet, row after row, and which of them are merged into one.

    Merged cells are told by the row and the column of the first and of the last, from 0.
    """

    rows: list[list[Any]]
    merged: list[tuple[tuple[int, int], tuple[int, int]]]


def _table(workbook: Any, name: str) -> Table:  # noqa: ANN401 - the library's
    sheet = workbook.get_sheet_by_name(name)
    return Table([[*row] for row in sheet.iter_rows()], sheet.merged_cell_ranges or [])


def _hints_of_names(table: Table, layout: Layout, kind: Kind) -> tuple[str, ...]:
    """What is unusual in the columns of names, in which merged cells are filled."""
    texts = {column.name for column in kind.columns if column.is_text}
    names = {at: name for name, places in layout.places.items() for at in places if name in texts}
    filled = _fill_merged(table, layout.line, names)
    numbers = (_hint_of_numbers(table.rows, layout.line, at, names[at]) for at in names)
    merged = [f"merged cells of {names[at]} are read as their value in each row" for at in filled]
    return (*merged, *filter(None, numbers))


def _fill_merged(table: Table, begin: int, columns: Collection[int]) -> list[int]:
    """Write the value of merged cells into each of their rows; give the columns where there is one.

    A workbook holds it in the first of them alone. An empty row stays empty. No row is written
    twice, so that ranges which a damaged file lays over each other take no time.
    """
    reached: dict[int, int] = {}
    for (first, column), (last, _) in sorted(table.merged):
        if column not in columns or last == first or first < begin:
            continue
        value = table.rows[first][column] if first < len(table.rows) else ""
        for row in table.rows[max(first + 1, reached.get(column, 0)) : last + 1]:
            if any(cell != "" for cell in row):
                row[column] = value
        reached[column] = max(last + 1, reached.get(column, 0))
    return sorted(reached)


def _hint_of_numbers(rows: Sequence[Sequence[Any]], begin: int, column: int, name: str) -> str:
    """What to say of a column of names with numbers in it; mostly nothing.

    The cell's format may show zeros before a number, and the library does not give it.
    """
    lines = [line for line, row in enumerate(rows[begin:], begin) if _is_number(row[column])]
    if not lines:
        return ""
    first = _text(rows[lines[0]][column])
    return (
        f"{name} is a number in {len(lines):,} of the rows, first {first} in row {lines[0] + 1}: "
        "zeros before a number, and digits behind its 15th, are not in the workbook. If the names "
        "have them, format the column as text and write them again"
    )


def _is_number(cell: Any) -> bool:  # noqa: ANN401 - whatever a cell holds
    return isinstance(cell, int | float) and not isinstance(cell, bool)


def _has_columns(workbook: Any, sheet: str, kind: Kind, mapping: Mapping) -> bool:  # noqa: ANN401
    layout = _layout(_table(workbook, sheet).rows, kind, mapping)
    return layout is not None and not lacking(kind, layout.places)


def _required(name: str, layout: Layout | None, mapping: Mapping) -> Layout:
    """The layout of a sheet. Raises `FileRefused` where it has no rows."""
    if layout is None:
        message = f"{name}: row {mapping.header or 1} is empty; it must name the columns"
        raise FileRefused(message)
    return layout


def _layout(rows: Sequence[Sequence[Any]], kind: Kind, mapping: Mapping) -> Layout | None:
    """The layout by the rows of a sheet; None of one without rows."""
    if mapping.has_no_header:
        width = max(map(len, rows), default=0)
        names = (*mapping.names, *[""] * (width - len(mapping.names)))
        return layout_of(kind, names, mapping, "", 0)
    candidates = (
        layout_of(kind, [_text(cell).strip() for cell in row], mapping, "", number)
        for number, row in enumerate(islice(rows, max(HEADER_LINES_MAX, mapping.header or 0)), 1)
        if mapping.header in {None, number}
    )
    return best_layout(kind, candidates, mapping)


def _block(rows: Sequence[Sequence[Any]], layout: Layout, numbers: set[str]) -> Block:
    """Some rows as a block."""
    never_numbers = {
        place for name, places in layout.places.items() if name in numbers for place in places
    }
    records: list[tuple[Any, ...]] = []
    rejects: list[Reject] = []
    for line, row in enumerate(rows):
        texts = [_text(cell, is_digits=at in never_numbers) for at, cell in enumerate(row)]
        record = record_of(line, texts, layout)
        if isinstance(record, Reject):
            rejects.append(record)
        elif record is not None:
            records.append((line, *record))
    block = Block(text_frame(records, layout.columns), len(rows), rejects)
    return kept(block, layout.filters)


def _text(cell: Any, *, is_digits: bool = False) -> str:  # noqa: ANN401 - whatever a cell holds
    """The text of a cell.

    Where digits belong, a number is written with an exponent: a spreadsheet keeps 15 digits of it,
    and no leading zeros, so that it is refused as one that has lost some.
    """
    if isinstance(cell, bool):
        return str(cell)
    if isinstance(cell, int | float):
        if is_digits:
            return f"{cell:.14E}"
        return str(int(cell)) if cell == int(cell) else repr(cell)
    if isinstance(cell, datetime):
        return cell.date().isoformat() if cell.time() == time(0) else cell.isoformat()
    if isinstance(cell, date | time):
        return cell.isoformat()
    return str(cell)


def _looked_through(name: str, file: IO[bytes]) -> bool:
    """Whether a workbook has hidden rows.

    Raises `FileRefused` for one that takes more memory than a file may.
    """
    total = 0
    has_hidden_rows = False
    with zipfile.ZipFile(file) as archive:
        for part in archive.infolist():
            columns = rows = 1
            is_sheet = SHEET.fullmatch(part.filename) is not None
            for text in _texts(archive, part):
                total += len(text)
                has_hidden_rows |= is_sheet and HIDDEN_ROW.search(text) is not None
                for letters, digits in CELL.findall(text) if is_sheet else ():
                    columns, rows = max(columns, _number(letters)), max(rows, int(digits))
                if total > limits.WORKBOOK_BYTES_MAX or columns * rows > limits.CELLS_MAX:
                    message = (
                        f"{name}: the workbook is too large: it may unpack to "
                        f"{limits.WORKBOOK_BYTES_MAX:,} bytes, and a sheet may have "
                        f"{limits.CELLS_MAX:,} cells. Export it as CSV"
                    )
                    raise FileRefused(message)
    return has_hidden_rows


def _texts(archive: zipfile.ZipFile, part: zipfile.ZipInfo) -> Iterator[bytes]:
    """A packed part, in parts that overlap by what a cell's place may take."""
    rest = b""
    with _opened(archive, part) as file:
        while chunk := file.read(CHUNK_BYTES):
            yield rest + chunk
            rest = chunk[-TAG_BYTES:]


def _opened(archive: zipfile.ZipFile, part: zipfile.ZipInfo) -> IO[bytes]:
    """A packed part. Raises `OSError` where it is locked."""
    try:
        return archive.open(part)
    except NotImplementedError:  # a RuntimeError, too: packed in a way that is not known
        raise
    except RuntimeError as error:
        message = f"{LOCKED}: save it without one"
        raise OSError(0, message) from error


def _number(letters: bytes) -> int:
    """The number of a column by its letters, from 1."""
    number = 0
    for letter in letters:
        number = number * LETTERS + letter - ord("A") + 1
    return number


@contextmanager
def _without_panics(name: str) -> Iterator[None]:
    """Refuse what the library cannot read, also where it panics, which is no `Exception`."""
    try:
        yield
    except calamine.CalamineError as error:
        message = f"{name}: cannot be read as a workbook: {DAMAGED}"
        raise FileRefused(message) from error
    except BaseException as error:
        if type(error).__name__ == "PanicException":
            message = f"{name}: cannot be read as a workbook: {DAMAGED}"
            raise FileRefused(message) from error
        raise
