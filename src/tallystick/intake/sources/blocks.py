"""What every source gives.

Blocks of texts, one row a line, and the lines that are no record at all.
"""

from __future__ import annotations

import os
import sys
from collections import Counter
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, Any

import polars as pl

from tallystick.core.errors import FileRefused
from tallystick.core.identifiers import shown
from tallystick.intake.receipt import Reject, in_one_sentence
from tallystick.intake.sources import limits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tallystick.intake.kinds import Kind

# The column that a rejects file has beside the input's own; taken back, it is passed over.
REASON = "reason"
LINE = "line"


@dataclass(slots=True)
class Block:
    """Some lines of a file.

    `frame` has a column of texts for each of the file's columns, and `line`. Lines count from 0 at
    the block's first; `lines` is how many there are, blank ones included.
    """

    frame: pl.DataFrame
    lines: int
    rejects: list[Reject] = field(default_factory=list)


@dataclass(slots=True)
class Source:
    """A file being read: `blocks` gives what reads each of its blocks, in order.

    Any thread may do that. `first_line` is the number of the first block's first line; `read_share`
    says how much of the file is read, of 1, or None where its size is not known. Who takes the
    blocks may ask it.
    """

    name: str
    read_share: Callable[[], float | None]
    columns: tuple[str, ...]
    first_line: int
    blocks: Iterator[Callable[[], Block]]


def check_columns(name: str, columns: Sequence[str], kind: Kind) -> None:
    """Refuse a header that lacks a column of this kind, has an unknown one, or one twice.

    Files from elsewhere may have columns that the kind does not know.
    """
    _refuse_wide_header(name, columns)
    known = [column.name for column in kind.columns]
    count = Counter(columns)
    faults = [
        f"has no column {column.name}"
        for column in kind.columns
        if column.required and not count[column.name]
    ]
    if kind.one_of and not any(count[name] for name in kind.one_of):
        faults.insert(0, f"has no column {kind.one_of[0]}")
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


def _refuse_wide_header(name: str, columns: Sequence[str]) -> None:
    """Refuse a header of more columns, or with a longer name, than a file may have."""
    if len(columns) > limits.COLUMNS_MAX:
        message = (
            f"{name}: line 1 names {len(columns):,} columns; "
            f"a file may have at most {limits.COLUMNS_MAX:,}"
        )
        raise FileRefused(message)
    longest = max(columns, key=len, default="")
    if len(longest) > limits.COLUMN_NAME_LENGTH_MAX:
        message = (
            f"{name}: line 1 names a column {shown(longest)}; "
            f"a name may have at most {limits.COLUMN_NAME_LENGTH_MAX} characters"
        )
        raise FileRefused(message)


def block_by_line(
    text: bytes,
    columns: tuple[str, ...],
    parse: Callable[[int, bytes], Sequence[str | None] | Reject | None],
) -> Block:
    """Line after line; `parse` gives the fields of one, None for a blank one."""
    frames = [text_frame([], columns)]
    rows: list[tuple[Any, ...]] = []
    rejects: list[Reject] = []
    lines = text.removesuffix(b"\n").split(b"\n")
    for line, raw in enumerate(lines):
        record = parse(line, raw)
        if isinstance(record, Reject):
            rejects.append(record)
        elif record:
            rows.append((line, *record))
        if len(rows) == limits.LINES_A_FRAME:
            frames.append(text_frame(rows, columns))
            rows = []
    frames.append(text_frame(rows, columns))
    return Block(pl.concat(frames), len(lines), rejects)


def text_frame(rows: list[tuple[Any, ...]], columns: Sequence[str]) -> pl.DataFrame:
    """Rows of texts as a frame, the number of the line first."""
    schema = {LINE: pl.UInt32} | dict.fromkeys(columns, pl.String)
    return pl.DataFrame(rows, schema=schema, orient="row")


def share_of_bytes(file: IO[bytes]) -> Callable[[], float | None]:
    """What tells how much of a file is read, if its size is known; it may grow meanwhile."""
    if file is sys.stdin.buffer or not file.seekable():
        return lambda: None
    size_bytes = os.fstat(file.fileno()).st_size
    return lambda: min(file.tell() / size_bytes, 1.0) if size_bytes else 1.0
