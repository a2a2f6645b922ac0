"""Who may look: signing in and out, what a cookie opens, and what a form must bring."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tallystick.console.sign_in import local_path
from tallystick.core.errors import SessionRefused
from tallystick.settings import Settings
from tallystick.store.engines.files import LOOK_AGAIN_S
from tests.console.conftest import client_of
from tests.console.world import PASSWORD, Browser, posted_paths

if TYPE_CHECKING:
    from falcon import testing

    from tallystick.access import Access
    from tallystick.store import Store
    from tests.conftest import Clock

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
HERE = "127.0.0.1"
"""The address of the tests' browser."""
PAGES = ("/", "/mismatches", "/mismatches/export", "/sims/89148000000800000010", "/sessions")


@pytest.mark.parametrize("path", PAGES)
def test_a_browser_without_a_session_is_sent_to_sign_in_and_back(
    client: testing.TestClient, path: str
) -> None:
    browser = Browser(client)
    sent = browser.get(f"{path}?q=1234")
    assert (sent.status, sent.headers["location"]) == (303, f"/login?next={path}%3Fq%3D1234")
    assert f'value="{path}?q=1234"' in browser.get(sent.headers["location"]).text
    back = browser.sign_in("ann", f"{path}%3Fq%3D1234")
    assert (back.status, back.headers["location"]) == (303, f"{path}?q=1234")
    assert browser.get(path).status == 200


def test_over_plain_http_the_cookie_has_no_prefix_and_over_tls_it_is_secure(
    filled: Store, access: Access, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = Browser(client_of(filled, access, clock, monkeypatch))
    plain.sign_in("ann")
    assert plain.set_cookie.startswith("tallystick-session=")
    assert {"HttpOnly", "SameSite=Lax", "Path=/"} <= set(plain.set_cookie.split("; "))
    assert "Secure" not in plain.set_cookie
    assert "Max-Age" not in plain.set_cookie
    for public_url, protocol in (("https://tally.example", "http"), ("", "https")):
        client = client_of(filled, access, clock, monkeypatch, Settings(public_url=public_url))
        over_tls = Browser(client, protocol)
        over_tls.sign_in("ann")
        assert over_tls.set_cookie.startswith("__Host-tallystick-session=")
        assert {"Secure", "HttpOnly", "SameSite=Lax", "Path=/"} <= set(
            over_tls.set_cookie.split("; ")
        )
        assert "Domain" not in over_tls.set_cookie
        assert over_tls.get("/").status == 200
        over_tls.cookies = plain.cookies
        assert over_tls.get("/").status == 303


def test_a_new_sign_in_has_a_new_session_and_ends_the_one_before(
    client: testing.TestClient,
) -> None:
    browser, thief = Browser(client), Browser(client)
    browser.sign_in("ann")
    thief.cookies = dict(browser.cookies)
    assert thief.get("/").status == 200
    browser.sign_in("bob")
    assert browser.cookies != thief.cookies
    assert thief.get("/").status == 303
    assert browser.get("/").status == 200


def test_signing_out_ends_the_session_and_takes_the_cookie(ann: Browser) -> None:
    kept = dict(ann.cookies)
    done = ann.ask("POST", "/logout", f"csrf={ann.csrf()}")
    assert (done.status, done.headers["location"], ann.cookies) == (303, "/login", {})
    ann.cookies = kept
    assert ann.get("/").status == 303


def test_a_session_ends_after_twenty_idle_minutes(ann: Browser, clock: Clock) -> None:
    for _ in range(3):
        clock.advance(19 * 60)
        assert ann.get("/").status == 200
    clock.advance(20 * 60 + 1)
    assert ann.get("/").status == 303


def test_a_session_ends_after_twelve_hours_however_much_it_is_used(
    ann: Browser, clock: Clock
) -> None:
    for _ in range(12 * 4):
        clock.advance(15 * 60)
        assert ann.get("/login").status == 200
        assert ann.get("/sims/0").status == 400
    clock.advance(1)
    assert ann.get("/sims/0").status == 303


def test_the_beginning_of_a_session_cannot_be_moved(ann: Browser, clock: Clock) -> None:
    ((name, token),) = ann.cookies.items()
    random, _, begun = token.partition(".")
    for forged in (f"{random}.{int(begun) + 1}", random, f"{random}.", f"{token}0", "x"):
        ann.cookies = {name: forged}
        assert ann.get("/").status == 303
    ann.cookies = {name: token}
    clock.advance(1)
    assert ann.get("/").status == 200


def test_the_cookie_opens_no_call_of_an_app_and_a_session_of_an_app_no_page(
    ann: Browser, access: Access, client: testing.TestClient
) -> None:
    (token,) = ann.cookies.values()
    with pytest.raises(SessionRefused):
        access.user_of_session(token)
    other = Browser(client)
    other.cookies = {"tallystick-session": access.login("ann", PASSWORD)}
    assert other.get("/").status == 303


def test_a_wrong_password_keeps_the_name_and_says_nothing_of_it(client: testing.TestClient) -> None:
    refused = Browser(client).sign_in("a%3Cb", password="wrong")
    assert refused.status == 401
    assert 'value="a&lt;b"' in refused.text
    known = Browser(client).sign_in("ann", password="wrong").text
    assert known.replace('"ann"', '"a&lt;b"') == refused.text
    assert Browser(client).sign_in("ann").status == 303


def test_failures_here_and_over_the_api_lock_the_same_user(
    client: testing.TestClient, access: Access
) -> None:
    access.add_user("eve", PASSWORD, [], all_accounts=True)
    for _ in range(3):
        Browser(client).sign_in("eve", password="wrong")
    for _ in range(2):
        with pytest.raises(Exception, match="locked"):
            access.login("eve", "wrong", HERE)
    assert Browser(client).sign_in("eve").status == 401
    access.unlock_user("eve")
    assert Browser(client).sign_in("eve").status == 303


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
    ],
    ids=str,
)
def test_a_form_of_another_site_is_refused(
    ann: Browser, client: testing.TestClient, headers: dict[str, str]
) -> None:
    csrf = ann.csrf()
    assert ann.ask("POST", "/logout", f"csrf={csrf}", headers).status == 403
    assert ann.get("/").status == 200
    body = f"name=ann&password={PASSWORD}"
    assert Browser(client).ask("POST", "/login", body, headers).status == 403


