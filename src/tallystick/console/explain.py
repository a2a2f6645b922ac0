"""`/mismatches/explain`: selected rows need no correction, for a reason; or that is taken back."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import falcon

from tallystick.console.asked import DAY, key_text
from tallystick.console.forms import ROW_FIELD, RowsForm, users_rows_form
from tallystick.console.mismatches import NO_ROWS, ShownRow, models_of, shown_rows
from tallystick.console.mismatches import PATH as LIST_PATH
from tallystick.console.selection import MATCHING, is_as_shown, selection_of
from tallystick.console.sign_in import local_path
from tallystick.core.days import midnight
from tallystick.core.errors import InvalidValue, Refusal
from tallystick.core.explanations import note_of
from tallystick.core.moments import moment_of, parse_named
from tallystick.core.roles import Right
from tallystick.fleet import explanations
from tallystick.http.gate import caller_of, for_console_to, user_of
from tallystick.report.listing import Lister, rows_named

if TYPE_CHECKING:
    from collections.abc import Callable

    from falcon import Request, Response

    from tallystick.console.exports import WireRows
    from tallystick.console.pages import Pages
    from tallystick.console.selection import Selection
    from tallystick.core.moments import Moment
    from tallystick.store import Reader, Store

PATH = f"{LIST_PATH}/explain"
ROWS_SHOWN = 20
EXPLAIN, TAKE_BACK = "explain", "end"
UNTIL_SEEN, UNTIL_DAY = "seen", "day"
UNTOUCHED = {"holds": UNTIL_SEEN, "until": "", "ticket": "", "note": ""}
"""What the form has at first."""
OTHERS_NOW = "other rows fit by now than you were shown; look at them again, and send the form"


class _Seen(NamedTuple):
    """What the page shows of the rows that it is about."""

    selection: Selection | None
    first: list[ShownRow]
    models: dict[str, str]
    problem: str


class ExplainPage:
    """The form for some rows, which the list or the page of a SIM names."""

    def __init__(
        self, pages: Pages, store: Store, clock: Callable[[], Moment], rows: WireRows
    ) -> None:
        self._pages = pages
        self._store = store
        self._clock = clock
        self._rows = rows

    @for_console_to(Right.EXPLAIN)
    def on_get(self, req: Request, resp: Response) -> None:
        """Show the form for the few rows that the address names."""
        names = (MATCHING, "back")
        fields = {name: req.get_param(name) or "" for name in names}
        self._show(req, resp, RowsForm(req.get_param_as_list(ROW_FIELD) or [], fields))

    @for_console_to(Right.EXPLAIN)
    def on_post(self, req: Request, resp: Response) -> None:
        """Show the form; or do what it says, if the rows are still those that were shown."""
        form = users_rows_form(req)
        deed = form.fields.get("do")
        if deed not in (EXPLAIN, TAKE_BACK):
            self._show(req, resp, form)
            return
        try:
            is_done = self._done(req, form, takes_back=deed == TAKE_BACK)
        except Refusal as refusal:
            self._show(req, resp, form, refusal.message)
            return
        if not is_done:
            self._show(req, resp, form, OTHERS_NOW, falcon.HTTP_409)
            return
        resp.status, resp.location = falcon.HTTP_303, _back(form)

    def _done(self, req: Request, form: RowsForm, *, takes_back: bool) -> bool:
        """Do what a form says; False, and nothing is done, where it is about other rows by now."""
        caller, now, typed = caller_of(req), self._clock(), UNTOUCHED | form.fields
        note, until = None, None
        if not takes_back:
            note = note_of(caller.name, now, typed["ticket"].strip(), typed["note"].strip())
            until = self._until(typed)
        with self._store.transaction() as writer:
            lister = self._lister(writer, req, now)
            selection = selection_of(form, lister, self._pages.settings.zone)
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

    def _lister(self, reader: Reader, req: Request, now: Moment) -> Lister:
        settings = self._pages.settings
        visible = reader.view_of(user_of(req)).accounts
        return Lister(reader, visible, settings.generations, settings.time_zone, now)

    def _show(
        self,
        req: Request,
        resp: Response,
        form: RowsForm,
        problem: str = "",
        status: str = falcon.HTTP_400,
    ) -> None:
        seen = self._seen(req, form, problem)
        if seen.problem:
            resp.status = status
        selection = seen.selection
        named = selection.keys if selection and not selection.is_every else []
        self._pages.show(
            resp,
            "explain.html",
            caller_of(req),
            selection=selection,
            rows=[key_text(key) for key in named],
            first=seen.first,
            models=seen.models,
            said=any(row.standing.explanation for row in seen.first),
            typed=UNTOUCHED | form.fields,
            matching=form.fields.get(MATCHING, ""),
            back=_back(form),
            problem=seen.problem,
            action=PATH,
        )

    def _seen(self, req: Request, form: RowsForm, problem: str) -> _Seen:
        """The rows of a form, and what is wrong with it; none where that is the rows."""
        with self._store.snapshot() as reader:
            lister = self._lister(reader, req, self._clock())
            try:
                selection = selection_of(form, lister, self._pages.settings.zone)
            except Refusal as refusal:
                return _Seen(None, [], {}, problem or refusal.message)
            keys = selection.keys[:ROWS_SHOWN]
            listed = rows_named(lister, keys, selection.asked.question.window) if keys else NO_ROWS
            first = shown_rows(lister, self._rows, listed)[::-1]
            return _Seen(selection, first, models_of(reader, first), problem)


def _back(form: RowsForm) -> str:
    """Where the form came from."""
    return local_path(form.fields.get("back") or LIST_PATH)
