"""Rows of the kept answer as people look at them, and the newest facts of one SIM.

Rows come a page at a time, are narrowed down, and are counted. Each question reads the window's
rows at most, or so many facts as it says.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple

from tallystick.core.allowed import Allowed
from tallystick.core.identifiers import Imei
from tallystick.core.moments import BEGINNING, Moment
from tallystick.core.pairing import Activation, Expectation
from tallystick.store.explanations import ExplanationQuestions

if TYPE_CHECKING:
    from collections.abc import Sequence

    import polars as pl

    from tallystick.core.explanations import RowState
    from tallystick.core.identifiers import Iccid
    from tallystick.core.window import Window
    from tallystick.store.report import ExplainedRow, Scope

ROWS_A_QUERY = 1_000  # in order of time, where each query begins at the last row of the one before
BEFORE_ALL_ROWS = (-(1 << 62), -1, -1)
BEHIND_ALL_ROWS = (1 << 62, -1, -1)


class Order(StrEnum):
    """What rows are listed in order of."""

    NEWEST = "newest"
    OLDEST = "oldest"
    ICCID = "iccid"
    """Of the SIM, and in order of time within."""
    ACCOUNT = "account"
    """Of the account's name, and in order of time within."""
    IMEI = "imei"
    """Of the hardware that the SIM was seen in, and in order of time within."""


OF_TIME = (Order.NEWEST, Order.OLDEST)
"""Those in which a page need not look at the whole window."""
ROWS_IN_ORDER = {
    Order.NEWEST: "rows_listed_from_newest",
    Order.OLDEST: "rows_listed_from_oldest",
    Order.ICCID: "rows_listed_by_iccid",
    Order.ACCOUNT: "rows_listed_by_account",
    Order.IMEI: "rows_listed_by_imei",
}
"""The query that gives rows in each order."""
RowKey = tuple[int, int, int]
"""A row's moment, SIM and hardware: its place in the report's order."""


class Place(NamedTuple):
    """Where a page of a list ends: the key of its last row.

    In order of account also the name of its account; else that is empty.
    """

    key: RowKey
    account: str = ""


class RowsListed(NamedTuple):
    """Some rows of a list, and their end if there are more behind it."""

    rows: list[ExplainedRow]
    end: Place | None


def key_of(row: ExplainedRow) -> RowKey:
    """The place of a row in the report's order."""
    _, _, iccid, post_imei, _, activated_at = row
    return activated_at, iccid, post_imei


class Narrowing(NamedTuple):
    """What narrows a list of rows down; what is None does not.

    `cause` is what a row's reasons begin with, `reason` is what stands in them, `tacs` are the
    types of the hardware that SIMs were seen in, `digits` stand anywhere in the ICCID, the phone
    number or one of the IMEIs. `state` is what is being done about a row, at the moment `now`.
    """

    cause: bytes | None = None
    reason: bytes | None = None
    tacs: tuple[int, ...] | None = None
    digits: str | None = None
    state: RowState | None = None
    now: Moment = BEGINNING


