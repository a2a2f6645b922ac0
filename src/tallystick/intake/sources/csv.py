"""Lines of values with a separator between, mostly under a header."""

from __future__ import annotations

import csv
import re
from dataclasses import replace
from typing import TYPE_CHECKING

import polars as pl

from tallystick.core.errors import FileRefused
from tallystick.intake.mappings.mapping import is_secret
from tallystick.intake.mappings.naming import WORDS, Names, lacking, places_of
from tallystick.intake.receipt import Fault, Reject
from tallystick.intake.sources import limits
from tallystick.intake.sources.blocks import LINE, Block, block_by_line, kept
from tallystick.intake.sources.encoding import NAME_IT, UTF_8
from tallystick.intake.sources.layout import Layout, best_layout, check_layout, layout_of
from tallystick.intake.sources.lines import Lines, may_have_too_long_line, too_long, unreadable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tallystick.intake.kinds import Kind
    from tallystick.intake.mappings import Mapping

SEPARATORS = ",;\t|^~"
BLANK = " "  # stands for any number of blanks, where no other separator fits
BLANKS_BETWEEN = re.compile(rb"[ \t]+")
BLANKS_AROUND = re.compile(rb"(?m)^ | (?=\r?$)")
LINES_A_RECORD_MAX = 50  # where a quoted value goes over ends of lines
HEADER_LINES_MAX = 50  # of a file; the line that names the columns is among them
BLANKS = "".join(filter(str.isspace, map(chr, range(0x3001))))  # what str.strip() takes off
# What tools for databases draw below a header, and write below the last line.
RULED = "-=+|:"
RULED_LINE = f"{RULED},;\t ".encode()
ROWS_COUNTED = re.compile(
    rb"\(?[0-9][0-9.,]* (?:rows?|records?|Zeilen?|lignes?|filas?)"
    rb"(?: (?:affected|returned|selected|in set.*))?[.);]*",
    re.IGNORECASE,
)
VENDOR_NAMES = re.compile(rb"\*? ?var_?out\s*[:=]\s*(?P<names>.*\S)", re.IGNORECASE)
BETWEEN_VENDOR_NAMES = re.compile(r"[/\s,;|]+")
OF_OTHER_STATES = frozenset(
    {"old", "older", "previous", "prev", "prior", "past", "before", "former", "last", "original"}
    | {"new", "next", "after", "future", "planned", "removed", "deleted", "returned", "replaced"}
    | {"expected", "allowed", "seen", "actual", "attempted", "rejected", "failed"}
)
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
        layout = _headless(name, kind, head, mapping)
    else:
        layout = _best(name, kind, head, mapping)
    if lacking(kind, layout.places) and not all(map(_is_text, head)):
        raise FileRefused(_unknown_encoding(name))
    check_layout(name, layout, kind, mapping)
    if layout.separator == BLANK and _may_shift(kind, layout):
        message = (
            f"{name}: blanks stand between its columns, so that behind an empty value, or one with "
            "a blank in it, each would be taken for another: write it with commas between"
        )
        raise FileRefused(message)
    lines.pass_over(layout.line)
    return layout


def _is_text(line: bytes) -> bool:
    """Whether a line is UTF-8, as each is by now whose encoding is known."""
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True


def _unknown_encoding(name: str) -> str:
    return (
        f"{name}: its columns cannot be named, for the text is in none of the encodings that are "
        f"told apart (UTF-8, UTF-16, Windows-1252 and Japanese): save it as UTF-8, or {NAME_IT}"
    )


def _may_shift(kind: Kind, layout: Layout) -> bool:
    """Whether a column before the last may be empty, or have blanks in its values."""
    never_empty = {*kind.required, *kind.one_of}
    safe = {column.name for column in kind.columns if not column.is_text} & never_empty
    places = {place for name, at in layout.places.items() if name in safe for place in at}
    return any(
        place not in places and not is_secret(name) for place, name in enumerate(layout.names[:-1])
    )


