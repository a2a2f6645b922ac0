"""Lines of values with a separator between, mostly under a header."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

import polars as pl

from tallystick.core.errors import FileRefused
from tallystick.intake.mappings.naming import lacking
from tallystick.intake.receipt import Fault, Reject
from tallystick.intake.sources import limits
from tallystick.intake.sources.blocks import LINE, Block, block_by_line, kept
from tallystick.intake.sources.layout import Layout, check_layout, layout_of
from tallystick.intake.sources.lines import Lines, may_have_too_long_line, too_long, unreadable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tallystick.intake.kinds import Kind
    from tallystick.intake.mappings import Mapping

SEPARATORS = ",;\t|"
HEADER_LINES_MAX = 20  # of a file; the line that names the columns is among them
BLANKS = "".join(filter(str.isspace, map(chr, range(0x3001))))  # what str.strip() takes off
END = b"x"  # a column put behind all others, to tell lines that are short


def csv_layout(name: str, lines: Lines, kind: Kind, mapping: Mapping) -> Layout:
    """The layout of a CSV file, found in its first lines; what they are is passed over.

    Raises `FileRefused`.
    """
    head = lines.head(max(HEADER_LINES_MAX, mapping.header or 0))
    if not any(line.strip() for line in head):
        message = f"{name}: line 1 is empty; it must name the columns"
        raise FileRefused(message)
    if mapping.has_no_header:
        layout = _headless(kind, head, mapping)
    else:
        layout = _best(name, kind, head, mapping)
    check_layout(name, layout, kind, mapping)
    lines.pass_over(layout.line)
    return layout


def _headless(kind: Kind, head: Sequence[bytes], mapping: Mapping) -> Layout:
    """The layout of a file in which no line names the columns, by how many the first has."""
    first = next(line for line in head if line.strip()).decode(errors="replace")
    given = len(mapping.names)
    separators: str = mapping.separator or SEPARATORS
    separator = max(
        separators, key=lambda each: (first.count(each) + 1 == given, first.count(each))
    )
    names = mapping.names or ("",) * (first.count(separator) + 1)
    return layout_of(kind, names, mapping, separator, 0)


def _best(name: str, kind: Kind, head: Sequence[bytes], mapping: Mapping) -> Layout:
    """The layout by the first line that names all columns, else by the line that names most.

    Raises `FileRefused` where no line names anything.
    """
    best: tuple[tuple[int, int, int], Layout] | None = None
    for layout in _candidates(kind, head, mapping):
        missing = lacking(kind, layout.places)
        score = (-len(missing), len(layout.places), len(layout.names))
        if best is None or score > best[0]:
            best = (score, layout)
        if best[0][0] == 0 and layout.line > best[1].line:
            break
    if best is None:
        long = any(len(line) > limits.LINE_BYTES_MAX for line in head[:1])
        what = f"is longer than {limits.LINE_BYTES_MAX:,} bytes" if long else "is no such text"
        message = f"{name}: line 1 must name the columns, and {what}"
        raise FileRefused(message)
    return best[1]


def _candidates(kind: Kind, head: Sequence[bytes], mapping: Mapping) -> Iterator[Layout]:
    """The layouts that the first lines may mean, line after line."""
    only = mapping.header
    separators = mapping.separator or SEPARATORS
    for number, line in enumerate(head, 1):
        if only not in {None, number} or not line.strip() or len(line) > limits.LINE_BYTES_MAX:
            continue
        for separator in separators:
            try:
                fields = next(csv.reader([line.decode()], strict=True, delimiter=separator), [])
            except (UnicodeDecodeError, csv.Error):
                continue
            names = [field.strip() for field in fields]
            yield layout_of(kind, names, mapping, separator, number)


def csv_block(text: bytes, layout: Layout) -> Block:
    """Plain lines at the speed of Polars; a block with anything else in it line by line."""
    frame = None if may_have_too_long_line(text) else _frame(text, layout)
    block = _by_line(text, layout) if frame is None else Block(frame, len(frame))
    return kept(block, layout.filters)


def _frame(text: bytes, layout: Layout) -> pl.DataFrame | None:
    """The columns that are read, or None where a line may be no record."""
    # Without a line end, Polars overlooks a comma at the very end.
    ended = text if text.endswith(b"\n") else text + b"\n"
    width = len(layout.names)
    frame = _read(ended, layout, width, width)
    # Polars fills a short line up with nulls. A line whose last field is null may be one.
    if frame is not None and frame[_place(width)].null_count():
        separator = layout.separator.encode()
        plain = ended.replace(b"\r\n", b"\n") if b"\r" in ended else ended
        marked = plain.replace(b"\n", separator + END + b"\n")
        frame = _read(marked, layout, width + 1, width + 1)
        if frame is not None and frame[_place(width + 1)].null_count():
            return None
    if frame is None or len(frame) != ended.count(b"\n"):
        return None
    named = frame.select(_texts(places).alias(name) for name, places in layout.places.items())
    if _may_have_blank_line(named):
        return None
    return named.with_row_index(LINE)


def _may_have_blank_line(named: pl.DataFrame) -> bool:
    """Whether a line has nothing but blanks in the columns that are read."""
    in_first = named.filter(_is_blank(pl.first()))
    return not in_first.filter(pl.all_horizontal(_is_blank(pl.all()))).is_empty()


def _is_blank(column: pl.Expr) -> pl.Expr:
    return column.is_null() | (column.str.strip_chars(BLANKS) == "")


def _place(number: int) -> str:
    """The name that Polars knows a column by, from 1."""
    return f"column_{number}"


def _read(text: bytes, layout: Layout, width: int, last: int) -> pl.DataFrame | None:
    read = {place + 1 for places in layout.places.values() for place in places} | {last}
    try:
        return pl.read_csv(
            text,
            has_header=False,
            schema={_place(number): pl.String for number in range(1, width + 1)},
            columns=[_place(number) for number in sorted(read)],
            separator=layout.separator,
            quote_char='"' if b'"' in text else None,
            truncate_ragged_lines=False,
        )
    except (pl.exceptions.ComputeError, pl.exceptions.SchemaError, pl.exceptions.NoDataError):
        return None


def _texts(places: Sequence[int]) -> pl.Expr:
    """The texts of a column, or of several with a blank between."""
    columns = [pl.col(_place(place + 1)) for place in places]
    return columns[0] if len(columns) == 1 else pl.concat_str(columns, separator=" ")


def _by_line(text: bytes, layout: Layout) -> Block:
    return block_by_line(
        text,
        tuple(layout.places),
        lambda line, raw: _record(line, raw.removesuffix(b"\r"), layout),
    )


def _record(line: int, raw: bytes, layout: Layout) -> list[str | None] | Reject | None:
    """The fields of one line that are read, None for a blank one.

    A record never goes over a line's end: no fact needs it to. Empty fields behind the last column
    are no fields.
    """
    if not raw.strip():
        return None
    if len(raw) > limits.LINE_BYTES_MAX:
        return _hidden(too_long(line, raw), layout)
    try:
        fields = next(csv.reader([raw.decode()], strict=True, delimiter=layout.separator))
    except UnicodeDecodeError as error:
        what = f"the line is not UTF-8: {error.reason} at byte {error.start + 1}"
        return _hidden(unreadable(line, raw, what), layout)
    except csv.Error as error:
        return _hidden(unreadable(line, raw, f"the line is not CSV: {error}"), layout)
    return record_of(line, fields, layout)


def record_of(line: int, fields: Sequence[str], layout: Layout) -> list[str | None] | Reject | None:
    """The fields that are read, in the order of the layout's places; None where all are empty."""
    width = len(layout.names)
    if not any(map(str.strip, fields)):
        return None
    if len(fields) < width or any(map(str.strip, fields[width:])):
        fault = Fault("", f"the line has {len(fields)} fields, the header {width}")
        short = [*fields, *[""] * (width - len(fields))]
        return _hidden(Reject(line, (fault,), tuple(_joined(short, layout))), layout)
    return list(_joined(fields, layout))


def _joined(fields: Sequence[str], layout: Layout) -> Iterator[str]:
    return (" ".join(fields[place] for place in places) for places in layout.places.values())


def _hidden(reject: Reject, layout: Layout) -> Reject:
    """A reject without values where they may be keys."""
    return reject._replace(values=()) if layout.has_secrets else reject
