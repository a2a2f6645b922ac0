"""The console in a real Chromium: keys, more rows, both schemes, and nothing from another host.

Left out, and said so, where the machine has none; `.ci/run` installs one.
"""

from __future__ import annotations

import secrets
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pytest
from playwright.sync_api import sync_playwright

from tallystick.clock import system_clock
from tallystick.core.facts import Sim, SimActivation, SimExpectation
from tallystick.core.ledger import Origin
from tallystick.core.moments import BEGINNING
from tallystick.core.roles import Role
from tallystick.fleet import review
from tallystick.intake import propose_facts
from tallystick.store import open_store
from tallystick.thingspace.rows import wire_row
from tests.console.vendored import GRAVE, OF_COLOURS, RUN_AXE, axe_source
from tests.console.world import (
    CROWD,
    DAY_ONE,
    FOREIGN,
    MINE,
    ONE,
    PASSWORD,
    WINDOW,
    crowd_sim,
    fill,
    home_of,
)
from tests.listening import wait_until
from tests.quick_access import quick_access
from tests.serving import serving

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, FilePayload, Page, StorageState

    from tallystick.store import Store

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
OTHER_SIMS = 100_000
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
LIST = f"/mismatches?{WINDOW}"
# Few rows have all that many have, and are looked at much faster.
PAGES = (f"/?{WINDOW}", f"{LIST}&q=8999000000000000001", f"/sims/{ONE}?{WINDOW}")
WIDTHS = (360, 1280, 2560)
CONTRAST_MIN = 4.5
# In each scheme the rules that are looked at, all if none is named: the second differs in colours.
RULES: dict[Literal["light", "dark"], tuple[str, ...]] = {"light": (), "dark": OF_COLOURS}
# The contrast of each text with the nearest ground behind it (WCAG 2.2, 1.4.3), worst first.
CONTRASTS = """() => {
  const light = (text) => {
    const [r, g, b] = text.match(/[0-9.]+/g).slice(0, 3).map((each) => {
      const share = each / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (element) => {
    for (; element; element = element.parentElement) {
      const colour = getComputedStyle(element).backgroundColor;
      if (!/, 0\\)$/.test(colour)) return colour;
    }
    return "rgb(255, 255, 255)";
  };
  const worst = [];
  for (const element of document.querySelectorAll("body *")) {
    const has = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    if (!has || !element.checkVisibility()) continue;
    const style = getComputedStyle(element);
    const ink = element instanceof SVGElement ? style.fill : style.color;
    const [a, b] = [light(ink), light(ground(element))].sort((one, two) => two - one);
    worst.push([(a + 0.05) / (b + 0.05), element.tagName + " " + element.textContent.slice(0, 30)]);
  }
  return worst.sort((one, two) => one[0] - two[0])[0];
}"""
DROP = """([name, text]) => {
  const dropped = new DataTransfer();
  dropped.items.add(new File([text], name));
  const event = new DragEvent("drop", { dataTransfer: dropped, bubbles: true, cancelable: true });
  document.getElementById("file-form").dispatchEvent(event);
}"""
# What a button says for two seconds is noted, for a busy machine may look too late.
NOTE_WHAT_IS_SAID = """() => {
  window.said = [];
  const note = (changes) => window.said.push(...changes.map((each) => each.target.textContent));
  new MutationObserver(note).observe(document.body, { subtree: true, childList: true });
}"""
UNNAMED_FIELDS = """() => [...document.querySelectorAll("input:not([type=hidden]), select")]
  .filter((field) => !field.labels.length).map((field) => field.name)"""

pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="there is no Chromium on this machine: install the package chromium"
)


