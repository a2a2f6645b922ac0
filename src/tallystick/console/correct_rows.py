"""`/mismatches/correct`: what is to become of selected rows, tried dry and then proposed as one."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

import falcon
import msgspec

from tallystick.console.asked import key_text
from tallystick.console.changes import PATH as CHANGES_PATH
from tallystick.console.form_answers import go_to, problem_of
from tallystick.console.forms import RowsForm, notes_of, users_rows_form
from tallystick.console.mismatches import PATH as LIST_PATH
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
from tallystick.console.selection import (
    OTHERS_NOW,
    RowsPage,
    form_in_address,
    is_as_shown,
)
from tallystick.core.errors import Refusal
from tallystick.core.identifiers import Iccid
from tallystick.core.reasons import Code
from tallystick.core.roles import Right
from tallystick.fleet import review
from tallystick.http.acts import records
from tallystick.http.gate import caller_of, for_console_to, user_of
from tallystick.report.listing import rows_named, rows_of_sim

if TYPE_CHECKING:
    from collections.abc import Iterator

    from falcon import Request, Response

    from tallystick.console.selection import Selection
    from tallystick.core.facts import SimExpectation
    from tallystick.intake import Trial
    from tallystick.report.listing import Lister, Page
    from tallystick.store.listing import RowKey

PATH = f"{LIST_PATH}/correct"
TRY, PAIRS = "try", "pairs"
PAIRED_ROWS_MAX = 200
"""Selected rows of which the other sides of swapped pairs are looked for."""
ROWS_OF_SIM_MAX = 50


class CorrectRowsPage(RowsPage):
    """The form for some rows, which the list or the page of a SIM names."""

    @for_console_to(Right.PROPOSE)
    def on_get(self, req: Request, resp: Response) -> None:
        """Show the form for the few rows that the address names, and their other sides if asked."""
        form = form_in_address(req)
        self._show(req, resp, self._with_pairs(req, form) if req.get_param("do") == PAIRS else form)

    @for_console_to(Right.PROPOSE)
    @records("correction.propose")
    def on_post(self, req: Request, resp: Response) -> None:
        """Show the form, or what it would do; or have that done if it is what was shown before."""
        form = users_rows_form(req)
        deed = form.fields.get("do")
        if deed == PAIRS:
            form = self._with_pairs(req, form)
        if deed not in (TRY, PROPOSE, APPLY):
            self._show(req, resp, form)
            return
        try:
            self._answer(req, resp, form)
        except Refusal as refusal:
            self._show(req, resp, form, problem=problem_of(req, refusal))

    def _answer(self, req: Request, resp: Response, form: RowsForm) -> None:
        """Try, propose or apply what a form says. Raises what it is refused for."""
        typed = UNTOUCHED | form.fields
        notes = notes_of(typed)
        wanted = self._wanted(req, form, typed)
        if wanted is None:
            self._show(req, resp, form, problem=OTHERS_NOW, status=falcon.HTTP_409)
            return
        trial = tried(self._store, wanted, self._pages.settings.generations)
        ways = ways_of(self._store, req, [each.iccid for each in wanted])
        problem = objection(trial, typed, ways)
        if typed["do"] == TRY or problem:
            self._show(req, resp, form, trial=trial, ways=ways, problem=problem)
            return
        number = carry_out(self._store, req, wanted, notes, typed["do"], self._clock())
        go_to(resp, f"{CHANGES_PATH}/{number}")

    def _wanted(
        self, req: Request, form: RowsForm, typed: dict[str, str]
    ) -> list[SimExpectation] | None:
        """What is to be expected; None where the form is about other rows by now."""
        place, since = place_and_since(typed)
        with self._store.snapshot() as reader:
            view = reader.view_of(user_of(req))
            lister = self._lister_with(reader, view, self._clock())
            selection = self._selection(lister, form)
            if not is_as_shown(selection, form):
                return None
            wanted = review.expectations_for(reader, selection.keys, place, since)
        review.require_named(view, [each.iccid for each in wanted])
        return wanted

    def _with_pairs(self, req: Request, form: RowsForm) -> RowsForm:
        """The same form with the other sides of swapped pairs among its rows."""
        with self._store.snapshot() as reader:
            lister = self._lister(reader, req, self._clock())
            selection = self._selection(lister, form)
            others = list(map(key_text, _other_sides(lister, selection)))
        return RowsForm([*form.rows, *others], form.fields)

    def _show(
        self,
        req: Request,
        resp: Response,
        form: RowsForm,
        *,
        trial: Trial | None = None,
        ways: Ways | None = None,
        problem: str = "",
        status: str = falcon.HTTP_400,
    ) -> None:
        with self._store.snapshot() as reader:
            lister = self._lister(reader, req, self._clock())
            shown_now = self._seen(lister, form, problem)
            selection = shown_now.selection
            others = _other_sides(lister, selection) if selection else set()
        if shown_now.problem:
            resp.status = status
        self._pages.show(
            resp,
            "correct_rows.html",
            caller_of(req),
            other_sides=len(others),
            typed=UNTOUCHED | form.fields,
            action=PATH,
            trial=trial,
            ways=ways,
            rows_tried=None if trial is None else rows_tried(trial),
            **shown_now.values(form),
        )


def _other_sides(lister: Lister, selection: Selection) -> set[RowKey]:
    """The rows of SIMs that are in the hardware of selected ones, and these in theirs.

    Those that are selected already are left out, and all where many rows are selected or the
    filters say which.
    """
    if selection.is_every or len(selection.keys) > PAIRED_ROWS_MAX:
        return set()
    window = selection.asked.question.window
    chosen = rows_named(lister, selection.keys, window)
    pairs = {(iccid, other) for (_, iccid, _), other in _swapped(chosen)}
    rows: set[RowKey] = set()
    for other in {other for _, other in pairs}:
        theirs = rows_of_sim(lister, Iccid(other), window, ROWS_OF_SIM_MAX)
        swapped = (key for key, iccid in _swapped(theirs) if (iccid, other) in pairs)
        rows |= set(islice(swapped, 1))  # the newest
    return rows.difference(selection.keys)


def _swapped(listed: Page) -> Iterator[tuple[RowKey, int]]:
    """Each row of a swapped pair, with the SIM that is in the other hardware."""
    for key, (_, why) in zip(listed.keys, listed.rows, strict=True):
        reasons: list[dict[str, Any]] = msgspec.json.decode(why)["reasons"]
        for reason in reasons:
            if reason["code"] == Code.SWAP_PAIR:
                yield from ((key, int(Iccid.parse(text))) for text in reason["iccids"])
