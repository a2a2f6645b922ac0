"""`/mismatches/explain`: selected rows need no correction, for a reason; or that is taken back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import falcon

from tallystick.console.asked import DAY
from tallystick.console.form_answers import go_to, problem_of
from tallystick.console.forms import users_rows_form
from tallystick.console.mismatches import PATH as LIST_PATH
from tallystick.console.selection import (
    OTHERS_NOW,
    RowsPage,
    came_from,
    form_in_address,
    is_as_shown,
)
from tallystick.core.days import midnight
from tallystick.core.errors import InvalidValue, Refusal
from tallystick.core.explanations import note_of
from tallystick.core.moments import moment_of, parse_named
from tallystick.core.roles import Right
from tallystick.fleet import explanations
from tallystick.http.acts import records
from tallystick.http.gate import caller_of, for_console_to
from tallystick.store.acting import name_deed

if TYPE_CHECKING:
    from falcon import Request, Response

    from tallystick.console.forms import RowsForm
    from tallystick.core.moments import Moment

PATH = f"{LIST_PATH}/explain"
EXPLAIN, TAKE_BACK = "explain", "end"
DONE = {EXPLAIN: "#explained", TAKE_BACK: "#taken-back"}
"""What the page that the form came from says then: a line of it, by its id."""
UNTIL_SEEN, UNTIL_DAY = "seen", "day"
UNTOUCHED = {"holds": UNTIL_SEEN, "until": "", "ticket": "", "note": ""}
"""What the form has at first."""


class ExplainPage(RowsPage):
    """The form for some rows, which the list or the page of a SIM names."""

    @for_console_to(Right.EXPLAIN)
    def on_get(self, req: Request, resp: Response) -> None:
        """Show the form for the few rows that the address names."""
        self._show(req, resp, form_in_address(req))

    @for_console_to(Right.EXPLAIN)
    @records("explanation.add")
    def on_post(self, req: Request, resp: Response) -> None:
        """Show the form; or do what it says, if the rows are still those that were shown."""
        form = users_rows_form(req)
        deed = form.fields.get("do")
        if deed not in (EXPLAIN, TAKE_BACK):
            self._show(req, resp, form)
            return
        name_deed("end" if deed == TAKE_BACK else "add")
        try:
            is_done = self._done(req, form, takes_back=deed == TAKE_BACK)
        except Refusal as refusal:
            self._show(req, resp, form, problem_of(req, refusal))
            return
        if not is_done:
            self._show(req, resp, form, OTHERS_NOW, falcon.HTTP_409)
            return
        go_to(resp, came_from(form) + DONE[deed])

    def _done(self, req: Request, form: RowsForm, *, takes_back: bool) -> bool:
        """Do what a form says; False, and nothing is done, where it is about other rows by now."""
        caller, now, typed = caller_of(req), self._clock(), UNTOUCHED | form.fields
        note, until = None, None
        if not takes_back:
            note = note_of(caller.name, now, typed["ticket"].strip(), typed["note"].strip())
            until = self._until(typed)
        with self._store.transaction() as writer:
            lister = self._lister(writer, req, now)
            selection = self._selection(lister, form)
            if not is_as_shown(selection, form):
                return False
            keys, visible = selection.keys, lister.visible
            if note is None:
                explanations.take_back(writer, keys, visible, caller.name, now)
            else:
                explanations.explain(writer, keys, visible, note, until)
        return True

    def _until(self, typed: dict[str, str]) -> Moment | None:
        """How long the explanation holds. Raises `InvalidValue`."""
        if typed["holds"] != UNTIL_DAY:
            return None
        if not DAY.fullmatch(typed["until"]):
            message = "until must be a day, as in 2026-12-31"
            raise InvalidValue(message)
        day = parse_named("until", typed["until"]).date()
        return moment_of(midnight(day, self._pages.settings.zone))

    def _show(
        self,
        req: Request,
        resp: Response,
        form: RowsForm,
        problem: str = "",
        status: str = falcon.HTTP_400,
    ) -> None:
        with self._store.snapshot() as reader:
            lister = self._lister(reader, req, self._clock())
            shown_now = self._seen(lister, form, problem)
        if shown_now.problem:
            resp.status = status
        self._pages.show(
            resp,
            "explain.html",
            caller_of(req),
            said=any(row.standing.explanation for row in shown_now.first),
            typed=UNTOUCHED | form.fields,
            action=PATH,
            **shown_now.values(form),
        )
