"""Rows selected in the list and acted on: what is acted on is what was shown and counted."""

from __future__ import annotations

import json
import re
import secrets
from html import unescape
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlencode

import pytest

from tallystick.core.approval import Decider
from tallystick.core.errors import InvalidValue
from tallystick.core.explanations import RowState
from tallystick.core.facts import Sim, SimActivation, SimExpectation
from tallystick.core.ledger import BEHIND_ALL, Origin
from tallystick.core.moments import BEGINNING, Moment, parse_moment
from tallystick.core.roles import Role
from tallystick.core.window import Window
from tallystick.fleet import explanations, ledger, review
from tallystick.fleet.ledger import ExpectationChange
from tallystick.report.answer import Question
from tallystick.report.listing import NO_FILTERS, Lister, keys_listed
from tallystick.store import open_store
from tallystick.thingspace.rows import wire_row
from tests.conftest import Clock
from tests.console.conftest import client_of
from tests.console.world import (
    FOREIGN,
    HOME,
    MINE,
    ONE,
    OTHERS,
    PASSWORD,
    TWO,
    WINDOW,
    Answer,
    Browser,
    crowd_sim,
    fill,
    home_of,
    minutes_later,
)
from tests.quick_access import quick_access

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tallystick.core.identifiers import Iccid, Imei
    from tallystick.store import Store

LIST = f"/mismatches?{WINDOW}"
JUNE = "/mismatches?earliest=2026-06-01&latest=2026-07-01"
EXPLAIN, CORRECT = "/mismatches/explain", "/mismatches/correct"
PICK = re.compile(r'type="checkbox" name="row" value="([^"]+)"')
HIDDEN = re.compile(r'type="hidden" name="(\w+)" value="([^"]*)"')
EXPLAINED = re.compile(r'class="(?:narrow )?state explained"')
SAYING = {"ticket": "OPS-9", "note": "spares <of the workshop>"}
PEOPLE = {"vic": Role.VIEWER, "ed": Role.EDITOR, "pam": Role.APPROVER}
OTHER_SIDE = re.compile(r'value="pairs">([^<]+)<')
TRIED = re.compile(r'name="rows_tried" value="([^"]*)"')


class Desk(NamedTuple):
    """Browsers of people with roles in one account, and of an operator of all, at one store."""

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

    def chosen(
        self, list_path: str, rows: Sequence[int] | None, path: str = EXPLAIN, name: str = "ed"
    ) -> Answer:
        """The form for some rows of a page of the list, by their places, or for all that fit."""
        listed = self.get(list_path, name)
        hidden = fields_of(listed, 'id="selection"')
        picks = [unescape(each) for each in PICK.findall(listed.text)]
        named = [("every", "yes")] if rows is None else [("row", picks[place]) for place in rows]
        return self.post(path, [*hidden, *named], name)

    def send(self, form: Answer, path: str = EXPLAIN, name: str = "ed", **typed: str) -> Answer:
        """Send a form that was shown, with what somebody typed."""
        return self.post(path, [*fields_of(form, f'action="{path}"'), *typed.items()], name)

    def proposed(self, form: Answer, name: str = "ed", **typed: str) -> tuple[str, int]:
        """Try a form and propose it: the address of the change set, and its number."""
        tried = self.send(form, CORRECT, name, do="try", **typed)
        assert tried.status == 200, tried.text
        done = self.send(tried, CORRECT, name, do="propose", **typed)
        assert done.status == 303, done.text
        return done.headers["location"], int(done.headers["location"].rpartition("/")[2])

    def wanted_by(self, number: int) -> list[tuple[str, Moment, str]]:
        """What a proposal would put: SIM, moment and value, in order of SIM."""
        with self.store.snapshot() as reader:
            changes, _ = ledger.changes_in(reader, ledger.change_set(reader, number), 1_000)
        return [
            (str(each.iccid), each.effective_from, str(each.new_imei))
            for each in changes
            if isinstance(each, ExpectationChange)
        ]

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
        access = quick_access(store, clock, secrets.token_bytes)
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
    """The same, with nothing explained or proposed yet."""
    with shared.store.transaction() as writer:
        lister = Lister(writer, writer.accounts(), ("4G",), "UTC", shared.clock())
        window = Window(parse_moment("2026-05-01T00:00:00Z"), parse_moment("2026-06-01T00:00:00Z"))
        keys = keys_listed(lister, Question(window), NO_FILTERS, 1_000)
        explanations.take_back(writer, keys, writer.accounts(), "root", shared.clock())
        waiting = writer.change_sets(BEHIND_ALL, 1_000, "proposed")
    for each in waiting:
        ledger.reject(shared.store, each.change_set_id, Decider("somebody else"), shared.clock())
    return shared


def newcomer(desk: Desk, number: int) -> Iccid:
    """A SIM with a row in another month, which a test may change."""
    iccid = crowd_sim(number)
    with desk.store.transaction() as writer:
        writer.take_sims([Sim(iccid, None, MINE, None, "4G")])
        writer.take_expectations([SimExpectation(iccid, BEGINNING, home_of(number))])
    seen_in_june(desk, iccid, home_of(500_000 + number), 0)
    return iccid


