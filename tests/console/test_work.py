"""Corrections proposed, decided about and undone in the console, by whom and to whose SIMs."""

from __future__ import annotations

import re
import secrets
from html import unescape
from typing import TYPE_CHECKING, NamedTuple

import apsw
import pytest

from tallystick.access import Access, UserChange
from tallystick.core.approval import Approval
from tallystick.core.explanations import note_of
from tallystick.core.facts import SimExpectation
from tallystick.core.ledger import Origin
from tallystick.core.moments import BEGINNING, Moment
from tallystick.core.roles import Role
from tallystick.fleet import accounts, review
from tallystick.fleet.explanations import explain
from tallystick.intake import propose_facts
from tallystick.outbox.uploads import Pair, Uploads
from tallystick.store import open_store
from tallystick.thingspace.rows import wire_row
from tests.conftest import Clock
from tests.console.conftest import client_of
from tests.console.world import (
    CROWD,
    DAY_ONE,
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
    from collections.abc import Iterator
    from pathlib import Path

    from tallystick.store import Store
    from tallystick.store.access import View

CORRECT = re.compile(r'href="(/sims/[0-9]+/correct[^"]+)"')
TRIED = re.compile(r'name="rows_tried" value="([^"]*)"')
CHANGE = re.compile(r'href="(/changes/[0-9]+)"')
SIM_PAGE = f"/sims/{ONE}?{WINDOW}"
USERS = {
    "vic": (MINE, Role.VIEWER),
    "ed": (MINE, Role.EDITOR),
    "pam": (MINE, Role.APPROVER),
    "pat": (MINE, Role.APPROVER),
    "otto": (OTHERS, Role.APPROVER),
}


class Desk(NamedTuple):
    """Browsers of people with different roles, at one store."""

    store: Store
    people: dict[str, Browser]
    access: Access
    asked: list[str]
    """The statements that the store was asked."""

    def get(self, name: str, path: str) -> Answer:
        """A page, as somebody sees it."""
        return self.people[name].get(path)

    def post(self, name: str, path: str, body: str) -> Answer:
        """A form that somebody sends, with the token of their session."""
        return self.people[name].ask("POST", path, f"csrf={self.people[name].csrf()}&{body}")

    def ask_for_approval(self) -> None:
        """Have the account of most people ask for approval."""
        with self.store.transaction() as writer:
            accounts.ask(writer, MINE, Approval.REQUIRED)

    def address(self, name: str = "ed") -> str:
        """Where a correction of the SIM's mismatch is proposed."""
        (link,) = CORRECT.findall(self.get(name, SIM_PAGE).text)
        return unescape(link)

    def propose(self, name: str = "ed", choice: str = "place=seen&since=move") -> str:
        """Try a correction dry and propose it; give the address of the change set."""
        address = self.address(name)
        tried = self.post(name, address, f"{choice}&do=try")
        (rows,) = TRIED.findall(tried.text)
        body = f"{choice}&ticket=OPS-7&reason=moved&do=propose&rows_tried={rows}"
        proposed = self.post(name, address, body)
        assert proposed.status == 303, proposed.text
        return proposed.headers["location"]

    def count_asked(self, part: str, name: str, path: str) -> int:
        """How many statements with this part a page asks, as somebody sees it."""
        self.asked.clear()
        assert self.get(name, path).status == 200
        return sum(part in each for each in self.asked)

    def view_of(self, accounts: list[str]) -> View:
        """What a user sees who was granted these accounts."""
        name = next(name for name, (account, _) in USERS.items() if [account] == accounts)
        with self.store.snapshot() as reader:
            user = reader.user(name)
            assert user
            return reader.view_of(user.user_id)

    def expected(self) -> list[tuple[int, int]]:
        """Moment and value of what is expected of the SIM."""
        with self.store.snapshot() as reader:
            return [(each.effective_from, each.imei) for each in reader.values_of(ONE)]


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    clock, asked = Clock(), list[str]()

    def watch(connection: apsw.Connection) -> None:
        connection.trace_v2(apsw.SQLITE_TRACE_STMT, lambda event: asked.append(event["sql"]))

    monkeypatch.setattr(apsw, "connection_hooks", [*apsw.connection_hooks, watch])
    with open_store(f"sqlite:///{tmp_path}/store.db", wire_row) as store:
        store.init("UTC")
        fill(store)
        access = quick_access(store, clock, secrets.token_bytes)
        client = client_of(store, access, clock, monkeypatch)
        people = {name: Browser(client) for name in (*USERS, "root")}
        for name, (account, role) in USERS.items():
            access.add_user(name, PASSWORD, [account], all_accounts=False, role=role)
        access.add_user("root", PASSWORD, [], all_accounts=True, role=Role.OPERATOR)
        for name, browser in people.items():
            assert browser.sign_in(name).status == 303
        yield Desk(store, people, access, asked)
        access.close()


def test_a_viewer_is_offered_nothing_and_their_forged_forms_are_refused(desk: Desk) -> None:
    assert CORRECT.findall(desk.get("vic", SIM_PAGE).text) == []
    address = desk.address()
    change_set = desk.propose()
    assert "Approve" not in desk.get("vic", change_set).text
    before = desk.expected()
    assert desk.get("vic", address).status == 403
    for path in (address, *(f"{change_set}/{deed}" for deed in ("approve", "reject", "undo"))):
        refused = desk.post("vic", path, "place=seen&since=move&do=propose&rows_tried=1+0")
        assert (path, refused.status) == (path, 403)
        assert "you are viewer" in refused.text
    assert "proposed" in desk.get("vic", change_set).text
    assert desk.expected() == before


def test_another_role_holds_from_the_next_request_on(desk: Desk) -> None:
    address, access = desk.address(), quick_access(desk.store, Clock(), secrets.token_bytes)
    assert desk.get("ed", address).status == 200
    access.change_user("ed", UserChange(role=Role.VIEWER))
    assert desk.get("ed", address).status == 403
    access.change_user("ed", UserChange(role=Role.APPROVER))
    assert desk.get("ed", address).status == 200


def test_an_editor_sees_what_a_correction_would_do_and_proposes_it(desk: Desk) -> None:
    address, before = desk.address(), desk.expected()
    assert f"in {FOREIGN}, where it was seen" in desk.get("ed", address).text
    tried = desk.post("ed", address, "place=seen&since=move&ticket=OPS-7&do=try").text
    assert "would close 1 row<" in tried
    assert "would open 0 rows<" in tried
    assert 'name="ticket" value="OPS-7"' in tried
    change_set = desk.propose()
    page = desk.get("ed", change_set).text
    assert "OPS-7" in page
    assert "console/ed" in page
    assert change_set in desk.get("ed", "/changes?state=proposed").text
    assert desk.expected() == before
    assert "Approve" not in page
    assert desk.post("ed", f"{change_set}/approve", "").status == 403


def test_another_person_approves_and_the_row_goes_and_an_undo_brings_it_back(desk: Desk) -> None:
    change_set = desk.propose()
    assert "would close 1 row<" in desk.post("pam", f"{change_set}/try", "").text
    approved = desk.post("pam", f"{change_set}/approve", "")
    assert (approved.status, approved.headers["location"]) == (303, change_set)
    assert "console/pam" in desk.get("vic", change_set).text
    assert CORRECT.findall(desk.get("ed", SIM_PAGE).text) == []
    again = desk.post("pat", f"{change_set}/approve", "")
    assert (again.status, "is applied, not proposed" in again.text) == (409, True)
    undone = desk.post("pat", f"{change_set}/undo", "ticket=OPS-8&reason=it+was+right")
    assert undone.status == 303
    undoing = desk.get("vic", undone.headers["location"]).text
    assert "OPS-8" in undoing
    assert f'href="{change_set}"' in undoing
    assert desk.expected()[-1] == (BEGINNING, HOME)
    assert desk.address()


def test_where_no_account_asks_an_approver_applies_at_once_and_an_editor_never(
    desk: Desk,
) -> None:
    choice = "place=seen&since=beginning"
    for name, offers in (("ed", False), ("pam", True)):
        tried = desk.post(name, desk.address(name), f"{choice}&do=try").text
        assert ('value="apply"' in tried, 'value="propose"' in tried) == (offers, True)
    apply = f"{choice}&do=apply&rows_tried=1+0"
    refused = desk.post("ed", desk.address("ed"), apply)
    assert (refused.status, "somebody else has to approve" in refused.text.lower()) == (400, True)
    own = desk.propose("ed")
    assert desk.post("ed", f"{own}/approve", "").status == 403
    assert desk.expected() == [(BEGINNING, HOME)]
    applied = desk.post("pam", desk.address("pam"), apply)
    assert applied.status == 303
    assert "applied" in desk.get("ed", applied.headers["location"]).text
    assert desk.expected()[-1] == (BEGINNING, FOREIGN)
    undone = desk.post("pam", f"{applied.headers['location']}/undo", "")
    assert "applied" in desk.get("pam", undone.headers["location"]).text
    own = desk.propose("pam")
    assert "Approve" in desk.get("pam", own).text
    assert desk.post("pam", f"{own}/approve", "").status == 303
    desk.access.audit.close()
    actions = {entry.action for _, entry, _ in desk.access.audit.records()}
    assert {"correction.apply", "correction.propose", "change-set.approve"} <= actions


def test_where_the_account_asks_nothing_is_applied_or_undone_by_one_person(desk: Desk) -> None:
    desk.ask_for_approval()
    choice = "place=seen&since=move"
    tried = desk.post("pam", desk.address("pam"), f"{choice}&do=try").text
    assert ('value="apply"' in tried, f"account {MINE} asks for approval" in tried) == (False, True)
    refused = desk.post("pam", desk.address("pam"), f"{choice}&do=apply&rows_tried=1+0")
    assert (refused.status, desk.expected()) == (400, [(BEGINNING, HOME)])
    change_set = desk.propose("pam")
    assert desk.post("pat", f"{change_set}/approve", "").status == 303
    after = desk.expected()
    undoing = desk.post("pat", f"{change_set}/undo", "").headers["location"]
    page = desk.get("pat", undoing).text
    assert ("proposed" in page, f'<td class="digits">{FOREIGN}</td>' in page) == (True, True)
    assert (desk.post("pat", f"{undoing}/approve", "").status, desk.expected()) == (409, after)
    assert "would open 1 row<" in desk.post("pam", f"{undoing}/try", "").text
    assert desk.post("pam", f"{undoing}/approve", "").status == 303
    assert desk.expected()[-1] == (BEGINNING, HOME)


def test_who_loads_the_address_of_a_form_again_gets_the_change_set_and_does_nothing(
    desk: Desk,
) -> None:
    change_set = desk.propose()
    for deed in ("approve", "reject", "undo", "try", "withdraw"):
        sent_on = desk.get("vic", f"{change_set}/{deed}")
        assert (sent_on.status, sent_on.headers["location"]) == (303, change_set)
        assert desk.get("otto", f"{change_set}/{deed}").status == 404
    assert "Approve" in desk.get("pam", change_set).text


def test_an_approver_cannot_decide_about_what_they_proposed_where_the_account_asks(
    desk: Desk,
) -> None:
    desk.ask_for_approval()
    change_set = desk.propose("pam")
    assert "Approve" not in desk.get("pam", change_set).text
    assert "Approve" in desk.get("pat", change_set).text
    refused = desk.post("pam", f"{change_set}/approve", "")
    assert (refused.status, "another person" in refused.text) == (409, True)
    assert desk.post("pat", f"{change_set}/reject", "").status == 303
    assert "Nothing: it was rejected." in desk.get("pam", change_set).text
    assert desk.expected() == [(BEGINNING, HOME)]


def test_who_proposed_it_withdraws_it_and_nobody_else_who_may_not_decide(desk: Desk) -> None:
    desk.ask_for_approval()
    change_set = desk.propose("ed")
    assert "Withdraw the proposal" not in desk.get("pat", change_set).text
    assert desk.post("vic", f"{change_set}/withdraw", "").status == 403
    assert desk.post("otto", f"{change_set}/withdraw", "").status == 404
    assert "Withdraw the proposal" in desk.get("ed", change_set).text
    assert desk.post("ed", f"{change_set}/withdraw", "").status == 303
    page = desk.get("pat", change_set).text
    assert ("Nothing: it was withdrawn." in page, "Approve" in page) == (True, False)
    late = desk.post("ed", f"{change_set}/withdraw", "")
    assert (late.status, "is rejected, not proposed" in late.text) == (409, True)
    assert desk.expected() == [(BEGINNING, HOME)]
    of_pam = desk.propose("pam")
    refused = desk.post("ed", f"{of_pam}/withdraw", "")
    assert (refused.status, "who alone can withdraw it" in refused.text) == (409, True)


def test_the_overview_says_what_is_open_and_that_a_proposal_waits_to_those_who_see_it(
    desk: Desk,
) -> None:
    overview, newest = f"/?{WINDOW}", str(crowd_sim(CROWD - 1))
    page = desk.get("pat", overview).text
    assert ("wait for a decision" in page, newest in page) == (False, True)
    change_set = desk.propose("ed")
    with desk.store.transaction() as writer:
        keys = [
            (minutes_later(each), crowd_sim(each), home_of(each + 500_000))
            for each in range(CROWD - 25, CROWD)
        ]
        explain(writer, keys, writer.accounts(), note_of("ann", DAY_ONE, "OPS-9", ""), None)
    seen = desk.get("pat", overview)
    assert ("wait for a decision" in seen.text, newest in seen.text) == (True, False)
    assert seen.sims[0] == str(crowd_sim(CROWD - 26))
    assert len(seen.sims) == 10
    assert "wait for a decision" not in desk.get("otto", overview).text
    desk.post("pat", f"{change_set}/reject", "")
    assert "wait for a decision" not in desk.get("pat", overview).text


@pytest.mark.parametrize("path", [f"/?{WINDOW}", SIM_PAGE, f"/corrections?{WINDOW}"])
def test_a_page_asks_once_what_its_user_sees(desk: Desk, path: str) -> None:
    assert desk.count_asked("FROM user_accounts AS", "root", path) == 1


def test_where_the_sims_of_all_proposals_are_is_asked_once(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    of_others = Origin("console/otto", Moment(1), source=review.FOR_SIMS, detail=str(TWO))
    with desk.store.transaction() as writer:
        for _ in range(20):
            writer.begin_change_set(of_others, "proposed")
    overview, asks_where = f"/?{WINDOW}", "SELECT s.iccid, s.account_id"
    assert desk.count_asked(asks_where, "pat", overview) == 1
    assert "wait for a decision" not in desk.get("pat", overview).text
    assert "wait for a decision" in desk.get("otto", overview).text
    monkeypatch.setattr(review, "LOOKED_AT_MAX", 20)  # so there may be more
    assert "wait for a decision" in desk.get("pat", overview).text


def test_who_is_one_hand_with_the_proposer_is_told_so_and_what_parts_them(desk: Desk) -> None:
    with desk.store.transaction() as writer:
        for name in ("console/ed", "console/pam"):
            writer.note_app_keeper(name, "console/root")
    change_set = desk.propose("ed")
    page = desk.get("pam", change_set).text
    assert "One person may act both as you and as console/ed" in page
    assert "You proposed it" not in page
    assert "tallystick user change pam --password-stdin" in page
    desk.access.change_user("pam", UserChange(password=PASSWORD))
    desk.people["pam"].sign_in("pam")
    assert desk.post("pam", f"{change_set}/approve", "").status == 303
    assert "approved by console/pam" in desk.get("ed", SIM_PAGE).text
    assert "Undo it" in desk.get("pat", change_set).text
    desk.ask_for_approval()
    assert "Propose to undo it" in desk.get("pat", change_set).text


def test_the_audit_has_who_proposed_who_was_refused_and_who_decided(desk: Desk) -> None:
    desk.ask_for_approval()
    change_set = desk.propose("pam")
    desk.post("pam", f"{change_set}/try", "")
    desk.post("pam", f"{change_set}/approve", "")
    desk.post("pat", f"{change_set}/reject", "")
    desk.post("pat", f"{change_set}/what-a-caller-makes-up", "")
    desk.access.audit.close()
    records = [
        (entry.actor, entry.action, entry.outcome)
        for _, entry, _ in desk.access.audit.records()
        if entry.action != "session.login"
    ]
    assert sorted(records) == [
        ("console/pam", "change-set.approve", "refused: own-proposal"),
        ("console/pam", "correction.propose", "done"),
        ("console/pat", "change-set.decide", "refused: invalid-value"),
        ("console/pat", "change-set.reject", "done"),
    ]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("place=seen&since=move&reason=" + "x" * 501, "Reason must be at most 500"),
        ("place=elsewhere&since=move&reason=kept", "Place must be one of seen, nowhere, none"),
        ("place=seen&since=move&reason=kept&do=propose&rows_tried=0+0", "is no more what you"),
    ],
)
def test_a_form_that_is_refused_keeps_what_was_typed(desk: Desk, body: str, said: str) -> None:
    refused = desk.post("ed", desk.address(), f"{body}&ticket=%3COPS%3E")
    assert refused.status == 400
    assert said in refused.text
    assert 'name="ticket" value="&lt;OPS&gt;"' in refused.text
    assert "None here" in desk.get("root", "/changes?state=proposed").text


