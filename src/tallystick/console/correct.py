"""`/sims/{iccid}/correct`: what is to become of one mismatch, tried dry and then proposed."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import falcon

from tallystick.console.changes import PATH as CHANGES_PATH
from tallystick.console.form_answers import go_to
from tallystick.console.forms import notes_of, users_fields
from tallystick.console.proposing import (
    APPLY,
    PROPOSE,
    UNTOUCHED,
    Ways,
    carry_out,
    objection,
    place_and_since,
    rows_tried,
    tried,
    ways_of,
)
from tallystick.core.correcting import correction_of
from tallystick.core.errors import InvalidValue
from tallystick.core.facts import SimExpectation
from tallystick.core.identifiers import Iccid, Imei
from tallystick.core.moments import moment_of, parse_named
from tallystick.core.roles import Right
from tallystick.fleet import review
from tallystick.http.acts import records
from tallystick.http.gate import caller_of, for_console_to, user_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from falcon import Request, Response

    from tallystick.console.pages import Pages
    from tallystick.core.moments import Moment
    from tallystick.fleet.review import Mismatch
    from tallystick.intake import Trial
    from tallystick.store import Store


class Shown(NamedTuple):
    """What the page shows beside the mismatch: what was typed, what it would do, what is wrong.

    `ways` is how the user may have that done.
    """

    typed: dict[str, str]
    trial: Trial | None = None
    problem: str = ""
    ways: Ways | None = None


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
        trial = tried(self._store, [expectation], self._pages.settings.generations)
        ways = ways_of(self._store, req, [mismatch.iccid])
        problem = objection(trial, typed, ways)
        if typed.get("do") not in (PROPOSE, APPLY) or problem:
            self._show(req, resp, mismatch, Shown(typed, trial, problem, ways))
            return
        number = carry_out(self._store, req, [expectation], notes, typed["do"], self._clock())
        go_to(resp, f"{CHANGES_PATH}/{number}")

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
    seen_in, seen_at, in_force = mismatch.seen_in, mismatch.seen_at, mismatch.in_force
    moment, value = correction_of(seen_in, seen_at, in_force, *place_and_since(typed))
    return SimExpectation(mismatch.iccid, moment, value)