def _headless(name: str, kind: Kind, head: Sequence[bytes], mapping: Mapping) -> Layout:
    """The layout of a file in which no line names the columns, by how many the first has.

    A file may end its lines before the last of the given names, and may name the columns all the
    same: that line is passed over. Raises `FileRefused` where it names them at other places.
    """
    given = len(mapping.names)
    separators = [mapping.separator] if mapping.separator else [*SEPARATORS, BLANK]
    number, separator, fields = max(
        (
            (at, each, _fields(line, each) or [""])
            for at, line in enumerate(head, 1)
            for each in separators
            if line.strip()
        ),
        key=lambda line: (len(line[2]) == given, -line[0], len(line[2])),
    )
    names = mapping.names[: len(fields)] or ("",) * len(fields)
    layout = layout_of(kind, names, mapping, separator, 0)
    if lacking(kind, layout.places) and len(names) < given:
        layout = layout_of(kind, mapping.names, mapping, separator, 0)
    if not _has_names(kind, layout, fields):
        return layout
    by_file = places_of(kind, Names(fields))
    for column in layout.places.keys() & by_file.keys():
        if by_file[column] != layout.places[column]:
            message = (
                f"{name}: line {number} has the name of {column} at place {by_file[column][0] + 1},"
                f" and not at {layout.places[column][0] + 1}, where the given names have it"
            )
            raise FileRefused(message)
    return replace(layout, line=number)


def _has_names(kind: Kind, layout: Layout, fields: Sequence[str]) -> bool:
    """Whether a line has words where the numbers and moments are that a kind needs."""
    needed = {column.name for column in kind.columns if not column.is_text}
    places = [at[0] for name, at in layout.places.items() if name in needed]
    texts = [fields[place] if place < len(fields) else "" for place in places]
    has_digits = any(any(map(str.isdigit, text)) for text in texts)
    return all(texts) and bool(texts) and not has_digits


def _fields(line: bytes, separator: str) -> list[str] | None:
    """The fields of a line, None where it is no such text."""
    try:
        return (
            line.decode().split()
            if separator == BLANK
            else next(csv.reader(_lines(line), strict=True, delimiter=separator), [])
        )
    except (UnicodeDecodeError, csv.Error):
        return None


def _best(name: str, kind: Kind, head: Sequence[bytes], mapping: Mapping) -> Layout:
    """The layout by the first line that names all columns, else by the line that names most.

    Raises `FileRefused` where no line names anything.
    """
    best = _best_by(kind, head, mapping, mapping.separator or SEPARATORS)
    if mapping.separator is None and (best is None or lacking(kind, best.places)):
        by_blanks = _best_by(kind, head, mapping, BLANK)
        if by_blanks and not lacking(kind, by_blanks.places) and _is_table(by_blanks, head):
            return by_blanks
    if best is None:
        if not all(map(_is_text, head)):
            raise FileRefused(_unknown_encoding(name))
        long = any(len(line) > limits.LINE_BYTES_MAX for line in head[:1])
        what = f"is longer than {limits.LINE_BYTES_MAX:,} bytes" if long else "is no such text"
        message = f"{name}: line 1 must name the columns, and {what}"
        raise FileRefused(message)
    return best


def _best_by(kind: Kind, head: Sequence[bytes], mapping: Mapping, separators: str) -> Layout | None:
    """The layout that the first lines have by one of some separators, if any."""
    return best_layout(kind, _candidates(kind, head, mapping, separators), mapping)


def _is_table(layout: Layout, head: Sequence[bytes]) -> bool:
    """Whether the line behind that of the names has as many fields, so that those are names."""
    behind = next((line for line in head[layout.line :] if line.strip()), None)
    return behind is not None and len(_fields(behind, BLANK) or ()) == len(layout.names)


