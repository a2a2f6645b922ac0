"""`/api/v1/change-sets`: what changed expectations, decided about and taken back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from tallystick.api.answers import change_sets as answers
from tallystick.api.calls import ADMIN, AT_MOST, NOTES, at_most_in, before_in, origin_of
from tallystick.api.operation import operation
from tallystick.clock import system_clock
from tallystick.core.approval import Decider
from tallystick.core.ledger import STATES, parse_number, parse_state
from tallystick.fleet import ledger
from tallystick.http.acts import records
from tallystick.http.gate import caller_of
from tallystick.intake import Receipt

if TYPE_CHECKING:
    from datetime import tzinfo

    from falcon import Request, Response

    from tallystick.store import Store

LISTING = {
    "before": "only those that came before the one of this number",
    **AT_MOST,
    "state": f"only those that are {', '.join(STATES)}",
}


class ChangeSetList(msgspec.Struct):
    """Change sets, the last first."""

    change_sets: list[dict[str, Any]]


class ChangeSets:
    """All of them."""

    def __init__(self, store: Store, zone: tzinfo) -> None:
        self._store = store
        self._zone = zone

    @operation(scope=ADMIN, answer=ChangeSetList, query=LISTING)
    def on_get(self, req: Request, resp: Response) -> None:
        """List change sets that came before one, the last first.

        Only those in a state, if one is named.
        """
        before = before_in(req)
        at_most = at_most_in(req)
        with self._store.snapshot() as reader:
            change_sets = reader.change_sets(before, at_most, parse_state(req.get_param("state")))
        resp.data = msgspec.json.encode(
            ChangeSetList([answers.change_set_answer(each, self._zone) for each in change_sets])
        )


class OneChangeSet:
    """One of them."""

    def __init__(self, store: Store, zone: tzinfo) -> None:
        self._store = store
        self._zone = zone

    @operation(scope=ADMIN, answer=dict[str, Any], query=AT_MOST)
    def on_get(self, req: Request, resp: Response, number: str) -> None:
        """Tell of a change set, and what it did or would do to each expectation."""
        at_most = at_most_in(req)
        with self._store.snapshot() as reader:
            change_set = ledger.change_set(reader, parse_number(number))
            changes, in_all = ledger.changes_in(reader, change_set, at_most)
        resp.data = msgspec.json.encode(
            answers.change_set_with_changes(change_set, changes, in_all, self._zone)
        )


class _Decision:
    """What is done about one of them."""

    def __init__(self, store: Store, zone: tzinfo) -> None:
        self._store = store
        self._zone = zone

    def _described(self, number: int) -> bytes:
        with self._store.snapshot() as reader:
            change_set = ledger.change_set(reader, number)
        return msgspec.json.encode(answers.change_set_answer(change_set, self._zone))


class Approval(_Decision):
    """A proposal is put in force."""

    @operation(scope=ADMIN, answer=dict[str, Any])
    @records("change-set.approve")
    def on_post(self, req: Request, resp: Response, number: str) -> None:
        """Put a proposal in force, as another app; the answer is the receipt."""
        by = Decider(caller_of(req).name)
        taken = ledger.approve(self._store, parse_number(number), by, system_clock())
        receipt = Receipt(taken.accepted, taken.duplicate)
        resp.data = msgspec.json.encode(receipt.described("index") | {"change_set_id": int(number)})


class Rejection(_Decision):
    """A proposal is dropped."""

    @operation(scope=ADMIN, answer=dict[str, Any])
    @records("change-set.reject")
    def on_post(self, req: Request, resp: Response, number: str) -> None:
        """Withdraw a proposal of one's own, or reject that of another app."""
        by = Decider(caller_of(req).name)
        ledger.reject(self._store, parse_number(number), by, system_clock())
        resp.data = self._described(int(number))


class Undoing(_Decision):
    """A change set is taken back."""

    @operation(scope=ADMIN, answer=dict[str, Any], query=NOTES)
    @records("change-set.undo")
    def on_post(self, req: Request, resp: Response, number: str) -> None:
        """Take a change set back; the answer is the one that does so.

        It is only proposed where an account of its SIMs asks for approval.
        """
        origin = origin_of(req)
        resp.data = self._described(ledger.undo(self._store, parse_number(number), origin))
