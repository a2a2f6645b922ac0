"""Where facts come from: files of lines or columns, read in blocks of bounded size.

A block is a frame of texts, one row a line, with the number of its first line. Lines that are no record at
all (bad quoting, wrong number of fields, not UTF-8, too long) come as rejects beside it.
"""

from __future__ import annotations

import csv
import gzip
import io
import os
import sys
import tempfile
import zlib
from collections import Counter
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple, TypeGuard

import msgspec
import polars as pl
import zstandard

from tallystick.core.allowed import SEPARATOR
from tallystick.core.errors import FileRefused
from tallystick.core.identifiers import shown
from tallystick.intake.receipt import Fault, Reject, in_one_sentence

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tallystick.intake.kinds import Kind

BLOCK_BYTES = 16 << 20
LINE_BYTES_MAX = 1 << 20
STANDARD_INPUT = "-"
REASON = "reason"  # the column that a rejects file has beside the input's own; taken back, it is passed over
LINE = "line"
SEPARATORS = ",|"  # between the values of a CSV line: the first of them that the header has
FORMATS = (".csv", ".ndjson", ".parquet")
PARQUET_TYPES = (pl.String, pl.Categorical, pl.Enum, pl.Decimal, pl.Date, pl.Datetime, pl.Null)
ZSTANDARD_BYTES = 1 << 16
BOM = b"\xef\xbb\xbf"


@dataclass(slots=True)
class Block:
    """Some lines of a file: `frame` has a column of texts for each of the file's columns, and `line`.

    Lines count from 0 at the block's first; `lines` is how many there are, blank ones included.
    """

    frame: pl.DataFrame
    lines: int
    rejects: list[Reject] = field(default_factory=list)


@dataclass(slots=True)
class Source:
    """A file being read: `blocks` gives what reads each of its blocks, in order; any thread may do that.

    `first_line` is the number of the first block's first line; `read_share` says how much of the file is read, of 1,
    or None where its size is not known. Who takes the blocks may ask it.
    """

    name: str
    read_share: Callable[[], float | None]
    columns: tuple[str, ...]
    first_line: int
    blocks: Iterator[Callable[[], Block]]


@contextmanager
def open_source(path: str, kind: Kind, spooled: IO[bytes] | None = None) -> Iterator[Source]:
    """Open a CSV, NDJSON or Parquet file by suffix, `.gz` and `.zst` too; `-` is CSV on standard input.

    `spooled` has the bytes of a path that can be read once only. Raises `FileRefused` where the file as a whole is
    not readable as facts of this kind.
    """
    suffix, packed = _format(path)
    with ExitStack() as opened:
        with _refusing(path, "cannot be read"):
            file = spooled or opened.enter_context(_bytes_of(path))
            if spooled:
                spooled.seek(0)
            plain = opened.enter_context(_unpacked(file, packed))
            source = (
                _parquet_source(path, plain, kind)
                if suffix == ".parquet"
                else _text_source(path, file, plain, kind, suffix)
            )
        yield source


def is_read_once(path: str) -> bool:
    """Whether what is read there is gone then: standard input, or a pipe."""
    return path == STANDARD_INPUT or Path(path).is_fifo()


@contextmanager
def to_be_read_again(path: str) -> Iterator[IO[bytes] | None]:
    """What can be read once only, as a temporary file; None for a file."""
    if not is_read_once(path):
        yield None
        return
    with tempfile.TemporaryFile() as spooled:
        spooled.writelines(_chunks(path))
        yield spooled


def _chunks(path: str) -> Iterator[bytes]:
    with _refusing(path, "cannot be read"), _bytes_of(path) as file:
        while chunk := file.read(BLOCK_BYTES):
            yield chunk


