"""From texts to facts: a whole block at once, and what is left of it value by value."""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import polars as pl

from tallystick.core.allowed import Allowed
from tallystick.core.moments import LAST, Moment
from tallystick.intake import fast_parse
from tallystick.intake.doubt_kinds import (
    EXAMPLES_MAX,
    NO_DOUBTS,
    DoubtName,
    Doubts,
    doubt_of,
    only,
)
from tallystick.intake.doubts import doubts_of_values
from tallystick.intake.prefetch import in_parallel
from tallystick.intake.receipt import Fault, Reject
from tallystick.intake.sorting import in_order
from tallystick.intake.sources import LINE
from tallystick.store import LISTED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tallystick.intake.kinds import Column, Kind
    from tallystick.intake.sources import Block, Source


# Blocks wait in memory, with all that is refused in them, for those before them.
BLOCKS_AT_ONCE_MAX = 4


class Checked(NamedTuple):
    """Facts as columns, named and ordered as the kind's, in the order of their lines.

    The refused lines. Lines count from 0 at the block's first; `lines` is how many it has. The
    doubts of what was taken in, as far as texts and values alone show them.
    """

    facts: pl.DataFrame
    rejects: list[Reject]
    lines: int
    doubts: Doubts = NO_DOUBTS


def check_source(source: Source, kind: Kind, now: Moment = LAST) -> Iterator[Checked]:
    """Check every block of a file, several at once.

    Facts come in order of SIM, rejects with their lines' numbers.
    """

    def work(read: Callable[[], Block]) -> Checked:
        checked = check(read(), kind)
        facts = in_order(checked.facts, kind.key)
        doubts = checked.doubts.and_also(doubts_of_values(kind, facts, now))
        return checked._replace(facts=facts, doubts=doubts)

    first = source.first_line
    works = (partial(work, read) for read in source.blocks)
    for checked in in_parallel(works, min(os.cpu_count() or 1, BLOCKS_AT_ONCE_MAX)):
        yield checked._replace(
            rejects=[reject._replace(line=first + reject.line) for reject in checked.rejects]
        )
        first += checked.lines


def check(block: Block, kind: Kind) -> Checked:
    """Check every value of a block; each row becomes a fact, or a reject with all its faults."""
    texts = block.frame
    if texts.is_empty():
        return Checked(pl.DataFrame(schema=_schema(kind)), block.rejects, block.lines)
    columns = [_column(texts, column) for column in kind.columns]
    facts = pl.DataFrame([values for values, _ in columns])
    if kind.may_list:
        facts = facts.with_columns(pl.lit(None, pl.String).alias(LISTED))
    sure = (
        pl.DataFrame([settled for _, settled in columns])
        .select(pl.all_horizontal(pl.all()))
        .to_series()
    )
    checked = (
        Checked(facts, block.rejects, block.lines)
        if sure.all()
        else _with_the_rest(block, kind, facts, sure)
    )
    return checked._replace(doubts=_doubts_of_texts(block, kind, checked.rejects))


def _doubts_of_texts(block: Block, kind: Kind, rejects: Sequence[Reject]) -> Doubts:
    """Doubts that the texts of the lines taken in show, and their values do not."""
    texts = block.frame
    moments = [column.name for column in kind.columns if column.recognise is fast_parse.moments]
    columns = [name for name in moments if name in texts.columns and _is_text(texts[name])]
    where = {name: fast_parse.without_zone(texts[name]) for name in columns}
    lacking = [name for name in columns if where[name].any()]
    if not lacking:
        return NO_DOUBTS
    refused = {reject.line for reject in rejects}
    taken = ~texts[LINE].is_in(pl.Series(sorted(refused), dtype=texts.schema[LINE]).implode())
    any_lacking = pl.DataFrame([where[name].rename(name) for name in lacking]).select(
        pl.any_horizontal(pl.all())
    )
    lines = any_lacking.to_series() & taken
    examples = [
        text
        for name in lacking
        for text in texts[name].filter(where[name] & taken).unique().bottom_k(EXAMPLES_MAX)
    ]
    return only({DoubtName.WITHOUT_ZONE: doubt_of(int(lines.sum()), examples)})


def _is_text(column: pl.Series) -> bool:
    return column.dtype == pl.String


def _column(texts: pl.DataFrame, column: Column) -> tuple[pl.Series, pl.Series]:
    """The recognised values of one column, and where they are settled."""
    dtype = column.dtype
    if column.name not in texts.columns:
        values = pl.Series(column.name, [column.default], dtype=dtype).new_from_index(0, len(texts))
        return values, pl.Series([True]).new_from_index(0, len(texts)).rename(column.name)
    text = texts[column.name]
    values = column.recognise(text).rename(column.name)
    settled = values.is_not_null()
    if not column.required and not settled.all():
        absent = (
            text.is_null() | (text == "").fill_null(value=False)
            if text.dtype == pl.String
            else text.is_null()
        )
        default = pl.Series([column.default], dtype=dtype)
        values, settled = default.zip_with(absent, values).rename(column.name), settled | absent
    return values, settled


def _with_the_rest(block: Block, kind: Kind, facts: pl.DataFrame, sure: pl.Series) -> Checked:
    """Parse what was not recognised, row by row, and put it in its place among the rest."""
    names = [name for name in block.frame.columns if name != LINE]
    rejects = list(block.rejects)
    lines: list[int] = []
    parsed: list[tuple[Any, ...]] = []
    unsure = block.frame.filter(~sure)
    texts = pl.DataFrame([fast_parse.texts(unsure[name]) for name in names])
    for line, row in zip(unsure[LINE], texts.iter_rows(), strict=True):
        values = dict(zip(names, row, strict=True))
        fact = kind.parse(values)
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
    return Checked(pl.concat([recognised, exact]).sort(LINE).drop(LINE), rejects, block.lines)


def _listed(fact: tuple[Any, ...]) -> str | None:
    """The text of an expectation's value that has several members."""
    value = fact[-1]
    return value.listed or None if isinstance(value, Allowed) else None


def _schema(kind: Kind) -> dict[str, type[pl.DataType]]:
    schema = {column.name: column.dtype for column in kind.columns}
    if kind.may_list:
        schema[LISTED] = pl.String
    return schema
