"""Users, apps, accounts, groups and callbacks, administered in the console by operators alone."""

from __future__ import annotations

import re
import secrets
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import pytest

from tallystick.core.approval import Approval
from tallystick.core.ledger import is_same_hand
from tallystick.core.pairing import FirstUse
from tallystick.core.roles import Role
from tallystick.fleet import accounts, groups
from tallystick.store.callbacks import ListenerRow
from tests.console.conftest import client_of
from tests.console.world import MINE, ONE, OTHERS, PASSWORD, Answer, Browser
from tests.quick_access import quick_access

if TYPE_CHECKING:
    from falcon import testing

    from tallystick.access import Access
    from tallystick.store import Store
    from tests.conftest import Clock

PAGES = ("/admin", "/admin/users", "/admin/apps", "/admin/accounts", "/admin/callbacks")
SECRET = re.compile(r'<dt>Secret</dt><dd class="digits">([0-9a-f]{64})<')
KEY = re.compile(r'<dt>Key</dt><dd class="digits">([0-9a-f]{32})<')


def send(browser: Browser, path: str, **fields: str) -> Answer:
    """A form that an operator sends."""
    return browser.ask("POST", path, urlencode({"csrf": browser.csrf(), **fields}))


def done(browser: Browser, path: str, **fields: str) -> str:
    """One that is not refused; give the page that it leads to."""
    answer = send(browser, path, **fields)
    assert answer.status == 303, answer.text
    return browser.get(answer.headers["location"]).text


SESSION = re.compile(r'name="session" value="([0-9a-f]{64})"')


@pytest.fixture
def lim(access: Access, client: testing.TestClient) -> Browser:
    """An operator of one account."""
    if "lim" not in {user.name for user in access.users()}:
        access.add_user("lim", PASSWORD, [MINE], all_accounts=False, role=Role.OPERATOR)
    browser = Browser(client)
    browser.sign_in("lim")
    return browser


def test_only_operators_see_the_pages_and_send_their_forms(ann: Browser, bob: Browser) -> None:
    assert 'href="/admin"' not in ann.get("/").text
    assert 'href="/admin"' in bob.get("/").text
    for path in PAGES:
        assert ann.get(path).status == 403
        assert bob.get(path).status in (200, 303)
        if path != "/admin":
            assert send(ann, path, name="x", password=PASSWORD, do="forget").status == 403


def test_an_operator_of_some_accounts_administers_these_alone(lim: Browser, bob: Browser) -> None:
    for path in ("/admin/users", "/admin/apps", "/admin/user?name=bob", "/admin/app?name=x"):
        assert lim.get(path).status == 403
        assert send(lim, path, name="x", password=PASSWORD, do="remove").status == 403
    assert send(lim, "/admin/accounts", name="new").status == 403
    listed = lim.get("/admin/accounts").text
    assert MINE in listed
    assert OTHERS not in listed
    for name in (OTHERS, "no such account"):
        page = lim.get(f"/admin/account?{urlencode({'name': name})}")
        assert page.status == 404
        assert "or this user may not see it" in page.text
        assert send(lim, f"/admin/account?{urlencode({'name': name})}", do="group").status == 404
    for deed in ("rename", "remove"):
        assert send(lim, f"/admin/account?name={MINE}", do=deed, new_name=OTHERS).status == 403
    mine = lim.get(f"/admin/account?name={MINE}").text
    assert "Seen by" not in mine
    assert "Seen by" in bob.get(f"/admin/account?name={MINE}").text


def test_an_operator_sees_and_ends_the_sessions_of_a_user(
    ann: Browser, bob: Browser, client: testing.TestClient
) -> None:
    other = Browser(client)
    other.sign_in("ann")
    path, form = "/admin/user?name=ann", f"csrf={bob.csrf()}"
    first, *others = SESSION.findall(bob.get(path).text)
    for name in others:
        assert bob.ask("POST", path, f"{form}&do=end-session&session={name}").status == 303
    assert SESSION.findall(bob.get(path).text) == [first]
    assert bob.ask("POST", path, f"{form}&do=end-sessions").status == 303
    assert (ann.get("/").status, other.get("/").status) == (303, 303)
    assert "They are signed in nowhere." in bob.get(path).text