def _candidates(
    kind: Kind, head: Sequence[bytes], mapping: Mapping, separators: str
) -> Iterator[Layout]:
    """The layouts that the first lines may mean, line after line."""
    only = mapping.header
    for number, line in enumerate(head, 1):
        if only not in {None, number} or not line.strip() or len(line) > limits.LINE_BYTES_MAX:
            continue
        whole, lines = _with_the_next(head, number - 1)
        for separator in separators:
            fields = _vendor_names(head[number - 1 :], separator) or _fields(whole, separator)
            if fields is not None:
                names = [" ".join(field.split()) for field in fields]
                table = "" if mapping.columns else _table_in(names)
                names = [name.removeprefix(table) for name in names]
                layout = layout_of(kind, names, mapping, separator, number + lines - 1)
                if table:
                    hint = f"{table} stands before the name of each column, and is passed over"
                    layout = replace(layout, hints=(*layout.hints, hint))
                if any(_may_be_whole(each, layout) for each in head[number : layout.line]):
                    continue
                yield replace(layout, header=line if lines == 1 else b"")


def _vendor_names(lines: Sequence[bytes], separator: str) -> list[str] | None:
    """The names behind `var_out:`, as SIM vendors write them; None where the first line has none.

    Between them stands something else than between the values, so that the next line has to tell
    whether this is what separates those.
    """
    named = VENDOR_NAMES.fullmatch(lines[0].strip())
    behind = next((line for line in lines[1:] if line.strip()), b"")
    if named is None:
        return None
    names = BETWEEN_VENDOR_NAMES.split(named["names"].decode(errors="replace"))
    return names if len(_fields(behind, separator) or ()) == len(names) else None


def _table_in(names: list[str]) -> str:
    """The name of a table with a dot, which Hive writes before that of each column; mostly none.

    A word for what was before, or for one side of two, is none: it tells more than a table's name.
    """
    table, dot, _ = names[0].partition(".") if names else ("", "", "")
    is_named = len(names) > 1 and all(name.startswith(table + dot) for name in names)
    says_more = {word.casefold() for word in WORDS.findall(table)} & OF_OTHER_STATES
    return table + dot if dot and is_named and not says_more else ""


def _with_the_next(lines: Sequence[bytes], at: int) -> tuple[bytes, int]:
    """A line, with those behind it where a quoted value goes over its end, and how many they are.

    A line alone, where its quotes do not close. A line whose quotes do is no part of a value, if it
    has as many commas as a record.
    """
    if lines[at].count(b'"') % 2 == 0:
        return lines[at], 1
    quotes = size = 0
    for count, line in enumerate(lines[at : at + LINES_A_RECORD_MAX], 1):
        quotes += line.count(b'"')
        size += len(line) + 1
        if size > limits.LINE_BYTES_MAX:
            break
        if count > 1 and quotes % 2 == 0:
            return b"\n".join(lines[at : at + count]), count
    return lines[at], 1


def csv_block(text: bytes, ends: int, layout: Layout) -> Block:
    """Plain lines at the speed of Polars; a block with anything else in it line by line.

    The text has so many ends of lines.
    """
    if layout.separator == BLANK:
        text = BLANKS_AROUND.sub(b"", BLANKS_BETWEEN.sub(b" ", text))
    is_plain = not (may_have_too_long_line(text) or (layout.header and layout.header in text))
    frame = _frame(text, ends, layout) if is_plain else None
    block = _by_line(text, layout) if frame is None else Block(frame, len(frame))
    return kept(block, layout.filters)


def _frame(text: bytes, ends: int, layout: Layout) -> pl.DataFrame | None:
    """The columns that are read, or None where a line may be no record."""
    # Without a line end, Polars overlooks a comma at the very end.
    is_ended = text.endswith(b"\n")
    ended, lines = (text, ends) if is_ended else (text + b"\n", ends + 1)
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
    if frame is None or len(frame) != lines:
        return None
    named = frame.select(_texts(places).alias(name) for name, places in layout.places.items())
    if _may_have_blank_line(named):
        return None
    return named.with_row_index(LINE)