class ListingQuestions(ExplanationQuestions):
    """Rows listed and counted, and the newest facts of one SIM."""

    def row_counts(self, scope: Scope, window: Window) -> pl.DataFrame:
        """`activated_at`, `account_id`, `tac` and `cause` of every row of accounts in the window.

        `cause` is the byte that the name of the cause begins with.
        """
        return self._connection.frame(
            "row_counts",
            account_ids=self._connection.set_of(scope.account_ids),
            generations=self._connection.set_of(scope.generations),
            earliest=window.earliest,
            latest=window.latest,
        )

    def rows_listed(
        self,
        scope: Scope,
        window: Window,
        narrowing: Narrowing,
        behind: Place | None,
        at_most: int,
        order: Order,
    ) -> RowsListed:
        """The next rows behind a place in some order.

        In order of time few are asked for at a time: an engine that sorts rows of several accounts
        puts each row in its place among those that it has. Any other order looks at the whole
        window with each query, and so it is asked once.
        """
        rows: list[ExplainedRow] = []
        names: list[str] = []
        while len(rows) <= at_most:
            wanted = at_most + 1 - len(rows)
            if order in OF_TIME:
                wanted = min(ROWS_A_QUERY, wanted)
            next_rows = self._rows_listed(scope, window, narrowing, behind, wanted, order)
            if order is Order.ACCOUNT:
                names = [row[-1] for row in next_rows]
                next_rows = [row[:-1] for row in next_rows]
            rows += next_rows
            if len(next_rows) < wanted:
                return RowsListed(rows, None)
            behind = Place(key_of(rows[-1]))
        rows.pop()
        return RowsListed(rows, Place(key_of(rows[-1]), names[at_most - 1] if names else ""))

    def _rows_listed(
        self,
        scope: Scope,
        window: Window,
        narrowing: Narrowing,
        behind: Place | None,
        at_most: int,
        order: Order,
    ) -> list[Any]:
        edge = BEHIND_ALL_ROWS if order is Order.NEWEST else BEFORE_ALL_ROWS
        (activated_at, iccid, post_imei), account = behind or Place(edge)
        # The bound beside the key's lets an engine begin there.
        earliest, latest = window.earliest, window.latest
        if order is Order.NEWEST:
            latest = Moment(min(latest, activated_at + 1))
        elif order is Order.OLDEST:
            earliest = Moment(max(earliest, activated_at - 1))
        by_account = {"account": account} if order is Order.ACCOUNT else {}
        rows = self._connection.rows(
            ROWS_IN_ORDER[order],
            earliest=earliest,
            latest=latest,
            activated_at=activated_at,
            iccid=iccid,
            post_imei=post_imei,
            at_most=at_most,
            **by_account,
            **self._filters(scope, narrowing),
        )
        return list(rows)

    def keys_listed(self, scope: Scope, window: Window, narrowing: Narrowing) -> pl.DataFrame:
        """`account_id`, `activated_at`, `iccid` and `post_imei` of all rows, in no order."""
        return self._connection.frame(
            "keys_listed",
            earliest=window.earliest,
            latest=window.latest,
            **self._filters(scope, narrowing),
        )

    def _filters(self, scope: Scope, narrowing: Narrowing) -> dict[str, object]:
        digits = narrowing.digits or ""
        may_be_proposed = may_be_explained = False
        taken_back: list[int] = []
        if narrowing.state is not None:
            may_be_proposed, may_be_explained = self._connection.row("states_there_are") or (1, 1)
            taken_back = self.being_taken_back()
        return {
            "account_ids": self._connection.set_of(scope.account_ids),
            "generations": self._connection.set_of(scope.generations),
            "has_cause": int(narrowing.cause is not None),
            "cause": narrowing.cause or b"",
            "cause_byte": (narrowing.cause or bytes(11))[10],
            "has_reason": int(narrowing.reason is not None),
            "reason": narrowing.reason or b"",
            "has_tacs": int(narrowing.tacs is not None),
            "tacs": self._connection.set_of(narrowing.tacs or ()),
            "has_group": int(scope.group_id is not None),
            "group_id": scope.group_id or 0,
            "is_unassigned": int(scope.grouped and scope.group_id is None),
            "has_digits": int(bool(digits)),
            "digits": digits.encode(),
            "pattern": f"%{digits}%",
            "state": str(narrowing.state or ""),
            "may_be_proposed": int(may_be_proposed),
            "may_be_taken_back": int(bool(taken_back)),
            "taken_back": self._connection.set_of(taken_back),
            "may_be_explained": int(may_be_explained),
            "now": narrowing.now,
        }

    def rows_of_sim(self, iccid: Iccid, window: Window, at_most: int) -> list[ExplainedRow]:
        """The newest rows of one SIM in the window, the newest first."""
        rows = self._connection.rows(
            "rows_of_sim",
            iccid=iccid,
            earliest=window.earliest,
            latest=window.latest,
            at_most=at_most,
        )
        return list(rows)

    def rows_named(self, keys: Sequence[RowKey]) -> list[ExplainedRow]:
        """Those of some rows that there are, in the order of their keys."""
        rows = self._connection.rows_of_many("rows_named", keys) if keys else []
        return sorted(rows, key=key_of)

    def newest_activations(self, iccid: Iccid, window: Window, at_most: int) -> list[Activation]:
        """Where a SIM was seen in the window, the newest first."""
        rows = self._connection.rows(
            "newest_activations",
            iccid=iccid,
            earliest=window.earliest,
            latest=window.latest,
            at_most=at_most,
        )
        return [Activation(Moment(activated_at), Imei(imei)) for activated_at, imei in rows]

    def newest_expectations(self, iccid: Iccid, latest: Moment, at_most: int) -> list[Expectation]:
        """Where a SIM was expected before a moment, the newest first."""
        rows = self._connection.rows(
            "newest_expectations", iccid=iccid, latest=latest, at_most=at_most
        )
        return [_expectation(*row) for row in rows]

    def first_expectation(self, iccid: Iccid) -> Expectation | None:
        """Where a SIM was expected first."""
        row = self._connection.row("first_expectation", iccid=iccid)
        return None if row is None else _expectation(*row)

    def count_of_values(self, iccid: Iccid, at_most: int) -> int:
        """How many values expectations of a SIM ever had, counted no further than `at_most`."""
        return self._value(int, "count_of_values", iccid=iccid, at_most=at_most) or 0

    def bounds_of_account(self, account_id: int) -> tuple[int, int] | None:
        """The first and the last SIM of an account; None where it has none."""
        row = self._connection.row("bounds_of_account", account_id=account_id)
        return None if row is None or row[0] is None else (row[0], row[1])

    def some_sims_of_account(self, account_id: int, first: int, at_most: int) -> Sequence[int]:
        """The SIMs of an account from one on, in order."""
        return self._numbers(
            "some_sims_of_account", account_id=account_id, first=first, at_most=at_most
        )


def _expectation(effective_from: int, value: int, members: str | None) -> Expectation:
    return Expectation(Moment(effective_from), Allowed.read(value, members))
