"""Rows of the kept answer as people look at them.

A page at a time, narrowed down, and counted. And the newest facts of one SIM. Each question reads
the window's rows at most, or so many facts as it says.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tallystick.core.allowed import Allowed
from tallystick.core.identifiers import Imei
from tallystick.core.moments import BEGINNING, Moment
from tallystick.core.pairing import Activation, Expectation
from tallystick.store.connection import Asking

if TYPE_CHECKING:
    from collections.abc import Sequence

    import polars as pl

    from tallystick.core.explanations import RowState
    from tallystick.core.identifiers import Iccid
    from tallystick.core.window import Window
    from tallystick.store.report import ExplainedRow, Scope

ROWS_A_QUERY = 1_000
BEFORE_ALL_ROWS = (-(1 << 62), -1, -1)
BEHIND_ALL_ROWS = (1 << 62, -1, -1)

RowKey = tuple[int, int, int]
"""A row's moment, SIM and hardware: its place in the report's order."""


def key_of(row: ExplainedRow) -> RowKey:
    """The place of a row in the report's order."""
    _, _, iccid, post_imei, _, activated_at = row
    return activated_at, iccid, post_imei


class Narrowing(NamedTuple):
    """What narrows a list of rows down; what is None does not.

    `cause` is what a row's reasons begin with, `tacs` are the types of the hardware that SIMs were
    seen in, `digits` stand anywhere in the ICCID, the phone number or one of the IMEIs. `state` is
    what is being done about a row, at the moment `now`.
    """

    cause: bytes | None = None
    tacs: tuple[int, ...] | None = None
    digits: str | None = None
    state: RowState | None = None
    now: Moment = BEGINNING


EVERY_ROW = Narrowing()


class ListingQuestions(Asking):
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
        after: RowKey | None,
        at_most: int,
        *,
        newest_first: bool,
    ) -> list[ExplainedRow]:
        """The next rows in the report's order, or against it, behind one row.

        Few are asked for at a time: an engine that sorts rows of several accounts puts each row
        in its place among those that it has.
        """
        rows: list[ExplainedRow] = []
        while len(rows) < at_most:
            wanted = min(ROWS_A_QUERY, at_most - len(rows))
            next_rows = self._rows_listed(
                scope, window, narrowing, after, wanted, newest_first=newest_first
            )
            rows += next_rows
            if len(next_rows) < wanted:
                break
            after = key_of(rows[-1])
        return rows

    def _rows_listed(
        self,
        scope: Scope,
        window: Window,
        narrowing: Narrowing,
        after: RowKey | None,
        at_most: int,
        *,
        newest_first: bool,
    ) -> list[ExplainedRow]:
        edge = BEHIND_ALL_ROWS if newest_first else BEFORE_ALL_ROWS
        activated_at, iccid, post_imei = after or edge
        # The bound beside the key's lets an engine begin there.
        earliest, latest = window.earliest, window.latest
        if newest_first:
            latest = Moment(min(latest, activated_at + 1))
        else:
            earliest = Moment(max(earliest, activated_at - 1))
        rows = self._connection.rows(
            "rows_listed_from_newest" if newest_first else "rows_listed_from_oldest",
            account_ids=self._connection.set_of(scope.account_ids),
            generations=self._connection.set_of(scope.generations),
            earliest=earliest,
            latest=latest,
            activated_at=activated_at,
            iccid=iccid,
            post_imei=post_imei,
            at_most=at_most,
            **self._filters(scope, narrowing),
        )
        return list(rows)

    def _filters(self, scope: Scope, narrowing: Narrowing) -> dict[str, object]:
        digits = narrowing.digits or ""
        may_be_proposed = may_be_explained = False
        if narrowing.state is not None:
            may_be_proposed, may_be_explained = self._connection.row("states_there_are") or (1, 1)
        return {
            "has_cause": int(narrowing.cause is not None),
            "cause": narrowing.cause or b"",
            "cause_byte": (narrowing.cause or bytes(11))[10],
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