def test_every_form_of_the_console_needs_the_token_of_its_session(
    bob: Browser, client: testing.TestClient
) -> None:
    forms = posted_paths(client)
    assert {"/logout", "/sessions/end-others", "/sims/1/correct", "/changes/1/1"} <= set(forms)
    for path in forms:
        for headers in ({}, {"Sec-Fetch-Site": "cross-site"}):
            refused = bob.ask("POST", path, "csrf=0123", headers)
            assert (path, refused.status) == (path, 403)
            assert "not sent from a page of this server" in refused.text
    assert bob.get("/").status == 200


@pytest.mark.parametrize("body", ["", "csrf=", "csrf=0123"])
def test_a_form_without_the_token_of_its_session_is_refused(ann: Browser, body: str) -> None:
    assert ann.ask("POST", "/logout", body).status == 403
    assert ann.get("/").status == 200


def test_the_token_of_another_session_is_refused(ann: Browser, bob: Browser) -> None:
    assert ann.ask("POST", "/logout", f"csrf={bob.csrf()}").status == 403


def test_a_form_that_is_none_or_too_large_is_refused(client: testing.TestClient) -> None:
    browser = Browser(client)
    assert browser.ask("POST", "/login", "x" * 9000).status == 413
    assert browser.ask("POST", "/login", "{}", {"Content-Type": "application/json"}).status == 400
    assert browser.ask("POST", "/login", "&".join(["a=1"] * 30)).status == 400


@pytest.mark.parametrize(
    ("asked", "given"),
    [
        ("/mismatches?q=12", "/mismatches?q=12"),
        ("//evil.example", "/"),
        ("/\\evil.example", "/"),
        ("https://evil.example", "/"),
        ("/a\nb", "/"),
        ("", "/"),
        ("login", "/"),
    ],
)
def test_only_a_path_of_this_server_is_gone_to(asked: str, given: str) -> None:
    assert local_path(asked) == given


def test_each_answer_has_the_policy(ann: Browser, client: testing.TestClient) -> None:
    stranger = Browser(client)
    answers = [
        *(ann.get(path) for path in PAGES),
        *(stranger.get(path) for path in ("/", "/login", "/no-such-page", "/sims/x")),
        ann.get("/sims/x"),
        ann.get("/static/console.css"),
        ann.get("/static/none.css"),
        ann.ask("POST", "/logout", ""),
        ann.ask("PUT", "/"),
    ]
    for answer in answers:
        assert answer.headers["content-security-policy"] == POLICY
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "same-origin"
        assert answer.headers["cross-origin-opener-policy"] == "same-origin"
    assert [answer.headers["cache-control"] for answer in answers[:9]] == ["no-store"] * 9
    assert "immutable" in ann.get("/static/console.css").headers["cache-control"]


def test_programs_are_answered_as_before(client: testing.TestClient) -> None:
    program = Browser(client)
    answer = program.ask("GET", "/no-such-page", headers={"Accept": "application/json"})
    assert (answer.status, answer.headers["content-type"]) == (404, "application/json")
    for each in (answer, program.get("/healthz")):
        assert "script-src" not in each.headers["content-security-policy"]


def test_a_page_that_the_store_refuses_does_not_say_where_the_store_is(
    ann: Browser, filled: Store
) -> None:
    path = Path(filled.name)
    away = path.rename(path.with_suffix(".away"))
    time.sleep(LOOK_AGAIN_S)
    page = ann.get("/")
    away.rename(path)
    assert (page.status, page.headers["retry-after"]) == (503, "5")
    assert "cannot be opened, read or written" in page.text
    assert str(path.parent) not in page.text