def _may_have_blank_line(named: pl.DataFrame) -> bool:
    """Whether a line has nothing but blanks, or a rule, in the columns that are read."""
    in_first = named.filter(_is_blank(pl.first()))
    return not in_first.filter(pl.all_horizontal(_is_blank(pl.all()))).is_empty()


def _is_blank(column: pl.Expr) -> pl.Expr:
    return column.is_null() | (column.str.strip_chars(BLANKS + RULED) == "")


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
    lines = text.removesuffix(b"\n").split(b"\n")
    behind = 0  # the line behind the last record that goes over several

    def parse(line: int, raw: bytes) -> list[str | None] | Reject | None:
        nonlocal behind
        raw = raw.removesuffix(b"\r")
        if line < behind or (layout.header and raw == layout.header):
            return None  # a part of a record, or a header again, as where files were put together
        record = _record(line, raw, layout)
        if isinstance(record, Reject) and raw.count(b'"') % 2:
            joined, count = _joined_record(lines, line, layout)
            if joined:
                behind = line + count
                return joined
        return record

    return block_by_line(text, tuple(layout.places), parse)


def _joined_record(
    lines: Sequence[bytes], line: int, layout: Layout
) -> tuple[list[str | None] | None, int]:
    """The record of a line and those behind it, and how many lines it takes.

    None where it is none: where a quote is not closed, where a line behind it may be a record of
    its own, and where the end of a line is in a value that is read.
    """
    whole, count = _with_the_next(lines, line)
    if any(_may_be_whole(each, layout) for each in lines[line + 1 : line + count]):
        return None, 1
    record = _record(line, whole.removesuffix(b"\r"), layout)
    if count == 1 or not isinstance(record, list) or any("\n" in (text or "") for text in record):
        return None, 1
    return record, count


def _may_be_whole(line: bytes, layout: Layout) -> bool:
    """Whether a line may be a record of its own, so that it is no part of another's value.

    It has as many separators as a record, and either its quotes close, or the first of them opens
    a value, or so many separators stand before the first that it may be the text of the last value.
    """
    separator = layout.separator.encode()
    between = len(layout.names) - 1
    if line.count(separator) < between:
        return False
    before, quote, _ = line.partition(b'"')
    opens = before == b"" or before.endswith(separator)
    closes = line.count(b'"') % 2 == 0
    return closes or (bool(quote) and opens) or before.count(separator) >= between


def _record(line: int, raw: bytes, layout: Layout) -> list[str | None] | Reject | None:
    """The fields of one line that are read, None for a blank one, a rule or a count of rows.

    Empty fields behind the last column are no fields.
    """
    text = raw.strip()
    if not text or _is_ruled(text) or ROWS_COUNTED.fullmatch(text):
        return None
    if len(raw) > limits.LINE_BYTES_MAX:
        return _hidden(too_long(line, raw), layout)
    try:
        fields = next(csv.reader(_lines(raw), strict=True, delimiter=layout.separator))
    except UnicodeDecodeError as error:
        return _hidden(unreadable(line, raw, _not_encoded(layout, error)), layout)
    except csv.Error as error:
        return _hidden(unreadable(line, raw, f"the line is not CSV: {error}"), layout)
    return record_of(line, fields, layout)


def _not_encoded(layout: Layout, error: UnicodeDecodeError) -> str:
    """What is wrong with a line that is not written as its file is said to be."""
    if layout.encoding != UTF_8:  # of its bytes it is not known any more which is the bad one
        return f"the line is not {layout.encoding}, as the file is read"
    where = f"{error.reason} at byte {error.start + 1}"
    return f"the line is not UTF-8: {where}. Save the file as UTF-8, or {NAME_IT}"


def _is_ruled(text: bytes) -> bool:
    """Whether a line is a rule, drawn with hyphens or the like."""
    return (b"--" in text or b"==" in text) and not text.translate(None, RULED_LINE)


def _lines(raw: bytes) -> list[str]:
    """The lines of a record, as the reader of the library takes them: mostly one."""
    *ended, last = raw.decode().split("\n")
    return [*(f"{line}\n" for line in ended), last]


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