def test_a_mismatch_that_was_closed_meanwhile_can_be_proposed_no_more(desk: Desk) -> None:
    address = desk.address()
    assert desk.post("pam", f"{desk.propose()}/approve", "").status == 303
    gone = desk.post("ed", address, "place=seen&since=move&do=try")
    assert (gone.status, "has it no more" in gone.text) == (404, True)


def test_what_is_expected_already_is_not_proposed(desk: Desk) -> None:
    nowhere = "place=nowhere&since=beginning"
    assert desk.post("pam", f"{desk.propose(choice=nowhere)}/approve", "").status == 303
    refused = desk.post("ed", desk.address(), f"{nowhere}&do=propose&rows_tried=0+0")
    assert (refused.status, "expected already" in refused.text) == (400, True)


def test_nobody_sees_or_decides_about_change_sets_of_other_accounts(desk: Desk) -> None:
    change_set, address = desk.propose(), desk.address()
    file = [SimExpectation(ONE, BEGINNING, FOREIGN), SimExpectation(TWO, BEGINNING, HOME)]
    of_file = f"/changes/{propose_facts(desk.store, file, Origin('ann', Moment(1), 'import'))}"
    never = "/changes/999999"
    for name, hidden in (("otto", change_set), ("otto", of_file), ("pam", of_file)):
        refused = desk.get(name, hidden)
        assert refused.status == 404
        assert refused.text == desk.get(name, never).text.replace("999999", hidden[9:])
        for deed in ("approve", "reject", "undo", "try"):
            assert desk.post(name, f"{hidden}/{deed}", "").status == 404
        assert f'href="{hidden}"' not in desk.get(name, "/changes").text
    assert desk.get("otto", address).status == 404
    listed = desk.get("root", "/changes").text
    assert change_set in listed
    assert of_file in listed
    assert str(TWO) in desk.get("root", of_file).text