def _format(path: str) -> tuple[str, str | None]:
    """The suffix of a path's format, and the one of how it is packed."""
    if path == STANDARD_INPUT:
        return ".csv", None
    suffixes = [suffix.lower() for suffix in Path(path).suffixes]
    packed = suffixes.pop() if suffixes and suffixes[-1] in {".gz", ".zst"} else None
    suffix = suffixes[-1] if suffixes else ""
    if suffix not in FORMATS:
        message = (
            f"{path}: the name must end in one of {', '.join(FORMATS)} (.gz or .zst may follow)"
        )
        raise FileRefused(message)
    return suffix, packed


@contextmanager
def _bytes_of(path: str) -> Iterator[IO[bytes]]:
    if path == STANDARD_INPUT:
        yield sys.stdin.buffer
        return
    with Path(path).open("rb") as file:
        yield file


@contextmanager
def _refusing(name: str, what: str) -> Iterator[None]:
    """Turn what goes wrong while a file is read, and nothing else, into a refusal that names it."""
    try:
        yield
    except (
        OSError,
        EOFError,
        zlib.error,
        zstandard.ZstdError,
        pl.exceptions.PolarsError,
        pl.exceptions.PanicException,  # Polars panics on some damaged Parquet files
    ) as error:
        message = f"{name}: {what}: {error}"
        raise FileRefused(message) from error


def _refusing_each(
    name: str, what: str, blocks: Iterator[Callable[[], Block]]
) -> Iterator[Callable[[], Block]]:
    def read(block: Callable[[], Block]) -> Block:
        with _refusing(name, what):
            return block()

    with _refusing(name, what):
        for block in blocks:
            yield partial(read, block)


@contextmanager
def _unpacked(file: IO[bytes], packed: str | None) -> Iterator[IO[bytes]]:
    if packed == ".gz":
        with gzip.GzipFile(fileobj=file) as plain:
            yield plain  # type: ignore[misc] # a GzipFile reads like any other
    elif packed == ".zst":
        with io.BufferedReader(_Zstandard(file)) as plain:
            yield plain
    else:
        yield file