def fill_with_others(store: Store) -> None:
    """Many SIMs of the first account, each seen where it is expected: no page may notice them."""
    numbers = range(CROWD, CROWD + OTHER_SIMS)
    pairs = [(crowd_sim(number), home_of(number)) for number in numbers]
    with store.transaction() as writer:
        writer.take_sims([Sim(sim, None, MINE, None, "4G") for sim, _ in pairs])
        writer.take_expectations([SimExpectation(sim, BEGINNING, home) for sim, home in pairs])
        writer.take_activations([SimActivation(sim, DAY_ONE, home) for sim, home in pairs])


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server with the small fleet, and many SIMs that are as they should be."""
    database = f"sqlite:///{tmp_path_factory.mktemp('browser') / 'store.db'}"
    with open_store(database, wire_row) as store:
        store.init("UTC")
        fill(store)
        fill_with_others(store)
        quick_access(store, system_clock, secrets.token_bytes).add_user(
            "ann", PASSWORD, [MINE], all_accounts=False, role=Role.OPERATOR
        )
        access = quick_access(store, system_clock, secrets.token_bytes)
        access.add_user("ed", PASSWORD, [], all_accounts=True, role=Role.EDITOR)
        access.add_user("vic", PASSWORD, [MINE], all_accounts=False, role=Role.VIEWER)
        access.add_user("pam", PASSWORD, [MINE], all_accounts=False, role=Role.APPROVER)
        proposal = review.for_sims(Origin("console/ed", DAY_ONE), [ONE])
        propose_facts(store, [SimExpectation(ONE, BEGINNING, FOREIGN)], proposal)
    with serving(database) as port:
        yield f"http://127.0.0.1:{port}"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One Chromium for all tests."""
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def session(browser: Browser, base: str) -> StorageState:
    """The cookies of somebody who has signed in."""
    context = browser.new_context(base_url=base)
    sign_in(context.new_page())
    cookies = context.storage_state()
    context.close()
    return cookies


@pytest.fixture
def page(browser: Browser, base: str, session: StorageState) -> Iterator[Page]:
    """A page of somebody who has signed in; whatever it complains of fails the test."""
    context = browser.new_context(base_url=base, storage_state=session)
    context.set_default_timeout(30_000)
    opened = context.new_page()
    complaints: list[str] = []
    asked: list[str] = []
    opened.on("console", lambda message: complaints.append(message.text))
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.on("request", lambda request: asked.append(request.url))
    yield opened
    context.close()
    assert complaints == []
    assert [address for address in asked if not address.startswith(base)] == []


def sign_in(page: Page, then: str = "/", name: str = "ann") -> None:
    """As a person does it, with the keyboard."""
    page.goto(then)
    page.wait_for_selector("input[name=name]:focus")
    page.keyboard.type(name)
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_selector("header.top")


def assert_fits(page: Page) -> None:
    """Nothing on a page is wider than the screen."""
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth") <= width, page.url


def every_page(page: Page) -> list[str]:
    """The addresses of all pages, those that lists lead to among them."""
    page.goto("/changes?state=proposed")
    change_set = page.locator("tbody a").first.get_attribute("href")
    page.goto(PAGES[-1])
    correction = page.get_by_text("Correct", exact=True).get_attribute("href")
    explanation = page.get_by_text("Explain", exact=True).get_attribute("href")
    assert change_set
    assert correction
    assert explanation
    of_rows = explanation.replace("explain", "correct", 1)
    work = [change_set, correction, explanation, of_rows, f"/admin/account?name={MINE}"]
    of_sims = [f"/corrections?{WINDOW}", "/coverage?earliest=2020-01-01&latest=2020-01-02"]
    return [*PAGES, *of_sims, "/sessions", "/changes", *work, "/imports"]


def test_more_rows_are_put_below_the_last_ones_in_place(page: Page) -> None:
    page.goto(LIST)
    rows = page.locator(".rows tbody tr")
    assert rows.count() == 200
    page.get_by_text("Load more").press("Enter")
    rows.nth(399).wait_for(state="attached")
    page.get_by_text("Load more").press("Enter")
    rows.nth(CROWD - 1).wait_for(state="attached")
    assert page.get_by_text("Load more").count() == 0
    assert page.locator("#shown").text_content() == str(CROWD)
    shown = page.locator(".rows a.sim").all_text_contents()
    assert len(set(shown)) == CROWD


def test_more_rows_behind_an_ended_session_are_a_page_to_sign_in(page: Page) -> None:
    page.goto(LIST)
    page.context.clear_cookies()
    page.get_by_text("Load more").press("Enter")
    page.wait_for_url("**/login?next=**")
    assert "behind" in page.input_value("input[name=next]")