def test_an_upload_that_waits_for_approval_is_decided_about_by_who_sees_its_sims(
    desk: Desk,
) -> None:
    desk.ask_for_approval()
    uploads = Uploads(desk.store, Clock(), secrets.token_bytes)
    with desk.store.transaction() as writer:
        pairs = [Pair(str(ONE), str(FOREIGN))]
        request_id = uploads.put(writer, writer.accounts()[MINE], pairs, "app/pat")
    assert uploads.take_next()
    (change_set,) = set(CHANGE.findall(desk.get("pam", "/changes?state=proposed").text))
    assert f"upload {request_id}<" in desk.get("pam", change_set).text
    assert desk.get("otto", change_set).status == 404
    assert desk.expected() == [(BEGINNING, HOME)]
    assert desk.post("ed", f"{change_set}/approve", "").status == 403
    assert desk.post("pat", f"{change_set}/approve", "").status == 409  # pat has uploaded it
    assert desk.post("pam", f"{change_set}/approve", "").status == 303
    assert desk.expected()[-1] == (BEGINNING, FOREIGN)


def test_every_change_set_that_a_user_sees_is_on_one_of_the_pages(desk: Desk) -> None:
    numbers = [int(desk.propose().rpartition("/")[2]) for _ in range(3)]
    propose_facts(desk.store, [SimExpectation(TWO, BEGINNING, HOME)], Origin("ann", Moment(1)))
    numbers.append(int(desk.propose().rpartition("/")[2]))
    view, before, seen = desk.view_of([MINE]), 1 << 62, list[int]()
    while True:
        with desk.store.snapshot() as reader:
            page = review.change_sets_seen(reader, view, before, 1, None)
        seen += [each.change_set_id for each in page.change_sets]
        if page.before is None:
            break
        before = page.before
    assert seen == numbers[::-1]
