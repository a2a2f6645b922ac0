"""Rows selected in the list and acted on: what is acted on is what was shown and counted."""

from __future__ import annotations

import re
import secrets
from html import unescape
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlencode

import pytest

from tallystick.access import Access
from tallystick.core.explanations import RowState
from tallystick.core.facts import SimActivation, SimExpectation
from tallystick.core.moments import BEGINNING, parse_moment
from tallystick.core.roles import Role
from tallystick.core.window import Window
from tallystick.fleet import explanations
from tallystick.report.answer import Question
from tallystick.report.listing import NO_FILTERS, Lister, keys_listed
from tallystick.store import open_store
from tallystick.thingspace.rows import wire_row
from tests.conftest import Clock
from tests.console.conftest import client_of
from tests.console.world import (
    HOME,
    MINE,
    ONE,
    OTHERS,
    PASSWORD,
    WINDOW,
    Answer,
    Browser,
    crowd_sim,
    fill,
    home_of,
    minutes_later,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tallystick.store import Store

LIST = f"/mismatches?{WINDOW}"
EXPLAIN = "/mismatches/explain"
PICK = re.compile(r'type="checkbox" name="row" value="([^"]+)"')
HIDDEN = re.compile(r'type="hidden" name="(\w+)" value="([^"]*)"')
EXPLAINED = re.compile(r'class="state explained"')
SAYING = {"ticket": "OPS-9", "note": "spares <of the workshop>"}
PEOPLE = {"vic": Role.VIEWER, "ed": Role.EDITOR}


class Desk(NamedTuple):
    """Browsers of a viewer and an editor of one account, and an operator of all, at one store."""

    store: Store
    people: dict[str, Browser]
    clock: Clock

    def get(self, path: str, name: str = "ed") -> Answer:
        """A page, as somebody sees it."""
        return self.people[name].get(path)

    def post(self, path: str, fields: Sequence[tuple[str, str]], name: str = "ed") -> Answer:
        """A form that somebody sends."""
        csrf = ("csrf", self.people[name].csrf())
        return self.people[name].ask("POST", path, urlencode([csrf, *fields]))

    def chosen(self, list_path: str, rows: Sequence[int] | None, path: str = EXPLAIN) -> Answer:
        """The form for some rows of a page of the list, by their places, or for all that fit."""
        listed = self.get(list_path)
        hidden = fields_of(listed, 'id="selection"')
        picks = [unescape(each) for each in PICK.findall(listed.text)]
        named = [("every", "yes")] if rows is None else [("row", picks[place]) for place in rows]
        return self.post(path, [*hidden, *named])

    def send(self, form: Answer, path: str = EXPLAIN, **typed: str) -> Answer:
        """Send a form that was shown, with what somebody typed."""
        return self.post(path, [*fields_of(form, f'action="{path}"'), *typed.items()])

    def explained(self) -> list[str]:
        """The SIMs of the rows that are explained, in the list's order."""
        return self.people["root"].get(f"{LIST}&state=explained&all=yes").sims


def fields_of(answer: Answer, mark: str) -> list[tuple[str, str]]:
    """The hidden fields of a form of a page, but for the token."""
    form = answer.text.partition(mark)[2].partition("</form>")[0]
    fields = [(name, unescape(value)) for name, value in HIDDEN.findall(form)]
    return [(name, value) for name, value in fields if name != "csrf"]


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """One for all tests, which leave nothing explained."""
    clock, database = Clock(), f"sqlite:///{tmp_path_factory.mktemp('selection')}/store.db"
    with open_store(database, wire_row) as store, pytest.MonkeyPatch.context() as patch:
        store.init("UTC")
        fill(store)
        access = Access(store, clock, secrets.token_bytes)
        client = client_of(store, access, clock, patch)
        people = {name: Browser(client) for name in (*PEOPLE, "root")}
        for name, role in PEOPLE.items():
            access.add_user(name, PASSWORD, [MINE], all_accounts=False, role=role)
        access.add_user("root", PASSWORD, [], all_accounts=True, role=Role.OPERATOR)
        for name, browser in people.items():
            assert browser.sign_in(name).status == 303
        yield Desk(store, people, clock)
        access.close()


@pytest.fixture
def desk(shared: Desk) -> Desk:
    """The same, with nothing explained yet."""
    with shared.store.transaction() as writer:
        lister = Lister(writer, writer.accounts(), ("4G",), "UTC", shared.clock())
        window = Window(parse_moment("2026-05-01T00:00:00Z"), parse_moment("2026-06-01T00:00:00Z"))
        keys = keys_listed(lister, Question(window), NO_FILTERS, 1_000)
        explanations.take_back(writer, keys, writer.accounts(), "root", shared.clock())
    return shared


FILTERS = {
    "none": "",
    "digits": "&q=8999000000000000001",
    "cause": "&cause=paperwork",
    "type": "&tac=86123405",
    "maker": "&manufacturer=Corvid+%26+Sons",
    "group": f"&account={MINE}&group=Meters",
    "rest of the account": f"&account={MINE}&group=Unassigned+Devices",
    "oldest": "&order=oldest",
    "open": "&state=open",
}
CHOICES = {"one": [0], "a range": [2, 3, 4], "apart": [0, 5], "all that fit": None}


@pytest.mark.parametrize("rows", CHOICES.values(), ids=CHOICES)
@pytest.mark.parametrize("filters", FILTERS.values(), ids=FILTERS)
def test_what_is_explained_is_what_was_shown_and_counted(
    desk: Desk, filters: str, rows: list[int] | None
) -> None:
    shown = desk.get(f"{LIST}{filters}&all=yes").sims
    assert shown
    places = rows and [min(place, len(shown) - 1) for place in rows]
    wanted = shown if places is None else [shown[place] for place in sorted(set(places))]
    form = desk.chosen(f"{LIST}{filters}", places)
    assert f"{len(wanted):,} {'mismatch' if len(wanted) == 1 else 'mismatches'}" in form.text
    assert set(form.sims) <= set(wanted)
    assert len(form.sims) == min(len(wanted), 20)
    assert desk.explained() == []
    done = desk.send(form, do="explain", **SAYING)
    assert done.status == 303, done.text
    assert done.headers["location"] == f"{LIST}{filters}"
    assert sorted(desk.explained()) == sorted(wanted)


def test_rows_that_came_or_went_meanwhile_are_shown_before_anything_is_done(desk: Desk) -> None:
    leaving, gone = crowd_sim(7), home_of(500_007)
    form = desk.chosen(f"{LIST}&q={leaving}", None)
    with desk.store.transaction() as writer:
        # It leaves and comes back: a second row fits.
        writer.take_activations([SimActivation(leaving, minutes_later(600), HOME)])
        writer.take_activations([SimActivation(leaving, minutes_later(601), home_of(7))])
        writer.take_activations([SimActivation(leaving, minutes_later(602), gone)])
    refused = desk.send(form, do="explain", **SAYING)
    assert refused.status == 409
    assert "other rows fit by now" in refused.text.lower()
    assert 'value="OPS-9"' in refused.text
    assert desk.explained() == []
    assert desk.send(refused, do="explain", **SAYING).status == 303
    assert desk.explained() == [str(leaving)] * 3


def test_a_row_that_was_closed_meanwhile_is_refused_by_name(desk: Desk) -> None:
    closed = crowd_sim(8)
    form = desk.chosen(f"{LIST}&q={closed}", [0])
    with desk.store.transaction() as writer:
        writer.take_expectations([SimExpectation(closed, BEGINNING, home_of(500_008))])
    refused = desk.send(form, do="explain", **SAYING)
    assert (refused.status, f"SIM {closed} has no mismatch" in refused.text) == (400, True)


def test_what_was_said_is_shown_and_taken_back_and_holds_until_a_day(desk: Desk) -> None:
    sim_page = f"/sims/{ONE}?{WINDOW}"
    (link,) = re.findall(r'href="(/mismatches/explain[^"]+)"', desk.get(sim_page).text)
    form = desk.get(unescape(link))
    done = desk.send(form, do="explain", holds="day", until="2026-06-03", **SAYING)
    assert (done.status, done.headers["location"]) == (303, sim_page)
    page = desk.get(sim_page).text
    assert "spares &lt;of the workshop&gt; (OPS-9), said console/ed" in page
    assert "2026-06-03 00:00:00 UTC" in page
    assert len(EXPLAINED.findall(page)) == 1
    desk.clock.advance(60)
    again = desk.get(unescape(link))
    assert desk.send(again, do="end").status == 303
    assert EXPLAINED.findall(desk.get(sim_page).text) == []


@pytest.mark.parametrize(
    ("typed", "problem"),
    [
        ({}, "needs a ticket or a note"),
        ({"note": "x" * 501}, "at most 500 printable characters"),
        ({"note": "x", "holds": "day", "until": ""}, "must be a day"),
        ({"note": "x", "holds": "day", "until": "2026-06-01"}, "must be later than now"),
    ],
)
def test_a_form_that_is_refused_keeps_what_was_typed(
    desk: Desk, typed: dict[str, str], problem: str
) -> None:
    form = desk.chosen(LIST, [0, 1])
    refused = desk.send(form, do="explain", ticket="", **typed)
    assert refused.status == 400
    assert problem in refused.text
    assert f'name="note" value="{typed.get("note", "")}"' in refused.text
    assert desk.explained() == []


def test_a_selection_of_nothing_or_of_too_much_is_told(desk: Desk) -> None:
    nothing = desk.chosen(LIST, [])
    assert (nothing.status, "No row is selected" in nothing.text) == (400, True)
    too_many = desk.post(EXPLAIN, [("row", "1.1.1")] * 1_010)
    assert (too_many.status, "1,000 rows at most" in too_many.text) == (400, True)


def test_a_viewer_selects_nothing_and_nobody_explains_rows_of_others(desk: Desk) -> None:
    assert PICK.findall(desk.get(LIST, "vic").text) == []
    row = next(each for each in PICK.findall(desk.get(f"{LIST}&all=yes", "root").text))
    assert desk.post(EXPLAIN, [("row", row), ("do", "explain")], "vic").status == 403
    (of_others,) = PICK.findall(desk.get(f"{LIST}&account={OTHERS}", "root").text)
    form = desk.post(EXPLAIN, [("row", of_others)])
    assert (form.status, "has no mismatch" in form.text) == (400, True)
    missing = desk.post(EXPLAIN, [("row", "1.4000.4000")])
    assert missing.status == 400


def test_each_state_is_a_filter_and_its_rows_are_told_apart(desk: Desk) -> None:
    assert desk.send(desk.chosen(LIST, [0, 1]), do="explain", **SAYING).status == 303
    counts = {state: len(desk.get(f"{LIST}&all=yes&state={state}").sims) for state in RowState}
    in_all = len(desk.get(f"{LIST}&all=yes").sims)
    assert counts == {RowState.EXPLAINED: 2, RowState.OPEN: in_all - 2, RowState.PROPOSED: 0}
    assert len(EXPLAINED.findall(desk.get(LIST).text)) == 2
    wrong = desk.get(f"{LIST}&state=closed")
    assert (wrong.status, "state must be one of" in wrong.text.lower()) == (400, True)
