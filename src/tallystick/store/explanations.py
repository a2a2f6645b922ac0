"""Explanations of rows: looked up by the rows' keys, put, and ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from tallystick.core.explanations import Explanation, Note
from tallystick.core.moments import Moment
from tallystick.store.connection import Asking

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from tallystick.core.identifiers import Iccid
    from tallystick.store.listing import RowKey


class StayedRow(NamedTuple):
    """A row that there is: the number of its account, and the last activation of its stay."""

    account_id: int
    last_seen_at: Moment


class KeptExplanation(NamedTuple):
    """An explanation of a row as it is kept; `ended_at` is None while nobody has ended it."""

    activated_at: int
    iccid: int
    post_imei: int
    explained_at: int
    explained_by: str
    ticket: str
    note: str
    holds_until: int | None
    seen_until: int
    ended_at: int | None = None
    ended_by: str = ""

    @property
    def row(self) -> RowKey:
        """The key of the row."""
        return self.activated_at, self.iccid, self.post_imei

    @property
    def explanation(self) -> Explanation:
        """What was said."""
        note = Note(self.explained_by, Moment(self.explained_at), self.ticket, self.note)
        until = None if self.holds_until is None else Moment(self.holds_until)
        return Explanation(note, until, Moment(self.seen_until))


class ExplanationQuestions(Asking):
    """What was said of rows."""

    def rows_to_explain(self, keys: Sequence[RowKey]) -> dict[RowKey, StayedRow]:
        """Those of some rows that there are."""
        return {
            (activated_at, iccid, post_imei): StayedRow(account_id, Moment(last_seen_at))
            for activated_at, iccid, post_imei, account_id, last_seen_at in self._of_rows(
                "rows_to_explain", keys
            )
        }

    def explanations_of_rows(
        self, keys: Sequence[RowKey]
    ) -> dict[RowKey, tuple[Explanation, Moment]]:
        """What was said of rows and not taken back, and the last activation of each row's stay."""
        explanations: dict[RowKey, tuple[Explanation, Moment]] = {}
        for *columns, last_seen_at in self._of_rows("explanations_of_rows", keys):
            kept = KeptExplanation(*columns)
            explanations[kept.row] = (kept.explanation, Moment(last_seen_at))
        return explanations

    def explanations_of_sim(self, iccid: Iccid, at_most: int) -> list[KeptExplanation]:
        """Everything that was said of the rows of a SIM, the newest row first."""
        rows = self._connection.rows("explanations_of_sim", iccid=iccid, at_most=at_most)
        return [KeptExplanation(*row) for row in rows]

    def proposed_among(self, iccids: Iterable[int]) -> set[int]:
        """Those of some SIMs about which nobody has decided yet.

        Expectations of them are proposed, or an undo of a change set that has changed theirs is.
        """
        sims = self._connection.set_of(iccids)
        proposed = set(self._numbers("proposed_among", iccids=sims))
        numbers = self.being_taken_back()
        if numbers:
            taken_back = self._connection.set_of(numbers)
            proposed.update(self._numbers("sims_put_in", iccids=sims, taken_back=taken_back))
            proposed.update(self._numbers("sims_ended_in", iccids=sims, taken_back=taken_back))
        return proposed

    def being_taken_back(self) -> list[int]:
        """The change sets that proposals would take back."""
        return self._numbers("being_taken_back")

    def _of_rows(self, query: str, keys: Sequence[RowKey]) -> list[tuple[Any, ...]]:
        return self._connection.rows_of_many(query, keys) if keys else []


class ExplanationChanges(ExplanationQuestions):
    """Explanations put and ended."""

    def put_explanations(self, explanations: Iterable[KeptExplanation]) -> None:
        """Keep explanations as they are; they do not end others."""
        self._connection.run_many("put_explanation", list(explanations))

    def end_explanations(self, keys: Collection[RowKey], by: str, at: Moment) -> int:
        """End what was said of rows; give of how many something was."""
        ended = [(at, by, iccid, activated_at, imei) for activated_at, iccid, imei in keys]
        return self._connection.run_many("end_explanation", ended)

    def forget_explanations(self, iccids: Collection[int]) -> None:
        """Forget whatever was said of the rows of SIMs."""
        self._connection.run("forget_explanations", iccids=self._connection.set_of(iccids))