def test_rows_are_gone_through_and_opened_by_keys(page: Page) -> None:
    page.goto(LIST)
    sims = page.locator(".rows a.sim").all_text_contents()
    for key, place in (("j", 0), ("j", 1), ("j", 2), ("k", 1)):
        page.keyboard.press(key)
        assert page.evaluate("document.activeElement.textContent") == sims[place]
    page.keyboard.press("/")
    page.keyboard.type("jk?9")
    assert page.input_value("#search") == "jk?9"
    page.keyboard.press("Escape")
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("?")
    page.wait_for_selector("dialog[open]")
    page.keyboard.press("Escape")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_selector("svg.lanes")
    assert sims[0] in page.title()


def test_rows_are_selected_by_keys_and_clicks_and_acted_on(page: Page) -> None:
    page.goto(LIST)
    sims = page.locator(".rows a.sim").all_text_contents()
    for key in ("j", "j", "x", "j", "j", "X", "k", "x"):
        page.keyboard.press(key)
    assert page.locator("#selected").text_content() == "2 selected, or"
    page.locator(".pick input").nth(5).click()
    page.locator(".pick input").nth(8).click(modifiers=["Shift"])
    assert page.locator("#selected").text_content() == "6 selected, or"
    page.keyboard.press("p")
    page.get_by_role("heading", name="Correct 6 mismatches").wait_for()
    chosen = [sims[place] for place in (1, 3, 5, 6, 7, 8)]
    assert page.locator(".rows a.sim").all_text_contents() == chosen
    page.go_back()
    page.get_by_label("take all that fit").check()
    page.keyboard.press("e")
    page.get_by_role("heading", name=f"Explain {CROWD} mismatches").wait_for()


def test_a_bar_leads_to_the_rows_of_its_day(page: Page) -> None:
    page.goto(f"/?{WINDOW}")
    page.locator(".chart a").first.focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/mismatches?*earliest=2026-05-05*")
    assert page.locator(".rows tbody tr").count() == 200
    page.go_back()
    page.locator(".chart .fill").first.click()
    page.wait_for_url("**/mismatches?*cause=paperwork*")
    assert page.locator("select[name=cause]").input_value() == "paperwork"
    assert page.locator("input[name=earliest]").input_value() == "2026-05-05"


def test_every_page_fits_the_screen_and_can_be_read_and_used_by_keys_in_both_schemes(
    page: Page,
) -> None:
    wrong: list[tuple[str, str, str]] = []
    for path in every_page(page):
        page.goto(path)
        assert_fields_have_names_and_focus_is_seen(page)
        for summary in page.locator("details > summary").all():
            summary.click()
        page.evaluate(axe_source())
        for scheme, rules in RULES.items():
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            wrong += [(path, scheme, each) for each in page.evaluate(RUN_AXE, [GRAVE, rules])]
            contrast, where = page.evaluate(CONTRASTS)
            assert contrast >= CONTRAST_MIN, f"{path}, {scheme}: {where}"
        assert_fits(page)
    assert wrong == []


def assert_fields_have_names_and_focus_is_seen(page: Page) -> None:
    """One heading, a name for each field, and the first key leads to the content."""
    assert page.evaluate(UNNAMED_FIELDS) == []
    assert page.locator("h1").count() == 1
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"


@pytest.mark.parametrize(
    ("name", "offered"),
    [
        ("vic", []),
        ("ed", ["Correct", "Explain", "Imports", "Withdraw the proposal"]),
        ("pam", ["Correct", "Explain", "Imports", "Approve"]),
        ("ann", ["Correct", "Explain", "Imports", "Admin", "Approve"]),
    ],
)
def test_each_role_is_offered_what_it_may_do(
    browser: Browser, base: str, name: str, offered: list[str]
) -> None:
    context = browser.new_context(base_url=base)
    page = context.new_page()
    sign_in(page, f"/sims/{ONE}?{WINDOW}", name)
    deeds = ("Correct", "Explain", "Imports", "Admin", "Approve", "Withdraw the proposal")
    there = {deed for deed in deeds if page.get_by_text(deed, exact=True).is_visible()}
    page.goto("/changes?state=proposed")
    page.locator("tbody a").first.click()
    page.get_by_role("heading", name="What it would do").wait_for()
    there |= {deed for deed in deeds if page.get_by_text(deed, exact=True).is_visible()}
    page.keyboard.press("a")
    focused = page.evaluate("document.activeElement.textContent")
    context.close()
    assert (there, focused == "Approve") == (set(offered), "Approve" in offered)