class _Zstandard(io.RawIOBase):
    """A file packed by Zstandard, unpacked as it is read; one that ends in the middle is an `EOFError`."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._frame = zstandard.ZstdDecompressor().decompressobj()
        self._begun = False
        self._plain = b""

    def readable(self) -> bool:
        """It can be read."""
        return True

    def readinto(self, into: Any) -> int:  # noqa: ANN401 - a buffer, as RawIOBase has it
        """Fill a buffer; 0 at the end of the file."""
        while not self._plain and self._more():
            pass
        size = min(len(into), len(self._plain))
        into[:size], self._plain = self._plain[:size], self._plain[size:]
        return size

    def _more(self) -> bool:
        packed = self._frame.unused_data if self._frame.eof else b""
        packed = packed or self._file.read(ZSTANDARD_BYTES)
        if not packed:
            if self._begun and not self._frame.eof:
                message = "the file ends before its packed data does"
                raise EOFError(message)
            return False
        if self._frame.eof:
            self._frame = zstandard.ZstdDecompressor().decompressobj()
        self._begun = True
        self._plain = self._frame.decompress(packed)
        return True


def check_columns(name: str, columns: Sequence[str], kind: Kind) -> None:
    """Refuse a header that lacks a column of this kind, has one that it does not know, or one twice.

    Files from elsewhere may have columns that the kind does not know.
    """
    known = [column.name for column in kind.columns]
    count = Counter(columns)
    faults = [
        f"has no column {column.name}"
        for column in kind.columns
        if column.required and not count[column.name]
    ]
    surplus = (
        []
        if kind.is_from_elsewhere
        else [column for column in count if column not in {*known, REASON}]
    )
    faults += [f"has a column {shown(column)} that is none of this kind's" for column in surplus]
    faults += [f"has the column {column} twice" for column in (*known, REASON) if count[column] > 1]
    if faults:
        message = (
            f"{name}: line 1 {in_one_sentence(faults)}. Columns of {kind.name}: {', '.join(known)}"
        )
        raise FileRefused(message)


def _text_source(name: str, file: IO[bytes], plain: IO[bytes], kind: Kind, suffix: str) -> Source:
    lines = _Lines(plain)
    columns = kind.column_names
    blocks, first_line = lines.blocks(lambda text: _ndjson(text, kind)), 1
    if suffix == ".csv":
        header = _header_of(name, lines, kind)
        columns = header.columns
        check_columns(name, columns, kind)
        blocks, first_line = lines.blocks(lambda text: _csv(text, header)), header.line + 1
    blocks = _refusing_each(name, "cannot be read", blocks)
    return Source(name, _share_of_bytes(file), columns, first_line, blocks)


def _share_of_bytes(file: IO[bytes]) -> Callable[[], float | None]:
    """What tells how much of a file is read, if its size is known; it may grow meanwhile."""
    if file is sys.stdin.buffer or not file.seekable():
        return lambda: None
    size_bytes = os.fstat(file.fileno()).st_size
    return lambda: min(file.tell() / size_bytes, 1.0) if size_bytes else 1.0


class _Header(NamedTuple):
    """What the columns are called, what stands between values, and in which line that is said."""

    columns: tuple[str, ...]
    separator: str
    line: int


def _header_of(name: str, lines: _Lines, kind: Kind) -> _Header:
    """The header of a CSV file; one from elsewhere may have a notice before it, of whose rights it is."""
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


def _header(name: str, line: bytes, kind: Kind, number: int) -> _Header:
    if not line.strip():
        message = f"{name}: line 1 is empty; it must name the columns"
        raise FileRefused(message)
    if len(line) > LINE_BYTES_MAX:
        message = (
            f"{name}: line 1 must name the columns, and is longer than {LINE_BYTES_MAX:,} bytes"
        )
        raise FileRefused(message)
    try:
        text = line.decode()
        separator = next((each for each in SEPARATORS if each in text), SEPARATORS[0])
        columns = [
            column.strip()
            for column in next(csv.reader([text], strict=True, delimiter=separator), [])
        ]
        return _Header(kind.named(columns), separator, number)
    except (UnicodeDecodeError, csv.Error) as error:
        message = f"{name}: line 1 must name the columns, in UTF-8 with commas between: {error}"
        raise FileRefused(message) from error


class _Lines:
    """A file in blocks of whole lines; a line over the limit is cut out and told of, however long it is."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._rest = b""
        self.bytes_read = 0

    def first_line(self) -> bytes:
        """The first line without its end; of one over the limit no more than shows that it is."""
        while b"\n" not in self._rest and len(self._rest) <= LINE_BYTES_MAX and self._more():
            pass
        line, _, self._rest = self._rest.partition(b"\n")
        return line.removesuffix(b"\r")

    def _more(self) -> bool:
        chunk = self._file.read(BLOCK_BYTES)
        self._rest += chunk if self.bytes_read else chunk.removeprefix(BOM)
        self.bytes_read += len(chunk)
        return bool(chunk)

    def blocks(self, parse: Callable[[bytes], Block]) -> Iterator[Callable[[], Block]]:
        """What parses each block of whole lines."""
        more = True
        while more or self._rest:
            more = self._more()
            end = self._rest.rfind(b"\n") + 1 if more else len(self._rest)
            if end:
                text, self._rest = self._rest[:end], self._rest[end:]
                yield partial(parse, text)
            elif len(self._rest) > LINE_BYTES_MAX:
                yield partial(Block, pl.DataFrame(), 1, [self._too_long()])

    def _too_long(self) -> Reject:
        """Pass over a line that has not ended within the limit."""
        start = self._rest[:LINE_BYTES_MAX]
        while (end := self._rest.find(b"\n") + 1) == 0:
            self._rest = b""
            if not self._more():
                break
        self._rest = self._rest[end:] if end else b""
        return _too_long(0, start)


def _too_long(line: int, text: bytes) -> Reject:
    start = text[:64].decode(errors="replace")
    return Reject(line, (Fault("", f"the line is longer than {LINE_BYTES_MAX:,} bytes"),), (start,))


