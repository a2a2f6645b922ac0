"""Rows of the report as a list for people: a page at a time, narrowed down, in some order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import polars as pl

from tallystick.core.choices import choice_or_none
from tallystick.core.errors import InvalidValue
from tallystick.core.explanations import RowState
from tallystick.core.identifiers import Tac, shown
from tallystick.core.reason_json import beginning_of, code_in
from tallystick.core.reasons import NARROWING, Cause, Code
from tallystick.report.answer import explained, scope_of
from tallystick.store.listing import OF_TIME, Narrowing, Order, key_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tallystick.core.identifiers import Iccid
    from tallystick.core.moments import Moment
    from tallystick.core.window import Window
    from tallystick.report.answer import Explained, Question
    from tallystick.store import Reader
    from tallystick.store.listing import Place, RowKey
    from tallystick.store.report import ExplainedRow, Scope


ROWS_AT_ONCE = 5_000  # of a list that is read to its end
DIGITS_MIN, DIGITS_MAX = 4, 20
PLACE_UNKNOWN = (
    "behind names no account of yours: it may have another name by now; begin at the list's first "
    "page"
)


@dataclass(frozen=True, slots=True)
class Filters:
    """What a list of rows is narrowed down by; None or empty: by nothing.

    `cause` is the guess from the SIM's own facts, `reason` one of these facts. `tac`,
    `manufacturer` and `model` are of the hardware that SIMs were seen in. `digits` stand anywhere
    in an ICCID, a phone number or an IMEI of the row. `state` is what is being done about a row.
    """

    cause: Cause | None = None
    reason: Code | None = None
    tac: Tac | None = None
    manufacturer: str = ""
    model: str = ""
    digits: str = ""
    state: RowState | None = None

    @property
    def is_empty(self) -> bool:
        """Whether nothing is left out."""
        return self == NO_FILTERS


NO_FILTERS = Filters()


class FilterTexts(NamedTuple):
    """Filters as they are typed; an empty text leaves nothing out."""

    cause: str = ""
    reason: str = ""
    state: str = ""
    tac: str = ""
    manufacturer: str = ""
    model: str = ""
    q: str = ""

    def parsed(self) -> Filters:
        """Read them. Raises `InvalidValue`."""
        return Filters(
            choice_or_none(Cause, "cause", self.cause),
            choice_or_none(NARROWING, "reason", self.reason),
            Tac.parse(self.tac) if self.tac else None,
            self.manufacturer,
            self.model,
            digits_of(self.q),
            choice_or_none(RowState, "state", self.state),
        )


@dataclass(frozen=True, slots=True)
class Lister:
    """Who asks for rows, when, and how they are printed.

    `visible` are the numbers, by name, of the accounts that the asker may see.
    """

    reader: Reader
    visible: Mapping[str, int]
    generations: tuple[str, ...]
    zone_name: str
    now: Moment


class Page(NamedTuple):
    """Some rows with their reasons, and the key of each.

    `behind` is the place to ask for those behind them with; None at the end.
    """

    rows: list[Explained]
    behind: Place | None
    keys: list[RowKey]


class Parts(NamedTuple):
    """How many rows a page has, the place behind them as of `Page`, and the rows in parts."""

    size: int
    behind: Place | None
    parts: Iterator[Page]


def digits_of(text: str) -> str:
    """Read digits to look for, four at least; blanks and hyphens within are left out.

    Raises `InvalidValue`.
    """
    digits = text.replace(" ", "").replace("-", "")
    is_number = not digits or (digits.isascii() and digits.isdigit())
    if not is_number or not (not digits or DIGITS_MIN <= len(digits) <= DIGITS_MAX):
        message = (
            f"search takes {DIGITS_MIN}-{DIGITS_MAX} digits of an ICCID, a phone number or an IMEI,"
            f" not {shown(text)}"
        )
        raise InvalidValue(message)
    return digits


def page(
    lister: Lister,
    question: Question,
    filters: Filters,
    behind: Place | None,
    at_most: int,
    *,
    order: Order,
) -> Page:
    """Give the next rows behind a place.

    Raises `NoAccounts`, `AccountNotFound`, `AccountRequired` or `GroupNotFound`, and `InvalidValue`
    where rows are in order of account and the place is in none that the asker sees.
    """
    asked = (question, filters, behind, at_most)
    listed = page_in_parts(lister, *asked, rows_a_part=at_most, order=order)
    only = next(listed.parts, Page([], None, []))
    return only._replace(behind=listed.behind)


def page_in_parts(
    lister: Lister,
    question: Question,
    filters: Filters,
    behind: Place | None,
    at_most: int,
    *,
    rows_a_part: int,
    order: Order,
) -> Parts:
    """The same rows in parts, whose reasons are looked up when each is taken. Raises the same."""
    scope = _scope(lister, question)
    if behind is not None and order is Order.ACCOUNT and behind.account not in lister.visible:
        raise InvalidValue(PLACE_UNKNOWN)
    listed = lister.reader.rows_listed(
        scope, question.window, _narrowing(lister, filters), behind, at_most, order
    )
    parts = (
        _page_of(lister, listed.rows[begin : begin + rows_a_part], question.window)
        for begin in range(0, len(listed.rows), rows_a_part)
    )
    return Parts(len(listed.rows), listed.end, parts)


def every_row(
    lister: Lister, question: Question, filters: Filters, *, order: Order
) -> Iterator[list[Explained]]:
    """All rows of the same list, many at a time. Raises the same, with the first of them."""
    if order not in OF_TIME:
        yield from _every_row_sorted(lister, question, filters, order)
        return
    behind: Place | None = None
    while True:
        part = page(lister, question, filters, behind, ROWS_AT_ONCE, order=order)
        yield part.rows
        behind = part.behind
        if behind is None:
            return


def _every_row_sorted(
    lister: Lister, question: Question, filters: Filters, order: Order
) -> Iterator[list[Explained]]:
    """The same in another order than that of time: the window is read once, for the keys.

    They take 32 bytes a row while the list is given. There is one part at least.
    """
    scope, narrowing = _scope(lister, question), _narrowing(lister, filters)
    unsorted = lister.reader.keys_listed(scope, question.window, narrowing)
    keys = _sorted_keys(unsorted, order, lister.visible)
    for begin in range(0, max(len(keys), 1), ROWS_AT_ONCE):
        wanted = keys[begin : begin + ROWS_AT_ONCE].rows()
        rows = {key_of(row): row for row in lister.reader.rows_named(wanted)}
        yield _explained(lister, [rows[key] for key in wanted], question.window)


def _sorted_keys(keys: pl.DataFrame, order: Order, visible: Mapping[str, int]) -> pl.DataFrame:
    """The keys of rows in one of the orders that are not of time, as columns of a `RowKey`."""
    if order is Order.ACCOUNT:
        names = pl.DataFrame({"account_id": [visible[name] for name in sorted(visible)]})
        keys = keys.join(names.with_row_index("name_rank"), on="account_id")
        first = "name_rank"
    else:
        first = "iccid" if order is Order.ICCID else "post_imei"
    in_order = keys.sort(first, "activated_at", "iccid", "post_imei")
    return in_order.select("activated_at", "iccid", "post_imei")


def keys_listed(lister: Lister, question: Question, filters: Filters, at_most: int) -> list[RowKey]:
    """Give the keys of a list's rows, the newest first, no more than are asked for.

    Raises what `page` raises.
    """
    listed = lister.reader.rows_listed(
        _scope(lister, question),
        question.window,
        _narrowing(lister, filters),
        None,
        at_most,
        Order.NEWEST,
    )
    return [key_of(row) for row in listed.rows]


def rows_of_sim(lister: Lister, iccid: Iccid, window: Window, at_most: int) -> Page:
    """The newest rows of one SIM in a window with their reasons, the newest first."""
    return _page_of(lister, lister.reader.rows_of_sim(iccid, window, at_most), window)


def rows_named(lister: Lister, keys: Sequence[RowKey], window: Window) -> Page:
    """Those of some rows that there are, with their reasons; the window is that of other SIMs."""
    return _page_of(lister, lister.reader.rows_named(keys), window)


def _scope(lister: Lister, question: Question) -> Scope:
    return scope_of(lister.reader, lister.visible, question, lister.generations)


def _page_of(lister: Lister, rows: list[ExplainedRow], window: Window) -> Page:
    return Page(_explained(lister, rows, window), None, [key_of(row) for row in rows])


def _explained(lister: Lister, rows: list[ExplainedRow], window: Window) -> list[Explained]:
    accounts = tuple(lister.visible.values())
    return explained(lister.reader, rows, accounts, window, lister.zone_name) if rows else []


def _narrowing(lister: Lister, filters: Filters) -> Narrowing:
    return Narrowing(
        None if filters.cause is None else beginning_of(filters.cause),
        None if filters.reason is None else code_in(filters.reason),
        _tacs(lister.reader, filters),
        filters.digits or None,
        filters.state,
        lister.now,
    )


def _tacs(reader: Reader, filters: Filters) -> tuple[int, ...] | None:
    """The types that rows are narrowed down to; None where all are wanted."""
    wanted = []
    if filters.tac is not None:
        wanted.append({int(filters.tac)})
    if filters.manufacturer:
        wanted.append(reader.tacs_of_manufacturer(filters.manufacturer))
    if filters.model:
        wanted.append(reader.tacs_of_model(filters.model))
    return tuple(sorted(set.intersection(*wanted))) if wanted else None
