"""Views of the list that a user saves by name and comes back to."""

from __future__ import annotations

import re
from html import unescape
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import pytest

from tests.console.world import PASSWORD, WINDOW, Answer, Browser

if TYPE_CHECKING:
    from falcon import testing

    from tallystick.access import Access
    from tallystick.store import Store
    from tests.conftest import Clock

ASKED = re.compile(r'type="hidden" name="asked" value="([^"]*)"')
VIEW = re.compile(r'<a href="(/mismatches\?[^"]*)">([^<]+)</a>')
DAY_S = 24 * 60 * 60


def send(browser: Browser, page: str, name: str, deed: str = "save") -> Answer:
    """Save what a page of the list shows, or forget a name."""
    (asked,) = ASKED.findall(browser.get(page).text)
    fields = {"asked": unescape(asked), "name": name, "do": deed, "back": page}
    return browser.ask("POST", "/mismatches/views", urlencode({"csrf": browser.csrf(), **fields}))


def views(browser: Browser) -> dict[str, str]:
    """The addresses of the saved views, by name."""
    page = browser.get("/mismatches").text.partition("Saved views")[2].partition("<form")[0]
    return {unescape(name): unescape(address) for address, name in VIEW.findall(page)}


def test_a_view_is_saved_opened_replaced_and_forgotten_by_its_user_alone(
    ann: Browser, bob: Browser
) -> None:
    page = f"/mismatches?{WINDOW}&q=8999000000000000001&order=oldest&column=mdn&all=yes"
    saved = send(ann, page, "Depot <7>")
    assert (saved.status, saved.headers["location"]) == (303, page)
    (address,) = views(ann).values()
    assert list(views(ann)) == ["Depot <7>"]
    assert ann.get(address).sims == ann.get(page).sims
    assert "all=yes" not in address
    assert ">Phone number</th>" in ann.get(address).text
    assert views(bob) == {}
    assert send(bob, page, "Depot <7>", "forget").status == 303
    assert send(ann, f"/mismatches?{WINDOW}&state=open", "Depot <7>").status == 303
    assert "state=open" in views(ann)["Depot <7>"]
    assert send(ann, page, "Depot <7>", "forget").status == 303
    assert views(ann) == {}


def test_a_window_until_today_goes_on_with_time(
    ann: Browser, client: testing.TestClient, clock: Clock
) -> None:
    assert send(ann, "/mismatches?days=7&cause=theft", "Of the week").status == 303
    assert "days=7" in views(ann)["Of the week"]
    assert 'name="earliest" value="2026-05-26"' in ann.get(views(ann)["Of the week"]).text
    clock.advance(2 * DAY_S)
    later = Browser(client)
    later.sign_in("ann")
    assert 'name="earliest" value="2026-05-28"' in later.get(views(later)["Of the week"]).text
    assert send(later, "/mismatches", "Of the week", "forget").status == 303


@pytest.mark.parametrize("name", ["", " ", "x" * 65, "a\nb"])
def test_a_name_that_is_none_is_refused(ann: Browser, name: str) -> None:
    assert send(ann, "/mismatches", name).status == 400
    assert views(ann) == {}


def test_views_go_with_their_user_and_are_fifty_at_most(
    client: testing.TestClient, access: Access, filled: Store
) -> None:
    access.add_user("many", PASSWORD, [], all_accounts=True)
    browser = Browser(client)
    browser.sign_in("many")
    for number in range(50):
        assert send(browser, "/mismatches", f"view {number}").status == 303
    refused = send(browser, "/mismatches", "one more")
    assert (refused.status, "saved 50 views" in refused.text) == (400, True)
    assert send(browser, "/mismatches?state=open", "view 7").status == 303
    access.remove_user("many")
    with filled.snapshot() as reader:
        assert reader.whole_saved_views() == []
