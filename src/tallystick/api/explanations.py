"""`/api/v1/explanations`: mismatches that need no correction, explained or no longer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from tallystick.api.answers import explanations as answers
from tallystick.api.calls import ADMIN, accounts_of, struct_of, visible_to
from tallystick.api.operation import operation
from tallystick.clock import system_clock
from tallystick.core.explanations import note_of
from tallystick.core.identifiers import Iccid
from tallystick.core.moments import moment_of, parse_named
from tallystick.core.roles import Right, require_right
from tallystick.fleet import explanations
from tallystick.http.acts import records
from tallystick.http.gate import caller_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import tzinfo

    from falcon import Request, Response

    from tallystick.access import Caller
    from tallystick.core.moments import Moment
    from tallystick.store import Store
    from tallystick.store.listing import RowKey


class RowNamed(msgspec.Struct, forbid_unknown_fields=True):
    """A mismatch by its key: the SIM, the IMEI it was seen in, and when, as a report has them."""

    iccid: str
    imei: str
    activated_at: str


class Explaining(msgspec.Struct, forbid_unknown_fields=True):
    """The mismatches, what is said of them, and until when that holds.

    A ticket or a note is needed. Where `until` is absent or null, it holds until the SIM is seen in
    that hardware again.
    """

    rows: list[RowNamed]
    ticket: str = ""
    note: str = ""
    until: str | None = None


class Ending(msgspec.Struct, forbid_unknown_fields=True):
    """The mismatches whose explanations are taken back."""

    rows: list[RowNamed]


class Explained(msgspec.Struct):
    """How many mismatches were explained."""

    explained: int


class Ended(msgspec.Struct):
    """Of how many mismatches an explanation was taken back."""

    ended: int


class Explanations:
    """What is said of mismatches."""

    def __init__(self, store: Store) -> None:
        self._store = store

    @records("explanation.add")
    @operation(scope=ADMIN, body=Explaining, answer=Explained, for_users=True)
    def on_post(self, req: Request, resp: Response) -> None:
        """Explain mismatches, all of them or none; as a user with the role editor, or as an app."""
        caller, now = _allowed(req), system_clock()
        wanted = struct_of(req, Explaining)
        note = note_of(caller.name, now, wanted.ticket, wanted.note)
        until = _moment("until", wanted.until)
        keys = _keys(wanted.rows)
        with self._store.transaction(sims=explanations.sims_of(keys)) as writer:
            visible = accounts_of(writer, caller.user_id)
            count = explanations.explain(writer, keys, visible, note, until)
        resp.data = msgspec.json.encode(Explained(count))


class ExplanationsEnded:
    """What is said of mismatches no more."""

    def __init__(self, store: Store) -> None:
        self._store = store

    @records("explanation.end")
    @operation(scope=ADMIN, body=Ending, answer=Ended, for_users=True)
    def on_post(self, req: Request, resp: Response) -> None:
        """Take back what was said of mismatches; it stays on record."""
        caller = _allowed(req)
        keys = _keys(struct_of(req, Ending).rows)
        with self._store.transaction(sims=explanations.sims_of(keys)) as writer:
            visible = accounts_of(writer, caller.user_id)
            count = explanations.take_back(writer, keys, visible, caller.name, system_clock())
        resp.data = msgspec.json.encode(Ended(count))


class ExplanationsOfSim:
    """What was said of the mismatches of one SIM."""

    def __init__(self, store: Store, zone: tzinfo) -> None:
        self._store = store
        self._zone = zone

    @operation(scope=ADMIN, answer=answers.ExplanationList, for_users=True)
    def on_get(self, req: Request, resp: Response, iccid: str) -> None:
        """List what was ever said of a SIM's mismatches, ended or not."""
        asker = caller_of(req).user_id
        with self._store.snapshot() as reader:
            visible = visible_to(reader, asker)
            kept = explanations.said_of_sim(reader, Iccid.parse(iccid), visible)
        resp.data = msgspec.json.encode(answers.explanation_list(kept, self._zone))


def _allowed(req: Request) -> Caller:
    """Who calls: an app for itself, or a user who may explain. Raises `RoleRefused`."""
    caller = caller_of(req)
    if caller.role is not None:
        require_right(caller.role, Right.EXPLAIN)
    return caller


def _keys(rows: Sequence[RowNamed]) -> list[RowKey]:
    return [explanations.key_named(each.iccid, each.imei, each.activated_at) for each in rows]


def _moment(name: str, text: str | None) -> Moment | None:
    return None if text is None else moment_of(parse_named(name, text))