def _may_have_too_long_line(text: bytes) -> bool:
    """A line over the limit covers a stretch of half the limit somewhere, from one multiple of it to the next."""
    half = LINE_BYTES_MAX // 2
    return any(
        text.find(b"\n", start, start + half) < 0 for start in range(0, len(text) - half + 1, half)
    )


def _csv(text: bytes, header: _Header) -> Block:
    """Plain lines at the speed of Polars; a block with anything else in it line by line."""
    columns = header.columns
    if b'"' in text or _may_have_too_long_line(text):
        return _csv_by_line(text, header)
    ended = (
        text if text.endswith(b"\n") else text + b"\n"
    )  # without, Polars overlooks a comma at the very end
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
    # Polars fills a short line up with nulls. A line whose last field is null may be one: it is read exactly.
    if len(frame) != ended.count(b"\n") or frame[columns[-1]].null_count():
        return _csv_by_line(text, header)
    return Block(frame.with_row_index(LINE), len(frame))


def _csv_by_line(text: bytes, header: _Header) -> Block:
    return _by_line(
        text, header.columns, lambda line, raw: _record(line, raw.removesuffix(b"\r"), header)
    )


def _by_line(
    text: bytes,
    columns: tuple[str, ...],
    parse: Callable[[int, bytes], Sequence[str | None] | Reject | None],
) -> Block:
    """Line after line; `parse` gives the fields of one, None for a blank one."""
    rows: list[tuple[Any, ...]] = []
    rejects: list[Reject] = []
    lines = text.removesuffix(b"\n").split(b"\n")
    for line, raw in enumerate(lines):
        record = parse(line, raw)
        if isinstance(record, Reject):
            rejects.append(record)
        elif record:
            rows.append((line, *record))
    return Block(_frame(rows, columns), len(lines), rejects)


def _frame(rows: list[tuple[Any, ...]], columns: Sequence[str]) -> pl.DataFrame:
    schema = {LINE: pl.UInt32} | dict.fromkeys(columns, pl.String)
    return pl.DataFrame(rows, schema=schema, orient="row")


def _record(line: int, raw: bytes, header: _Header) -> list[str] | Reject | None:
    """The fields of one line, None for a blank one. A record never goes over a line's end: no fact needs it to."""
    if not raw.strip():
        return None
    if len(raw) > LINE_BYTES_MAX:
        return _too_long(line, raw)
    try:
        fields = next(csv.reader([raw.decode()], strict=True, delimiter=header.separator))
    except UnicodeDecodeError as error:
        return Reject(
            line,
            (Fault("", f"the line is not UTF-8: {error.reason} at byte {error.start + 1}"),),
            (raw[:256].decode(errors="replace"),),
        )
    except csv.Error as error:
        return Reject(
            line,
            (Fault("", f"the line is not CSV: {error}"),),
            (raw[:256].decode(errors="replace"),),
        )
    width = len(header.columns)
    if len(fields) != width:
        return Reject(
            line,
            (Fault("", f"the line has {len(fields)} fields, the header {width}"),),
            tuple(fields[:width]),
        )
    return fields


def _ndjson(text: bytes, kind: Kind) -> Block:
    return _by_line(
        text,
        kind.column_names,
        lambda line, raw: _json_record(line, raw, kind) if raw.strip() else None,
    )


def _json_record(line: int, raw: bytes, kind: Kind) -> list[str | None] | Reject:
    if len(raw) > LINE_BYTES_MAX:
        return _too_long(line, raw)
    try:
        value = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return Reject(
            line,
            (Fault("", f"the line is not JSON: {error}"),),
            (raw[:256].decode(errors="replace"),),
        )
    if not isinstance(value, dict):
        return Reject(
            line,
            (Fault("", "the line is not a JSON object"),),
            (raw[:256].decode(errors="replace"),),
        )
    return record_of(line, value, kind)


def no_object(index: int, item: object) -> Reject:
    """The reject of a JSON value that is no object."""
    return Reject(index, (Fault("", f"is not a JSON object but {shown(item)}"),), ())


