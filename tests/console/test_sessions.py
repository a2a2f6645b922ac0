"""A user's own sessions: seen and ended by them, and by nobody else."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import pytest

from tallystick.core.errors import PasswordRefused, SessionRefused
from tests.console.world import PASSWORD, Answer, Browser

if TYPE_CHECKING:
    from falcon import testing

    from tallystick.access import Access
    from tests.conftest import Clock

NEW = "battery staple"
NAME = re.compile(r'name="session" value="([0-9a-f]{64})"')
ROW = re.compile(r"<tr><td>")


@pytest.fixture
def eva(access: Access, client: testing.TestClient, clock: Clock) -> Browser:
    """A browser of a user who has no other session."""
    if "eva" not in {user.name for user in access.users()}:
        access.add_user("eva", PASSWORD, [], all_accounts=True)
    clock.advance(24 * 60 * 60)
    browser = Browser(client)
    browser.sign_in("eva")
    return browser


def test_a_user_sees_their_sessions_of_the_console_and_of_programs(
    eva: Browser, access: Access, clock: Clock
) -> None:
    alone = eva.get("/sessions").text
    assert (len(ROW.findall(alone)), NAME.findall(alone)) == (1, [])
    assert "this one" in alone
    clock.advance(60)
    access.login("eva", PASSWORD)
    both = eva.get("/sessions").text
    assert (len(ROW.findall(both)), len(NAME.findall(both))) == (2, 1)
    assert both.count("a program") == 1
    clock.advance(19 * 60)
    assert eva.get("/").status == 200
    clock.advance(2 * 60)
    assert NAME.findall(eva.get("/sessions").text) == []  # the program's has ended by itself


def test_a_session_that_was_ended_opens_nothing_any_more(
    eva: Browser, access: Access, client: testing.TestClient
) -> None:
    other = Browser(client)
    other.sign_in("eva")
    (name,) = NAME.findall(eva.get("/sessions").text)
    done = eva.ask("POST", "/sessions/end", f"csrf={eva.csrf()}&session={name}")
    assert (done.status, done.headers["location"]) == (303, "/sessions")
    assert other.get("/").status == 303
    token = access.login("eva", PASSWORD)
    other.sign_in("eva")
    assert eva.ask("POST", "/sessions/end-others", f"csrf={eva.csrf()}").status == 303
    assert other.get("/").status == 303
    with pytest.raises(SessionRefused):
        access.user_of_session(token)
    assert eva.get("/").status == 200


def change(browser: Browser, **fields: str) -> Answer:
    """Send the form for another password, with the token of the session."""
    body = urlencode({"csrf": browser.csrf(), "old": PASSWORD, "new": NEW, "again": NEW} | fields)
    return browser.ask("POST", "/sessions/password", body)


def test_a_user_of_any_role_changes_their_password_and_all_other_sessions_end(
    eva: Browser, access: Access, client: testing.TestClient
) -> None:
    program, other = access.login("eva", PASSWORD), Browser(client)
    other.sign_in("eva")
    done = change(eva)
    assert (done.status, done.headers["location"]) == (303, "/sessions#changed")
    assert (eva.get("/sessions").status, other.get("/").status) == (200, 303)
    with pytest.raises(SessionRefused):
        access.user_of_session(program)
    with pytest.raises(PasswordRefused):
        access.login("eva", PASSWORD)
    access.login("eva", NEW)
    assert change(eva, old=NEW, new=PASSWORD, again=PASSWORD).status == 303


@pytest.mark.parametrize(
    ("fields", "status", "said"),
    [
        ({"old": "wrong"}, 403, "present password is wrong"),
        ({"again": "battery"}, 400, "same way twice"),
        ({"new": "short", "again": "short"}, 400, "8-"),
        ({"new": "password1", "again": "password1"}, 400, "first that anybody would guess"),
    ],
)
def test_a_password_that_is_refused_changes_nothing_and_is_not_shown_again(
    eva: Browser, access: Access, fields: dict[str, str], status: int, said: str
) -> None:
    refused = change(eva, **fields)
    assert (refused.status, said in refused.text) == (status, True)
    assert (PASSWORD in refused.text, NEW in refused.text) == (False, False)
    access.login("eva", PASSWORD)


def test_five_wrong_passwords_in_the_form_lock_the_user_as_at_the_sign_in(
    eva: Browser, access: Access
) -> None:
    for _ in range(5):
        assert change(eva, old="wrong").status == 403
    assert change(eva).status == 403
    with pytest.raises(PasswordRefused):
        access.login("eva", PASSWORD, "127.0.0.1")
    access.unlock_user("eva")
    assert change(eva, new=PASSWORD, again=PASSWORD).status == 303


def test_nobody_ends_a_session_of_somebody_else(eva: Browser, ann: Browser, access: Access) -> None:
    access.login("eva", PASSWORD)
    (name,) = NAME.findall(eva.get("/sessions").text)
    ann.ask("POST", "/sessions/end", f"csrf={ann.csrf()}&session={name}")
    ann.ask("POST", "/sessions/end-others", f"csrf={ann.csrf()}")
    assert NAME.findall(eva.get("/sessions").text) == [name]
    for forged in ("", "x", name[:-2], name.upper()):
        body = f"csrf={eva.csrf()}&session={forged}"
        assert eva.ask("POST", "/sessions/end", body).status == 400


def test_a_session_of_the_console_that_is_too_old_is_not_listed(
    eva: Browser, client: testing.TestClient, clock: Clock
) -> None:
    later = Browser(client)
    for _ in range(12 * 4):
        clock.advance(15 * 60)
        assert eva.get("/sims/0").status == 400
    later.sign_in("eva")
    assert len(ROW.findall(later.get("/sessions").text)) == 2
    clock.advance(1)
    assert len(ROW.findall(later.get("/sessions").text)) == 1