def seen_in_june(desk: Desk, iccid: Iccid, imei: Imei, minute: int) -> None:
    """One more activation."""
    with desk.store.transaction() as writer:
        writer.take_activations([SimActivation(iccid, minutes_later(50_000 + minute), imei)])


FILTERS = {
    "none": "",
    "digits": "&q=8999000000000000001",
    "cause": "&cause=paperwork",
    "reason": "&reason=same-model",
    "model": "&model=C7&reason=always-here",
    "type": "&tac=86123405",
    "maker": "&manufacturer=Corvid+%26+Sons",
    "group": f"&account={MINE}&group=Meters",
    "rest of the account": f"&account={MINE}&group=Unassigned+Devices",
    "oldest": "&order=oldest",
    "by hardware": "&order=imei",
    "by account": f"&order=account&account={MINE}&reason=always-here",
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
    assert done.headers["location"] == f"{LIST}{filters}#explained"
    assert 'id="explained"' in desk.get(f"{LIST}{filters}").text
    assert sorted(desk.explained()) == sorted(wanted)


PLACES = [("seen", "move"), ("nowhere", "move"), ("none", "beginning"), ("seen", "beginning")]


@pytest.mark.parametrize(
    ("rows", "how"), [*zip(CHOICES.values(), PLACES, strict=True)], ids=CHOICES
)
@pytest.mark.parametrize("filters", FILTERS.values(), ids=FILTERS)
def test_what_is_proposed_is_what_was_shown_and_counted(
    desk: Desk, filters: str, rows: list[int] | None, how: tuple[str, str]
) -> None:
    listed = desk.get(f"{LIST}{filters}&all=yes")
    shown = listed.sims
    at_of = dict(zip(PICK.findall(listed.text), shown, strict=True))
    places = rows and [min(place, len(shown) - 1) for place in rows]
    wanted = shown if places is None else [shown[place] for place in sorted(set(places))]
    place, since = how
    form = desk.chosen(f"{LIST}{filters}", places, CORRECT)
    tried = desk.send(form, CORRECT, do="try", place=place, since=since)
    closed = 0 if place == "nowhere" else len(wanted)
    assert f"would close {closed:,} row" in tried.text
    _, number = desk.proposed(form, place=place, since=since, ticket="OPS-7")
    put = desk.wanted_by(number)
    assert [iccid for iccid, _, _ in put] == sorted(wanted)
    moments = {iccid: int(key.partition(".")[0]) for key, iccid in at_of.items()}
    for iccid, moment, value in put:
        assert moment == (BEGINNING if since == "beginning" else moments[iccid])
        assert (value == place) is (place != "seen")
    proposed = desk.get(f"{LIST}&state=proposed&all=yes", "root").sims
    assert sorted(proposed) == sorted(wanted)


def test_a_dry_run_that_is_no_more_what_was_shown_is_not_proposed(desk: Desk) -> None:
    form = desk.chosen(f"{LIST}&q={crowd_sim(20)}", None, CORRECT)
    tried = desk.send(form, CORRECT, do="try")
    changed = re.sub(TRIED, 'name="rows_tried" value="7 7"', tried.text)
    refused = desk.send(tried._replace(text=changed), CORRECT, do="propose")
    assert (refused.status, "no more what you were shown" in refused.text) == (400, True)
    other = re.sub(r'name="counted" value="[^"]*"', 'name="counted" value="1-0"', tried.text)
    refused = desk.send(tried._replace(text=other), CORRECT, do="propose")
    assert (refused.status, "Other rows fit by now" in refused.text) == (409, True)
    assert desk.get(f"{LIST}&state=proposed", "root").sims == []


def test_both_sides_of_a_swapped_pair_are_put_right_in_one_step(desk: Desk) -> None:
    of_one = f"{LIST}&q={ONE}"
    assert OTHER_SIDE.findall(desk.chosen(of_one, [0], CORRECT).text) == []  # of others' accounts
    form = desk.chosen(of_one, [0], CORRECT, "root")
    assert OTHER_SIDE.findall(form.text) == ["Put both sides right: 1 more row"]
    both = desk.send(form, CORRECT, "root", do="pairs")
    assert sorted(both.sims) == sorted([str(ONE), str(TWO)])
    tried = desk.send(both, CORRECT, "root", do="try", since="beginning")
    assert "would close 2 rows" in tried.text
    assert "would open 0 rows" in tried.text
    page, number = desk.proposed(both, "root", since="beginning")
    assert desk.wanted_by(number) == [
        (str(ONE), BEGINNING, str(FOREIGN)),
        (str(TWO), BEGINNING, str(HOME)),
    ]
    assert desk.get(page, "root").status == 200
    assert desk.get(page).status == 404  # one of the SIMs is of another account
    (link,) = re.findall(
        r'href="(/mismatches/correct[^"]+)">Put the pair right',
        desk.get(f"/sims/{ONE}?{WINDOW}", "root").text,
    )
    assert sorted(desk.get(unescape(link), "root").sims) == sorted([str(ONE), str(TWO)])


def test_a_change_set_of_several_sims_is_seen_by_who_sees_all_of_them(desk: Desk) -> None:
    sims = [newcomer(desk, number) for number in range(1_110, 1_113)]
    page, _ = desk.proposed(desk.chosen(f"{JUNE}&q={str(sims[0])[:-2]}", None, CORRECT))
    assert all(f'href="/sims/{iccid}"' in desk.get(page).text for iccid in sims)
    assert desk.get(page, "vic").status == 200
    assert "and 2 more" in desk.get("/changes?state=proposed").text
    approved = desk.post(f"{page}/approve", [], "pam")
    assert approved.status == 303
    links = [f'<td class="digits"><a href="/sims/{iccid}">' for iccid in sims]
    assert all(link in desk.get(page).text for link in links)
    assert desk.post(f"{page}/undo", [], "pam").status == 303


def test_rows_of_one_sim_that_would_take_one_place_are_refused(desk: Desk) -> None:
    twice = newcomer(desk, 1_003)
    seen_in_june(desk, twice, home_of(400_000), 1)
    form = desk.chosen(f"{JUNE}&q={twice}", None, CORRECT)
    refused = desk.send(form, CORRECT, do="try", since="beginning")
    assert (refused.status, "in different hardware" in refused.text) == (400, True)
    _, number = desk.proposed(form, since="move")
    assert [iccid for iccid, _, _ in desk.wanted_by(number)] == [str(twice)] * 2


def test_a_change_set_names_five_hundred_sims_at_most(desk: Desk) -> None:
    few, many = ([crowd_sim(number) for number in range(count)] for count in (500, 501))
    nobody = Origin("ann", Moment(1))
    assert review.for_sims(nobody, few).detail.count("8999") == 500
    assert review.for_sims(nobody, many).detail == "501 SIMs"
    with desk.store.snapshot() as reader:
        user = reader.user("ed")
        assert user
        view = reader.view_of(user.user_id)
        review.require_named(view, few)
        review.require_named(view._replace(sees_all=True), many)
        with pytest.raises(InvalidValue, match="500 SIMs at a time"):
            review.require_named(view, many)


def test_rows_that_came_or_went_meanwhile_are_shown_before_anything_is_done(desk: Desk) -> None:
    leaving = newcomer(desk, 1_001)
    form = desk.chosen(f"{JUNE}&q={leaving}", None)
    seen_in_june(desk, leaving, home_of(1_001), 1)
    seen_in_june(desk, leaving, home_of(501_001), 2)  # it comes back: a second row fits
    refused = desk.send(form, do="explain", **SAYING)
    assert refused.status == 409
    assert "other rows fit by now" in refused.text.lower()
    assert 'value="OPS-9"' in refused.text
    assert desk.get(f"{JUNE}&state=explained").sims == []
    assert desk.send(refused, do="explain", **SAYING).status == 303
    assert desk.get(f"{JUNE}&state=explained&q={leaving}").sims == [str(leaving)] * 2


def test_a_row_that_was_closed_meanwhile_is_refused_by_name(desk: Desk) -> None:
    closed = newcomer(desk, 1_002)
    form = desk.chosen(f"{JUNE}&q={closed}", [0])
    with desk.store.transaction() as writer:
        writer.take_expectations([SimExpectation(closed, BEGINNING, home_of(501_002))])
    refused = desk.send(form, do="explain", **SAYING)
    assert (refused.status, f"SIM {closed} has no mismatch" in refused.text) == (400, True)


def test_what_was_said_is_shown_and_taken_back_and_holds_until_a_day(desk: Desk) -> None:
    sim_page = f"/sims/{ONE}?{WINDOW}"
    (link,) = re.findall(r'href="(/mismatches/explain[^"]+)"', desk.get(sim_page).text)
    form = desk.get(unescape(link))
    done = desk.send(form, do="explain", holds="day", until="2026-06-03", **SAYING)
    assert (done.status, done.headers["location"]) == (303, f"{sim_page}#explained")
    page = desk.get(sim_page).text
    assert "spares &lt;of the workshop&gt; (OPS-9), said console/ed" in page
    assert "2026-06-03 00:00:00 UTC" in page
    assert len(EXPLAINED.findall(page)) == 1
    desk.clock.advance(60)
    again = desk.get(unescape(link))
    assert desk.send(again, do="end").status == 303
    assert EXPLAINED.findall(desk.get(sim_page).text) == []
    with desk.store.snapshot() as reader:
        said, ended = [each.entry for each in reader.audit_records()][-2:]
    assert (said.action, ended.action) == ("explanation.add", "explanation.end")
    details = json.loads(said.details)
    assert (details["row"], details["ticket"], details["note"]) == ("1 values", "OPS-9", "…")


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
