"""From texts to facts: a whole block at once, and what is left of it value by value."""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import polars as pl

from tallystick.core.allowed import Allowed
from tallystick.core.errors import FileRefused
from tallystick.core.moments import LAST, Moment, never_in
from tallystick.core.written_values import PLAIN
from tallystick.intake import fast_parse
from tallystick.intake.check_digits import checked_iccids
from tallystick.intake.doubt_kinds import EXAMPLES_MAX, NO_DOUBTS, DoubtName, Doubts, doubt_of, only
from tallystick.intake.doubts import (
    DoubtfulText,
    doubtful_texts,
    doubts_of_texts,
    doubts_of_values,
)
from tallystick.intake.kinds import kind_in
from tallystick.intake.prefetch import in_parallel
from tallystick.intake.receipt import Fault, Reject
from tallystick.intake.sorting import in_order
from tallystick.intake.sources import LINE
from tallystick.store import LISTED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from tallystick.core.written_values import Conventions
    from tallystick.intake.columns import Column
    from tallystick.intake.kinds import Kind
    from tallystick.intake.sources import Block, Source


# Blocks wait in memory, with all that is refused in them, for those before them.
BLOCKS_AT_ONCE_MAX = 4
KNOWN_MIN = 2
"""Of the values in a line that is left out, so many have to be names that are known."""


class Checked(NamedTuple):
    """Facts as columns, named and ordered as the kind's, in the order of their lines.

    The refused lines. Lines count from 0 at the block's first; `lines` is how many it has. The
    doubts that the texts of the lines taken in show; `check_source` adds those of the values.
    `wordy` are lines left out that may name columns.
    """

    facts: pl.DataFrame
    rejects: list[Reject]
    lines: int
    doubts: Doubts = NO_DOUBTS
    wordy: Sequence[Reject] = ()


def check_source(source: Source, kind: Kind, now: Moment = LAST) -> Iterator[Checked]:
    """Check every block of a file, several at once.

    Facts come in order of SIM, rejects with their lines' numbers. The source's notes are kept.
    """
    kind = kind_in(kind, source)

    def work(read: Callable[[], Block]) -> tuple[Checked, int]:
        block = read()
        checked = check(block, kind, source.conventions)
        facts = in_order(checked.facts, kind.key)
        doubts = checked.doubts.and_also(doubts_of_values(kind, facts, now))
        checked = checked._replace(facts=facts, doubts=doubts, wordy=block.wordy)
        return checked, block.left_out

    first = source.first_line
    works = (partial(work, read) for read in source.blocks)
    for checked, left_out in in_parallel(works, min(os.cpu_count() or 1, BLOCKS_AT_ONCE_MAX)):
        source.notes.left_out += left_out
        rejects = numbered(checked.rejects, first)
        refuse_other_header(source, [*rejects, *numbered(checked.wordy, first)])
        yield checked._replace(rejects=rejects)
        first += checked.lines


def numbered(rejects: Iterable[Reject], first: int) -> list[Reject]:
    """Rejects of a block with the numbers that their lines have in the file."""
    return [reject._replace(line=first + reject.line) for reject in rejects]


def refuse_other_header(source: Source, rejects: Iterable[Reject]) -> None:
    """Refuse a file in which such lines name other columns, or its own in another order.

    Values behind them would be taken for others. In a line without a fault, which is left out, one
    such name may be a value. Raises `FileRefused`.
    """
    for reject in rejects:
        known_min = 1 if reject.faults else KNOWN_MIN
        if source.is_other_header(reject.values, known_min):
            message = (
                f"{source.name}: line {reject.line} names other columns than those that are read, "
                "or has them in another order, as where files were put together: the lines behind "
                "it cannot be read. Make a file of each table"
            )
            raise FileRefused(message)


def check(block: Block, kind: Kind, conventions: Conventions = PLAIN) -> Checked:
    """Check every value of a block; each row becomes a fact, or a reject with all its faults."""
    texts = block.frame
    if texts.is_empty():
        return Checked(pl.DataFrame(schema=_schema(kind)), block.rejects, block.lines)
    columns = [
        _column(texts, column, conventions)
        for column in kind.columns
        if _is_in(texts, column, kind)
    ]
    facts = pl.DataFrame([each.values for each in columns])
    settled = pl.DataFrame([each.settled for each in columns])
    if kind.one_of:
        named = pl.any_horizontal(
            pl.col(name).is_not_null() for name in kind.one_of if name in facts.columns
        )
        settled = settled.with_columns(facts.select(named.alias(LINE)))
    if kind.gather:
        facts = kind.gather(facts)
    if kind.may_list:
        facts = facts.with_columns(pl.lit(None, pl.String).alias(LISTED))
    sure = settled.select(pl.all_horizontal(pl.all())).to_series()
    doubts = _doubts_of_recognised(texts, columns, sure)
    if sure.all():
        return Checked(facts, block.rejects, block.lines, doubts)
    checked = _with_the_rest(block, kind, facts, sure, conventions)
    return checked._replace(doubts=doubts.and_also(checked.doubts))