def test_times_say_on_hover_how_long_ago_they_were(page: Page) -> None:
    page.goto(f"/sims/{ONE}?{WINDOW}")
    seen_at = page.locator("main time").first
    seen_at.hover()
    assert (seen_at.get_attribute("title") or "").endswith(" ago")


def test_a_table_is_still_one_to_who_cannot_see_it(page: Page) -> None:
    page.goto(f"{LIST}&all=yes")
    table = page.get_by_role("table")
    assert table.get_by_role("columnheader").count() == 9
    assert table.get_by_role("row").count() == CROWD + 1
    assert table.get_by_role("row").nth(1).get_by_role("cell").count() == 9


def test_without_javascript_more_rows_are_another_page(browser: Browser, base: str) -> None:
    context = browser.new_context(base_url=base, java_script_enabled=False)
    plain = context.new_page()
    sign_in(plain, LIST)
    plain.get_by_text("Load more").click()
    plain.wait_for_url("**behind=*")
    assert plain.locator(".rows tbody tr").count() == 200
    context.close()


@pytest.mark.parametrize(
    ("has_javascript", "first_seen"),
    [(True, ".lanes .stay.unexpected"), (False, ".lanes .day-label >> nth=-1")],
    ids=["with JavaScript its newest mismatch", "without its newest day"],
)
def test_a_sims_picture_that_is_wider_than_the_screen_shows_first(
    browser: Browser,
    base: str,
    session: StorageState,
    first_seen: str,
    *,
    has_javascript: bool,
) -> None:
    context = browser.new_context(
        base_url=base,
        storage_state=session,
        java_script_enabled=has_javascript,
        viewport={"width": 390, "height": 800},
    )
    narrow = context.new_page()
    narrow.goto(PAGES[-1])
    place, wanted = narrow.locator(".newest").bounding_box(), narrow.locator(first_seen)
    seen = wanted.bounding_box()
    assert place
    assert seen
    assert place["x"] <= seen["x"] <= place["x"] + place["width"] - seen["width"]
    assert narrow.locator(".lanes").evaluate("each => each.clientWidth") > place["width"]
    context.close()


def try_correction(page: Page) -> None:
    """From the page of a SIM on, say what is right and see what that would do."""
    page.get_by_text("Correct", exact=True).click()
    page.get_by_label("Ticket").fill("OPS-7")
    page.get_by_text("Show what it would do").click()
    page.get_by_text("would close 1 row").wait_for()


def decide_how_to_decide(page: Page, how: str) -> None:
    """As an operator, say how it is decided what is to be expected of the account's SIMs."""
    page.goto(f"/admin/account?name={MINE}")
    page.get_by_label(how).check()
    page.get_by_role("button", name="Change who approves").click()
    assert page.get_by_label(how).is_checked()
    assert_fits(page)


def test_without_javascript_a_correction_is_left_to_somebody_else_where_the_account_asks(
    browser: Browser, base: str
) -> None:
    context = browser.new_context(base_url=base, java_script_enabled=False)
    plain = context.new_page()
    sign_in(plain, "/admin/accounts")
    decide_how_to_decide(plain, "by two people")
    plain.goto(PAGES[-1])
    try_correction(plain)
    assert plain.get_by_role("button", name="Apply it").count() == 0
    assert_fits(plain)
    plain.get_by_role("button", name="Propose it").click()
    plain.wait_for_url("**/changes/*")
    assert plain.get_by_text("another person has to decide").count() == 1
    assert plain.get_by_role("button", name="Approve").count() == 0
    decide_how_to_decide(plain, "by one person")
    plain.goto(PAGES[-1])
    try_correction(plain)
    plain.get_by_role("button", name="Apply it").click()
    plain.get_by_role("heading", name="applied").wait_for()
    plain.get_by_role("button", name="Undo it").click()
    plain.get_by_text("Takes back").wait_for()
    plain.goto(PAGES[-1])
    assert plain.get_by_text("Correct", exact=True).count() == 1
    context.close()