def test_a_user_is_made_changed_unlocked_and_removed(
    bob: Browser, access: Access, client: testing.TestClient, filled: Store
) -> None:
    made = done(
        bob, "/admin/users", name="eve & co", password=PASSWORD, role="editor", accounts=f"{MINE}\n"
    )
    assert "User eve &amp; co" in made
    eve = access.user_named("eve & co")
    assert (eve.accounts, eve.all_accounts, eve.role) == ((MINE,), False, Role.EDITOR)
    with filled.snapshot() as reader:
        keepers = reader.app_keepers()
    assert is_same_hand("console/bob", "console/eve & co", keepers)  # bob knows the password
    path = "/admin/user?name=eve+%26+co"
    done(bob, path, do="change", role="approver", accounts=OTHERS)
    done(bob, path, do="revoke", account=MINE)
    eve = access.user_named("eve & co")
    assert (eve.accounts, eve.role) == ((OTHERS,), Role.APPROVER)
    for _ in range(5):
        Browser(client).sign_in("eve+%26+co", password="wrong+password")
    assert access.user_named("eve & co").locked
    assert "Unlock" in bob.get(path).text
    done(bob, path, do="unlock")
    done(bob, path, do="password", password="another password")
    browser = Browser(client)
    assert browser.sign_in("eve+%26+co", password="another+password").status == 303
    assert "eve &amp; co" not in done(bob, path, do="remove")
    assert browser.get("/").status == 303
    assert bob.get(path).status == 404


@pytest.mark.parametrize(
    ("fields", "status", "problem"),
    [
        ({"name": "bob", "password": PASSWORD}, 409, "already"),
        ({"name": "<new>", "password": "short"}, 400, "8-256 characters"),
        ({"name": "<new>", "password": PASSWORD, "role": "king"}, 400, "must be one of"),
    ],
)
def test_a_user_that_is_refused_stays_typed_but_for_the_password(
    bob: Browser, fields: dict[str, str], status: int, problem: str
) -> None:
    refused = send(bob, "/admin/users", **fields)
    assert (refused.status, problem in refused.text) == (status, True)
    shown = fields["name"].replace("<", "&lt;").replace(">", "&gt;")
    assert f'name="name" value="{shown}"' in refused.text
    assert fields["password"] not in refused.text