def _doubts_of_recognised(
    texts: pl.DataFrame, columns: Sequence[_Column], sure: pl.Series
) -> Doubts:
    """Doubts of lines that were recognised at once: moments without a zone.

    A kind has at most one column of moments.
    """
    for column in columns:
        if column.without_zone is not None and column.without_zone.any():
            lacking = texts[column.values.name].filter(column.without_zone & sure)
            first = fast_parse.texts(lacking.unique().bottom_k(EXAMPLES_MAX))
            return only({DoubtName.WITHOUT_ZONE: doubt_of(len(lacking), first)})
    return NO_DOUBTS


def _is_in(texts: pl.DataFrame, column: Column, kind: Kind) -> bool:
    """Whether a column is to be looked at.

    What a kind gathers needs only the columns in which there is something.
    """
    if not kind.gather or column.name == kind.one_of[0] or column.required:
        return True
    return column.name in texts.columns and texts[column.name].null_count() < len(texts)


class _Column(NamedTuple):
    """The recognised values of one column, and where they are settled.

    `without_zone` is where they are moments whose zone had to be guessed.
    """

    values: pl.Series
    settled: pl.Series
    without_zone: pl.Series | None = None


def _column(texts: pl.DataFrame, column: Column, conventions: Conventions) -> _Column:
    dtype = column.dtype
    if column.name not in texts.columns:
        values = pl.Series(column.name, [column.default], dtype=dtype).new_from_index(0, len(texts))
        return _Column(values, pl.Series(column.name, [True]).new_from_index(0, len(texts)))
    text = texts[column.name]
    values, without_zone = _recognised(text, column, conventions)
    settled = values.is_not_null()
    if not column.required and not settled.all():
        absent = (
            text.is_null() | (text == "").fill_null(value=False)
            if text.dtype == pl.String
            else text.is_null()
        )
        if not column.is_text and not (settled | absent).all():
            absent |= fast_parse.absent(text)
        default = pl.Series([column.default], dtype=dtype)
        values, settled = default.zip_with(absent, values).rename(column.name), settled | absent
    return _Column(values, settled, without_zone)


def _recognised(
    text: pl.Series, column: Column, conventions: Conventions
) -> tuple[pl.Series, pl.Series | None]:
    """The values of a column that are read at once, and which moments name no zone."""
    if column.is_moment:
        moments = fast_parse.moments_by(text, conventions)
        values = moments.values.rename(column.name)
        if column.may_say_never:
            never = values.is_in(sorted(never_in(conventions.zone)))
            values = values.set(never.fill_null(value=False), None)
        return values, moments.without_zone
    values = column.recognise(text)
    if not column.is_text and values.null_count() > text.null_count():
        again = column.recognise(fast_parse.tidied(text.set(values.is_not_null(), None)))
        values = values.zip_with(values.is_not_null(), again)
    if column.recognise is fast_parse.iccids and conventions.check_digit != "keep":
        values = checked_iccids(values, conventions.check_digit)
    return values.rename(column.name), None


def _with_the_rest(
    block: Block, kind: Kind, facts: pl.DataFrame, sure: pl.Series, conventions: Conventions
) -> Checked:
    """Parse what was not recognised, row by row, and put it in its place among the rest."""
    names = [name for name in block.frame.columns if name != LINE]
    rejects = list(block.rejects)
    lines: list[int] = []
    parsed: list[tuple[Any, ...]] = []
    unsure = block.frame.filter(~sure)
    doubtful: list[DoubtfulText] = []
    texts = pl.DataFrame([fast_parse.texts(unsure[name]) for name in names])
    for line, row in zip(unsure[LINE], texts.iter_rows(), strict=True):
        values = dict(zip(names, row, strict=True))
        fact = kind.parse(values, conventions)
        if isinstance(fact, kind.fact):
            lines.append(line)
            parsed.append((*fact, _listed(fact)) if kind.may_list else fact)
            doubtful += doubtful_texts(kind, fact, values, conventions)
        else:
            faults = tuple(fault for fault in fact if isinstance(fault, Fault))
            rejects.append(Reject(line, faults, tuple(text or "" for text in row)))
    rejects.sort()
    recognised = facts.with_columns(block.frame[LINE]).filter(sure)
    exact = pl.DataFrame(parsed, schema=_schema(kind), orient="row").with_columns(
        pl.Series(LINE, lines, dtype=recognised.schema[LINE])
    )
    merged = pl.concat([recognised, exact]).sort(LINE).drop(LINE)
    return Checked(merged, rejects, block.lines, doubts_of_texts(doubtful))


def _listed(fact: tuple[Any, ...]) -> str | None:
    """The text of an expectation's value that has several members."""
    value = fact[-1]
    return value.listed or None if isinstance(value, Allowed) else None


def _schema(kind: Kind) -> dict[str, type[pl.DataType]]:
    schema = dict(kind.fact_columns)
    if kind.may_list:
        schema[LISTED] = pl.String
    return schema
