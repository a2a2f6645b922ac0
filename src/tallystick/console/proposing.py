"""What the forms that propose a correction share: what they say, its trial, and how it is done."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tallystick.console.changes import decider_of
from tallystick.core.approval import may_apply_at_once
from tallystick.core.choices import choice_or_none
from tallystick.core.correcting import Place, Since
from tallystick.fleet import ledger, review
from tallystick.http.gate import caller_of
from tallystick.intake import KINDS, CheckedItems, propose_facts, try_facts
from tallystick.store.acting import name_deed

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from falcon import Request

    from tallystick.console.forms import Notes
    from tallystick.core.facts import SimExpectation
    from tallystick.core.identifiers import Iccid
    from tallystick.core.moments import Moment
    from tallystick.intake import Trial
    from tallystick.store import Store

PROPOSE, APPLY = "propose", "apply"
UNTOUCHED = {"place": Place.SEEN, "since": Since.MOVE, "ticket": "", "reason": ""}
"""What the form has at first."""


class Ways(NamedTuple):
    """How a user may have a correction done.

    `may_apply` is whether also at once; `asking` are the accounts of its SIMs that ask for
    approval.
    """

    may_apply: bool
    asking: tuple[str, ...]


def place_and_since(typed: dict[str, str]) -> tuple[Place, Since]:
    """Where a SIM is to be expected, and from when on. Raises `InvalidValue`."""
    place = choice_or_none(Place, "place", typed["place"]) or Place.SEEN
    since = choice_or_none(Since, "since", typed["since"]) or Since.MOVE
    return place, since


def tried(store: Store, expectations: list[SimExpectation], generations: tuple[str, ...]) -> Trial:
    """What a correction would do; nothing of it stays."""
    return try_facts(store, KINDS["expectations"], CheckedItems(expectations, []), generations)


def rows_tried(trial: Trial) -> str:
    """How many rows go and come, as the form brings back what its reader saw."""
    return f"{len(trial.closed)} {len(trial.opened)}"


def ways_of(store: Store, req: Request, iccids: Collection[Iccid]) -> Ways:
    """How the user of the console may have a correction of some SIMs done."""
    with store.snapshot() as reader:
        asking = reader.names_asking(iccids)
    name, role = decider_of(req)
    return Ways(role is not None and may_apply_at_once(name, role, asking), asking)


def objection(trial: Trial, typed: dict[str, str], ways: Ways) -> str:
    """Why the correction is not done as it stands; empty where it may be."""
    if not trial.added and not trial.corrected:
        return "that is what is expected already, so there is nothing to propose"
    if typed.get("do") == APPLY and not ways.may_apply:
        return "somebody else has to approve it: propose it"
    is_to_be_done = typed.get("do") in (PROPOSE, APPLY)
    if is_to_be_done and typed.get("rows_tried") != rows_tried(trial):
        return "what it would do is no more what you were shown; look at it again below"
    return ""


def carry_out(
    store: Store,
    req: Request,
    expectations: Sequence[SimExpectation],
    notes: Notes,
    deed: str,
    now: Moment,
) -> int:
    """Propose a correction, or apply it if that is the deed; give the number of the change set.

    Raises `OwnProposal` where an account asks for approval by now.
    """
    sims = [each.iccid for each in expectations]
    origin = review.for_sims(notes.by(caller_of(req).name, now), sims)
    if deed != APPLY:
        return propose_facts(store, expectations, origin)
    name_deed(APPLY)
    return ledger.apply_at_once(store, expectations, origin, decider_of(req))