def test_the_audit_has_why_a_form_was_refused_and_a_busy_store_blames_no_form(
    filled: Store, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    access = quick_access(filled, clock, secrets.token_bytes)
    access.add_user("rob", PASSWORD, [], all_accounts=True, role=Role.OPERATOR)
    rob = Browser(client_of(filled, access, clock, monkeypatch))
    assert rob.sign_in("rob").status == 303
    assert send(rob, "/admin/accounts", name=MINE).status == 409
    access.close()
    last = [entry for _, entry, _ in access.audit.records()][-1]
    assert (last.action, last.outcome) == ("account.add", "refused: name-taken")
    with filled.transaction():
        monkeypatch.setattr("tallystick.store.engines.turnstile.TURN_WAIT_S_MAX", 0.1)
        assert send(rob, "/admin/accounts", name="new").status == 503


def test_the_secret_of_an_app_is_shown_once(bob: Browser, access: Access) -> None:
    made = send(bob, "/admin/apps", name="lap top", scope_m2m="yes", scope_intake="yes")
    assert made.headers["cache-control"] == "no-store"
    (secret,), (key,) = SECRET.findall(made.text), KEY.findall(made.text)
    assert access.issue_token(key, secret).expires_in_s > 0
    path = "/admin/app?name=lap+top"
    for page in ("/admin/apps", path):
        assert secret not in bob.get(page).text
    renewed = send(bob, path, do="rotate")
    assert (KEY.findall(renewed.text), SECRET.findall(renewed.text)) != ([key], [secret])
    done(bob, path, do="scopes", scope_admin="yes")
    assert access.app_named("lap top").scopes == ("admin",)
    nothing = send(bob, path, do="scopes")
    assert (nothing.status, "scopes must not be empty" in nothing.text.lower()) == (400, True)
    assert send(bob, "/admin/apps", name="lap top", scope_m2m="yes").status == 409
    assert "lap top" not in done(bob, path, do="remove")
    assert bob.get(path).status == 404
    assert send(bob, path, do="rotate").status == 404


def test_forms_are_recorded_by_what_they_do(bob: Browser, access: Access) -> None:
    send(bob, "/admin/apps", name="tablet", scope_m2m="yes")
    for deed in ("rotate", "scopes", "remove"):
        send(bob, "/admin/app?name=tablet", do=deed, scope_admin="yes")
    of_tablet = [
        (entry.action, entry.actor, entry.outcome)
        for _, entry, _ in access.audit.records()
        if entry.subject == "tablet"
    ]
    deeds = ("app.add", "app.rotate", "app.scopes", "app.remove")
    assert of_tablet == [(deed, "console/bob", "done") for deed in deeds]


def test_an_account_is_made_held_renamed_and_removed(bob: Browser, filled: Store) -> None:
    assert "Account a/b?c" in done(bob, "/admin/accounts", name="a/b?c")
    path = "/admin/account?name=a%2Fb%3Fc"
    assert "checked>to stay in the unit" in done(bob, path, do="first_use", first_use="imei")
    with filled.snapshot() as reader:
        assert accounts.show(reader, "a/b?c").first_use is FirstUse.IMEI
        assert accounts.show(reader, "a/b?c").approval is Approval.OFF
    assert "checked>by two people" in done(bob, path, do="approval", approval="required")
    assert "<small>asks for approval</small>" in bob.get("/admin/accounts?q=a/b").text
    with filled.snapshot() as reader:
        asking = accounts.show(reader, "a/b?c")
        assert (asking.approval, asking.first_use) == (Approval.REQUIRED, FirstUse.IMEI)
    assert send(bob, path, do="rename", new_name=MINE).status == 409
    assert "Account d&#34;e" in done(bob, path, do="rename", new_name='d"e')
    assert 'name=d%22e"' in bob.get("/admin/accounts?q=D%22").text
    assert bob.get(path).status == 404
    full = send(bob, f"/admin/account?name={MINE}", do="remove")
    assert (full.status, "is not empty" in full.text) == (409, True)
    assert "d&#34;e" not in done(bob, "/admin/account?name=d%22e", do="remove")
    unknown = send(bob, f"/admin/account?name={MINE}", do="burn")
    assert (unknown.status, "do must be one of" in unknown.text.lower()) == (400, True)


def test_a_group_is_made_filled_and_removed(lim: Browser, filled: Store) -> None:
    done(lim, f"/admin/account?name={MINE}", do="group", group="Vans", sims=f"{ONE}\n")
    path = f"/admin/group?account={MINE}&name=Vans"
    assert str(ONE) in lim.get(path).text
    renamed = done(
        lim, path, do="change", new_name="Cars", description="of <wood>", remove=str(ONE)
    )
    assert "of &lt;wood&gt;" in renamed
    assert str(ONE) not in renamed
    same = {"new_name": "Cars", "description": "of <wood>"}
    assert str(ONE) in done(lim, path.replace("Vans", "Cars"), do="change", add=str(ONE), **same)
    done(lim, f"/admin/group?account={MINE}&name=Cars", do="remove")
    with filled.snapshot() as reader:
        names = [each.name for each in groups.groups_of(reader, reader.accounts()[MINE])]
    assert "Cars" not in names
    default = f"/admin/group?account={MINE}&name=Unassigned+Devices"
    done(lim, default, do="change", add=str(ONE))
    assert send(lim, default, do="remove").status == 409
    assert lim.get(f"/admin/group?account={OTHERS}&name=x").status == 404
    wrong = send(lim, f"/admin/account?name={MINE}", do="group", group="Vans", sims="12")
    assert wrong.status == 400


def test_deliveries_are_tried_again_and_listeners_forgotten(
    bob: Browser, lim: Browser, filled: Store
) -> None:
    with filled.transaction() as writer:
        for number, name in enumerate((MINE, OTHERS)):
            account_id = writer.accounts()[name]
            listener = ListenerRow(account_id, "DeviceService", "https://x.example/", "u", "hush!")
            writer.put_listener(listener)
            writer.add_deliveries(account_id, "DeviceService", f"request {number}", b"{}", 5)
        late = {each.account_id: each for each in writer.deliveries(writer.accounts().values())}
        for each in late.values():
            writer.fail_delivery(each.delivery_id, 3, 6, 10**17, "answered 503")
        of_mine, of_others = (late[writer.accounts()[name]].delivery_id for name in (MINE, OTHERS))
    seen = bob.get("/admin/callbacks").text
    assert seen.count("answered 503") == 2
    assert "hush!" not in seen
    assert "request 1" not in lim.get("/admin/callbacks").text
    assert send(lim, "/admin/callbacks", do="retry", delivery=str(of_others)).status == 404
    assert "2026-06-0" in done(lim, "/admin/callbacks", do="retry", delivery=str(of_mine))
    forgotten = {"do": "forget", "account": OTHERS, "service": "DeviceService"}
    assert send(lim, "/admin/callbacks", **forgotten).status == 404
    assert "request 1" not in done(bob, "/admin/callbacks", **forgotten)
