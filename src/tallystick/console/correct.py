"""`/sims/{iccid}/correct`: what is to become of one mismatch, tried dry and then proposed."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import falcon

from tallystick.console.changes import PATH as CHANGES_PATH
from tallystick.console.changes import decider_of, notes_of
from tallystick.console.forms import users_fields
from tallystick.core.approval import may_apply_at_once
from tallystick.core.choices import choice_or_none
from tallystick.core.correcting import Place, Since, correction_of
from tallystick.core.errors import InvalidValue
from tallystick.core.facts import SimExpectation
from tallystick.core.identifiers import Iccid, Imei
from tallystick.core.moments import moment_of, parse_named
from tallystick.core.roles import Right
from tallystick.fleet import ledger, review
from tallystick.http.acts import records
from tallystick.http.gate import caller_of, for_console_to, user_of
from tallystick.intake import KINDS, CheckedItems, propose_facts, try_facts
from tallystick.store.acting import name_deed

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from falcon import Request, Response

    from tallystick.console.pages import Pages
    from tallystick.core.approval import Decider
    from tallystick.core.ledger import Origin
    from tallystick.core.moments import Moment
    from tallystick.fleet.review import Mismatch
    from tallystick.intake import Trial
    from tallystick.store import Store

PROPOSE, APPLY = "propose", "apply"
UNTOUCHED = {"place": Place.SEEN, "since": Since.MOVE, "ticket": "", "reason": ""}
"""What the form has at first."""


class Shown(NamedTuple):
    """What the page shows beside the mismatch: what was typed, what it would do, what is wrong.

    `ways` is how the user may have that done.
    """

    typed: dict[str, str]
    trial: Trial | None = None
    problem: str = ""
    ways: Ways | None = None


class Ways(NamedTuple):
    """How a user may have a correction done.

    `may_apply` is whether also at once; `asking` are the accounts of its SIMs that ask for
    approval.
    """

    may_apply: bool
    asking: tuple[str, ...]


class CorrectionPage:
    """The form for one mismatch, which the parameters `at` and `imei` name."""

    def __init__(self, pages: Pages, store: Store, clock: Callable[[], Moment]) -> None:
        self._pages = pages
        self._store = store
        self._clock = clock

    @for_console_to(Right.PROPOSE)
    def on_get(self, req: Request, resp: Response, iccid: str) -> None:
        """Show the form."""
        self._show(req, resp, self._mismatch(req, iccid), Shown(UNTOUCHED))

    @for_console_to(Right.PROPOSE)
    @records("correction.propose")
    def on_post(self, req: Request, resp: Response, iccid: str) -> None:
        """Say what the correction would do, or have it done if that is what was shown before."""
        typed = UNTOUCHED | users_fields(req)
        mismatch = self._mismatch(req, iccid)
        try:
            notes = notes_of(typed)
            expectation = _expectation(mismatch, typed)
        except InvalidValue as refusal:
            self._show(req, resp, mismatch, Shown(typed, problem=refusal.message))
            return
        checked = CheckedItems([expectation], [])
        trial = try_facts(
            self._store, KINDS["expectations"], checked, self._pages.settings.generations
        )
        ways = ways_of(self._store, req, [mismatch.iccid])
        problem = objection(trial, typed, ways)
        if typed.get("do") not in (PROPOSE, APPLY) or problem:
            self._show(req, resp, mismatch, Shown(typed, trial, problem, ways))
            return
        origin = review.for_sims(notes.by(caller_of(req).name, self._clock()), [mismatch.iccid])
        number = done(self._store, [expectation], origin, decider_of(req), typed["do"])
        resp.status, resp.location = falcon.HTTP_303, f"{CHANGES_PATH}/{number}"

    def _mismatch(self, req: Request, iccid: str) -> Mismatch:
        """The mismatch that the address names. Raises `InvalidValue` or `NotFound`."""
        seen_at = moment_of(parse_named("at", req.get_param("at") or ""))
        seen_in = Imei.parse(req.get_param("imei") or "")
        with self._store.snapshot() as reader:
            visible = reader.view_of(user_of(req)).accounts
            return review.mismatch(reader, Iccid.parse(iccid), seen_in, seen_at, visible)

    def _show(self, req: Request, resp: Response, mismatch: Mismatch, shown_now: Shown) -> None:
        typed, trial, problem, ways = shown_now
        if problem:
            resp.status = falcon.HTTP_400
        self._pages.show(
            resp,
            "correct.html",
            caller_of(req),
            mismatch=mismatch,
            typed=typed,
            problem=problem,
            action=req.relative_uri,
            trial=trial,
            ways=ways,
            rows_tried=None if trial is None else rows_tried(trial),
        )


def _expectation(mismatch: Mismatch, typed: dict[str, str]) -> SimExpectation:
    """What the choices come to. Raises `InvalidValue`."""
    place = choice_or_none(Place, "place", typed["place"]) or Place.SEEN
    since = choice_or_none(Since, "since", typed["since"]) or Since.MOVE
    moment, value = correction_of(
        mismatch.seen_in, mismatch.seen_at, mismatch.in_force, place, since
    )
    return SimExpectation(mismatch.iccid, moment, value)


def rows_tried(trial: Trial) -> str:
    """How many rows go and come, as the form brings back what its reader saw."""
    return f"{len(trial.closed)} {len(trial.opened)}"


def ways_of(store: Store, req: Request, iccids: Collection[Iccid]) -> Ways:
    """How the user of the console may have a correction of some SIMs done."""
    with store.snapshot() as reader:
        asking = reader.names_asking(iccids)
    name, role = decider_of(req)
    return Ways(role is not None and may_apply_at_once(name, role, asking), asking)


def done(
    store: Store, expectations: Sequence[SimExpectation], origin: Origin, by: Decider, deed: str
) -> int:
    """Propose a correction, or apply it if that is the deed; give the number of the change set.

    Raises `OwnProposal` where an account asks for approval by now.
    """
    if deed != APPLY:
        return propose_facts(store, expectations, origin)
    name_deed(APPLY)
    return ledger.apply_at_once(store, expectations, origin, by)


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
