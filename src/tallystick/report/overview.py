"""The report at a glance: how many rows a window has, by day and cause, account and type."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from tallystick.core.days import beginnings, days_of
from tallystick.core.identifiers import Tac
from tallystick.core.reasons import Cause
from tallystick.report.answer import scope_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date, tzinfo

    from tallystick.report.answer import Question
    from tallystick.store import Reader

CAUSE_OF_BYTE = {ord(cause[0]): cause for cause in Cause}
"""The store tells a cause by the byte that its name begins with."""
LISTED_MAX = 8  # accounts and types that stand out


@dataclass(frozen=True, slots=True)
class CountedRows:
    """Rows of a window: of each day by cause, and of the accounts and types that have most.

    A cause is the guess from the SIM's own facts, as it is kept with the row. Days without rows are
    among `days`, with no causes.
    """

    total: int
    days: list[tuple[date, dict[Cause, int]]]
    causes: dict[Cause, int]
    accounts: list[tuple[str, int]]
    types: list[tuple[Tac, int]]


def counted_rows(
    reader: Reader,
    visible: Mapping[str, int],
    question: Question,
    generations: tuple[str, ...],
    zone: tzinfo,
) -> CountedRows:
    """Count the rows of accounts in a window: one pass over the window's rows.

    Groups and listed SIMs of the question are passed over. Raises `NoAccounts` or
    `AccountNotFound`.
    """
    scope = scope_of(reader, visible, question, generations)
    rows = reader.row_counts(scope, question.window)
    names = {number: name for name, number in visible.items()}
    days = days_of(question.window, zone)
    return CountedRows(
        len(rows),
        _by_day(rows, days, zone),
        {CAUSE_OF_BYTE.get(byte, Cause.UNCLEAR): count for byte, count in _most(rows, "cause")},
        [(names[number], count) for number, count in _most(rows, "account_id")[:LISTED_MAX]],
        [(Tac(number), count) for number, count in _most(rows, "tac")[:LISTED_MAX]],
    )


def _most(rows: pl.DataFrame, column: str) -> list[tuple[int, int]]:
    """The values of a column with their numbers of rows, those with most first."""
    counts = rows.group_by(column).len().sort(["len", column], descending=[True, False])
    return [(value, count) for value, count in counts.iter_rows()]


def _by_day(
    rows: pl.DataFrame, days: list[date], zone: tzinfo
) -> list[tuple[date, dict[Cause, int]]]:
    by_day: list[tuple[date, dict[Cause, int]]] = [(day, {}) for day in days]
    if days and len(rows):
        edges = pl.Series(beginnings(days, zone), dtype=pl.Int64)
        places = edges.search_sorted(rows["activated_at"], side="right") - 1
        counts = pl.DataFrame({"place": places, "cause": rows["cause"]}).group_by("place", "cause")
        for place, byte, count in counts.len().iter_rows():
            by_day[place][1][CAUSE_OF_BYTE.get(byte, Cause.UNCLEAR)] = count
    return by_day