@pytest.mark.parametrize("has_script", [True, False])
def test_a_file_is_looked_at_and_taken_in_and_chosen_once_where_there_is_javascript(
    browser: Browser, base: str, has_script: bool
) -> None:
    file: FilePayload = {
        "name": "seen.csv",
        "mimeType": "text/csv",
        "buffer": f"iccid,imei,activated_at\n{ONE},{FOREIGN},2026-05-09T10:00:00Z\nx,y,z".encode(),
    }
    context = browser.new_context(base_url=base, java_script_enabled=has_script)
    opened = context.new_page()
    complaints: list[str] = []
    opened.on("console", lambda message: complaints.append(message.text))
    sign_in(opened, "/imports", "ed")
    if has_script:
        opened.evaluate(DROP, [file["name"], file["buffer"].decode()])
    else:
        opened.get_by_label("File", exact=True).set_input_files(file)
        opened.get_by_text("Preview", exact=True).click()
    opened.get_by_text("How seen.csv would be read").wait_for()
    assert_fits(opened)
    if not has_script:
        opened.get_by_label("File", exact=True).set_input_files(file)
    opened.get_by_role("button", name="Import").click()
    opened.get_by_text("seen.csv was taken in").wait_for()
    assert opened.get_by_role("table").get_by_role("row").count() == 2
    assert_fits(opened)
    opened.goto("/imports")
    assert opened.get_by_text("done", exact=True).first.is_visible()
    context.close()
    assert complaints == []


def copy(page: Page, what: str) -> None:
    """Press the button that copies something, and come back when it has said that it did."""
    page.evaluate(NOTE_WHAT_IS_SAID)
    page.get_by_role("button", name=f"Copy {what}", exact=True).click()
    wait_until(lambda: page.evaluate("window.said.includes('Copied')"))


def test_commands_calls_and_numbers_are_copied_by_their_buttons(page: Page) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(f"{LIST}&reason=always-here&order=iccid")
    page.get_by_text("As a command, or a call").click()
    text = ""
    for name, source in (("the command", "#command"), ("the call for csv", ".call >> nth=0")):
        copy(page, name)
        text = page.evaluate("navigator.clipboard.readText()")
        assert text == page.locator(source).text_content()
    assert "reason=always-here&order=iccid" in text
    page.goto(PAGES[-1])
    copy(page, str(ONE))
    assert page.evaluate("navigator.clipboard.readText()") == str(ONE)
    page.evaluate("Object.defineProperty(navigator, 'clipboard', {value: undefined})")
    copy(page, str(ONE))


# It closes a row that others look at, and stands last.
def test_a_manufacturers_file_goes_out_and_comes_back_in(browser: Browser, base: str) -> None:
    context = browser.new_context(base_url=base)
    opened = context.new_page()
    complaints: list[str] = []
    opened.on("console", lambda message: complaints.append(message.text))
    sign_in(opened, f"/corrections?{WINDOW}", "ed")
    with opened.expect_download() as sent:
        opened.get_by_role("link", name="CSV for Corvid & Sons").click()
    text = Path(sent.value.path()).read_text()
    assert text.splitlines() == ["iccid,imei,effective_from", f"{ONE},{FOREIGN},"]
    opened.evaluate(DROP, [sent.value.suggested_filename, text])
    opened.get_by_text("How corrections-corvid-sons.csv would be read").wait_for()
    assert_fits(opened)
    opened.get_by_role("button", name="Import").click()
    opened.get_by_text("corrections-corvid-sons.csv was taken in").wait_for()
    opened.goto(f"{LIST}&manufacturer=Corvid+%26+Sons")
    opened.get_by_text("No rows here").wait_for()
    context.close()
    assert complaints == []
