"""What every source gives.

Blocks of texts, one row a line, and the lines that are no record at all.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, Any

import polars as pl

from tallystick.core.errors import FileRefused
from tallystick.core.identifiers import shown
from tallystick.core.written_values import DAY_ZERO, PLAIN
from tallystick.intake.receipt import Reject
from tallystick.intake.sources import limits

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
    from datetime import datetime

    from tallystick.core.written_values import Conventions

# The column that a rejects file has beside the input's own; taken back, it is passed over.
REASON = "reason"
LINE = "line"
NUMBER = "[0-9]{4}"  # more digits than in the name of a column
WORDY_MAX = 1_000


@dataclass(slots=True)
class Block:
    """Some lines of a file.

    `frame` has a column of texts for each of the kind's columns that the file has, and `line`.
    Lines count from 0 at the block's first; `lines` is how many there are, blank ones included.
    `left_out` counts rows that the mapping does not keep; `wordy` are those of them that have no
    numbers, and so may name columns.
    """

    frame: pl.DataFrame
    lines: int
    rejects: list[Reject] = field(default_factory=list)
    left_out: int = 0
    wordy: list[Reject] = field(default_factory=list)


@dataclass(slots=True)
class Notes:
    """How a file was read: what was found about it, and what was counted while it was read.

    `read_as` has the file's name of each column that it calls otherwise than we do. `hints` are
    sentences about what is unusual in the file as a whole. `left_out` counts rows that are not
    kept.
    """

    encoding: str = "utf-8"
    separator: str = ""
    header: int = 0
    read_as: dict[str, str] = field(default_factory=dict)
    passed_over: tuple[str, ...] = ()
    hints: tuple[str, ...] = ()
    left_out: int = 0

    def described(self) -> dict[str, Any]:
        """The notes for programs."""
        return {
            "encoding": self.encoding,
            "separator": self.separator,
            "header": self.header,
            "read_as": self.read_as,
            "passed_over": list(self.passed_over),
            "hints": list(self.hints),
            "left_out": self.left_out,
        }


@dataclass(slots=True)
class Source:
    """A file being read: `blocks` gives what reads each of its blocks, in order.

    Any thread may do that. `first_line` is the number of the first block's first line; `read_share`
    says how much of the file is read, of 1, or None where its size is not known. Who takes the
    blocks may ask it. `columns` are those of the blocks' frames. A spreadsheet's count of days is
    since `day_zero`. A source that `is_table` has each of its columns in every row; objects have
    those that they have something in. `is_other_header` says of a refused line's values whether
    they are names of other columns, or of these in another order, so that no line behind it can be
    read; so many of them have to be names that are known.
    """

    name: str
    read_share: Callable[[], float | None]
    columns: tuple[str, ...]
    first_line: int
    blocks: Iterator[Callable[[], Block]]
    conventions: Conventions = PLAIN
    day_zero: datetime = DAY_ZERO
    is_table: bool = True
    is_other_header: Callable[[Sequence[str], int], bool] = lambda _, __: False
    notes: Notes = field(default_factory=Notes)


def kept(block: Block, filters: Mapping[str, Sequence[str]]) -> Block:
    """A block with the rows that have one of the values in each of these columns."""
    if not filters or block.frame.is_empty():
        return block
    fits = [
        pl.col(column).cast(pl.String).str.strip_chars().fill_null("").is_in(list(values))
        for column, values in filters.items()
    ]
    is_kept = block.frame.select(pl.all_horizontal(fits)).to_series()
    frame = block.frame.filter(is_kept)
    wordy = _wordy(block.frame.filter(~is_kept), filters)
    return Block(frame, block.lines, block.rejects, len(block.frame) - len(frame), wordy)


def _wordy(left_out: pl.DataFrame, filters: Collection[str]) -> list[Reject]:
    """The rows that have words and no numbers, as rejects without a fault; of equal ones a first.

    What rows are kept by is mostly a word.
    """
    names = [name for name in left_out.columns if name != LINE]
    texts = left_out.select(LINE, pl.col(names).cast(pl.String).fill_null(""))
    has_number = pl.any_horizontal(pl.col(names).str.contains(NUMBER))
    words = [pl.col(name) != "" for name in names if name not in filters]
    has_word = pl.any_horizontal(pl.lit(value=False), *words)
    rows = texts.filter(has_word & ~has_number).unique(names, keep="first", maintain_order=True)
    return [Reject(line, (), tuple(row)) for line, *row in rows.head(WORDY_MAX).iter_rows()]


def refuse_wide_header(name: str, columns: Sequence[str], line: int) -> None:
    """Refuse a header of more columns, or with a longer name, than a file may have."""
    if len(columns) > limits.COLUMNS_MAX:
        message = (
            f"{name}: line {line} names {len(columns):,} columns; "
            f"a file may have at most {limits.COLUMNS_MAX:,}"
        )
        raise FileRefused(message)
    longest = max(columns, key=len, default="")
    if len(longest) > limits.COLUMN_NAME_LENGTH_MAX:
        message = (
            f"{name}: line {line} names a column {shown(longest)}; "
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
        elif record is not None:
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
    try:
        size_bytes = os.fstat(file.fileno()).st_size
    except OSError:  # it is no file of its own but a part of another
        return lambda: None
    return lambda: min(file.tell() / size_bytes, 1.0) if size_bytes else 1.0