def block_of(items: Sequence[Any], kind: Kind) -> Block:
    """JSON values as a block; each counts as a line."""
    rows: list[tuple[Any, ...]] = []
    rejects: list[Reject] = []
    columns = kind.column_names
    known = set(columns)
    for index, item in enumerate(items):
        if not isinstance(item, dict):
            rejects.append(no_object(index, item))
        elif item.keys() <= known and all(type(value) is str for value in item.values()):
            rows.append((index, *map(item.get, columns)))
        elif isinstance(record := record_of(index, item, kind), Reject):
            rejects.append(record)
        else:
            rows.append((index, *record))
    return Block(_frame(rows, columns), len(items), rejects)


def record_of(line: int, value: dict[str, Any], kind: Kind) -> list[str | None] | Reject:
    """The texts of a JSON object by column; numbers are their digits, null is absent."""
    columns = kind.column_names
    if kind.is_from_elsewhere:
        value = dict(zip(kind.named(tuple(value)), value.values(), strict=True))
    surplus = () if kind.is_from_elsewhere else value.keys() - {*columns, REASON}
    faults = [
        Fault(shown(name), "is none of this kind's columns") for name in value if name in surplus
    ]
    record: list[str | None] = []
    of_no_text: set[str] = set()
    for column in columns:
        item = value.get(column)
        if kind.may_list and _is_list_of_texts(item):
            item = SEPARATOR.join(item)
        if item is not None and (isinstance(item, bool) or not isinstance(item, str | int)):
            faults.append(Fault(column, f"must be a JSON string, not {shown(item)}"))
            of_no_text.add(column)
        record.append(None if item is None else str(item))
    if faults:
        parsed = kind.parse(dict(zip(columns, record, strict=True)))
        faults += [
            fault for fault in parsed if isinstance(fault, Fault) and fault.column not in of_no_text
        ]
        return Reject(line, tuple(faults), tuple(text or "" for text in record))
    return record


def _is_list_of_texts(item: Any) -> TypeGuard[list[str]]:  # noqa: ANN401 - whatever JSON holds
    return isinstance(item, list) and bool(item) and all(isinstance(text, str) for text in item)


def _parquet_source(name: str, file: IO[bytes], kind: Kind) -> Source:
    what = "cannot be read as Parquet"
    with _refusing(name, what):
        lazy = pl.scan_parquet(file)
        schema = lazy.collect_schema()
    columns = kind.named(schema.names())
    check_columns(name, columns, kind)
    if kind.is_from_elsewhere:  # what is passed over may be of any type
        renamed = lazy.rename(dict(zip(schema.names(), columns, strict=True)))
        columns = tuple(column for column in columns if column in kind.column_names)
        lazy = renamed.select(columns)
        schema = lazy.collect_schema()
    for column, dtype in schema.items():
        if not isinstance(dtype, PARQUET_TYPES) and not dtype.is_integer():
            message = (
                f"{name}: column {column} must be of texts, whole numbers or dates, not of {dtype}"
            )
            raise FileRefused(message)
    with _refusing(name, what):
        rows = lazy.select(pl.len()).collect().item()  # the file's own count: no row is read for it
    batches = _Batches(lazy, rows)
    return Source(
        name, batches.read_share, columns, 1, _refusing_each(name, what, batches.blocks())
    )


class _Batches:
    """The rows of a Parquet file as they are read."""

    def __init__(self, lazy: pl.LazyFrame, rows: int) -> None:
        self._lazy = lazy
        self._rows = rows
        self._rows_read = 0

    def read_share(self) -> float:
        """How many of the rows are read, of 1."""
        return self._rows_read / self._rows if self._rows else 1.0

    def blocks(self) -> Iterator[Callable[[], Block]]:
        """What gives each batch."""
        for frame in self._lazy.collect_batches(maintain_order=True):
            self._rows_read += len(frame)
            yield partial(Block, frame.with_row_index(LINE), len(frame))
