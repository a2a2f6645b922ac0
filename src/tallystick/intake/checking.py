"""From texts to facts: a whole block at once, and what is left of it value by value."""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import polars as pl

from tallystick.core.allowed import Allowed
from tallystick.core.written_values import PLAIN, is_without_zone, unwrapped
from tallystick.intake import fast_parse
from tallystick.intake.prefetch import in_parallel
from tallystick.intake.receipt import Fault, Reject
from tallystick.intake.sorting import in_order
from tallystick.intake.sources import LINE
from tallystick.store import LISTED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tallystick.core.written_values import Conventions
    from tallystick.intake.kinds import Column, Kind
    from tallystick.intake.sources import Block, Source


# Blocks wait in memory, with all that is refused in them, for those before them.
BLOCKS_AT_ONCE_MAX = 4


class Checked(NamedTuple):
    """Facts as columns, named and ordered as the kind's, in the order of their lines.

    The refused lines. Lines count from 0 at the block's first; `lines` is how many it has.
    `without_zone` counts moments that name a time of day and no zone.
    """

    facts: pl.DataFrame
    rejects: list[Reject]
    lines: int
    without_zone: int = 0


def check_source(source: Source, kind: Kind) -> Iterator[Checked]:
    """Check every block of a file, several at once.

    Facts come in order of SIM, rejects with their lines' numbers. The source's notes are kept.
    """

    def work(read: Callable[[], Block]) -> tuple[Checked, int]:
        block = read()
        checked = check(block, kind, source.conventions)
        return checked._replace(facts=in_order(checked.facts, kind.key)), block.left_out

    first = source.first_line
    works = (partial(work, read) for read in source.blocks)
    for checked, left_out in in_parallel(works, min(os.cpu_count() or 1, BLOCKS_AT_ONCE_MAX)):
        source.notes.without_zone += checked.without_zone
        source.notes.left_out += left_out
        yield checked._replace(
            rejects=[reject._replace(line=first + reject.line) for reject in checked.rejects]
        )
        first += checked.lines


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
    without_zone = sum(each.without_zone for each in columns)
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
    if sure.all():
        return Checked(facts, block.rejects, block.lines, without_zone)
    checked = _with_the_rest(block, kind, facts, sure, conventions)
    return checked._replace(without_zone=checked.without_zone + without_zone)


def _is_in(texts: pl.DataFrame, column: Column, kind: Kind) -> bool:
    """Whether a column is to be looked at.

    What a kind gathers needs only the columns in which there is something.
    """
    if not kind.gather or column.name == kind.one_of[0] or column.required:
        return True
    return column.name in texts.columns and texts[column.name].null_count() < len(texts)


class _Column(NamedTuple):
    """The recognised values of one column, and where they are settled."""

    values: pl.Series
    settled: pl.Series
    without_zone: int = 0


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
        default = pl.Series([column.default], dtype=dtype)
        values, settled = default.zip_with(absent, values).rename(column.name), settled | absent
    return _Column(values, settled, without_zone)


def _recognised(text: pl.Series, column: Column, conventions: Conventions) -> tuple[pl.Series, int]:
    """The values of a column that are read at once, and how many moments name no zone."""
    if column.is_moment:
        moments = fast_parse.moments_by(text, conventions)
        return moments.values.rename(column.name), moments.without_zone
    values = column.recognise(text)
    if not column.is_text and values.null_count() > text.null_count():
        again = column.recognise(fast_parse.tidied(text.set(values.is_not_null(), None)))
        values = values.zip_with(values.is_not_null(), again)
    if column.recognise is fast_parse.iccids and conventions.check_digit != "keep":
        values = fast_parse.checked_iccids(values, conventions.check_digit)
    return values.rename(column.name), 0


def _with_the_rest(
    block: Block, kind: Kind, facts: pl.DataFrame, sure: pl.Series, conventions: Conventions
) -> Checked:
    """Parse what was not recognised, row by row, and put it in its place among the rest."""
    names = [name for name in block.frame.columns if name != LINE]
    rejects = list(block.rejects)
    lines: list[int] = []
    parsed: list[tuple[Any, ...]] = []
    unsure = block.frame.filter(~sure)
    unread = facts.filter(~sure)
    without_zone = sum(
        is_without_zone(unwrapped(text or ""), conventions)
        for column in kind.columns
        if column.is_moment and column.name in names
        for text in fast_parse.texts(unsure[column.name].filter(unread[column.name].is_null()))
    )
    texts = pl.DataFrame([fast_parse.texts(unsure[name]) for name in names])
    for line, row in zip(unsure[LINE], texts.iter_rows(), strict=True):
        values = dict(zip(names, row, strict=True))
        fact = kind.parse(values, conventions)
        if isinstance(fact, kind.fact):
            lines.append(line)
            parsed.append((*fact, _listed(fact)) if kind.may_list else fact)
        else:
            faults = tuple(fault for fault in fact if isinstance(fault, Fault))
            rejects.append(Reject(line, faults, tuple(text or "" for text in row)))
    rejects.sort()
    recognised = facts.with_columns(block.frame[LINE]).filter(sure)
    exact = pl.DataFrame(parsed, schema=_schema(kind), orient="row").with_columns(
        pl.Series(LINE, lines, dtype=recognised.schema[LINE])
    )
    merged = pl.concat([recognised, exact]).sort(LINE).drop(LINE)
    return Checked(merged, rejects, block.lines, without_zone)


def _listed(fact: tuple[Any, ...]) -> str | None:
    """The text of an expectation's value that has several members."""
    value = fact[-1]
    return value.listed or None if isinstance(value, Allowed) else None


def _schema(kind: Kind) -> dict[str, type[pl.DataType]]:
    schema = dict(kind.fact_columns)
    if kind.may_list:
        schema[LISTED] = pl.String
    return schema
