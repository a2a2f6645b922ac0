"""What the pages show, to whom, and where their numbers lead."""

from __future__ import annotations

import csv
import io
import json
import re
from html import unescape
from typing import TYPE_CHECKING

import polars as pl
import pytest
from python_calamine import load_workbook

from tallystick.console.words import CAUSES, REASONS, SENTENCES
from tallystick.core.reasons import NARROWING, Cause, Code
from tallystick.settings import Settings
from tests.console.conftest import client_of
from tests.console.world import (
    CROWD,
    FOREIGN,
    HOME,
    MDN,
    MINE,
    ONE,
    OTHERS,
    THREE,
    TWO,
    WINDOW,
    Browser,
    crowd_sim,
    home_of,
)

if TYPE_CHECKING:
    from falcon import testing

    from tallystick.access import Access
    from tallystick.store import Store
    from tests.conftest import Clock

MORE = re.compile(r'id="more" class="button" href="([^"]+)"')
FIGURE = re.compile(r'class="figure" href="([^"]+)"><strong>([0-9,]+)</strong>')
SHARE = re.compile(r'<li><a href="([^"]+)"><span>[^<]*</span><strong>([0-9,]+)</strong>')
PART = re.compile(r'class="part" href="([^"]+)"[^>]*>\s*<title>[^<]* ([0-9,]+) of')
CELL = re.compile(r'<a href="([^"]+cause=[^"]+)">([0-9,]+)</a></td>')
ATTRIBUTES_REFUSED = re.compile(r"<[^>]* (?:style|on[a-z]+)=", re.IGNORECASE)
ALL = f"/mismatches?{WINDOW}&all=yes"
ONE_USER = "/admin/user?name=ann"
OF_A_USER = ["/", ALL, f"/sims/{ONE}?{WINDOW}", "/changes", "/corrections", "/imports", "/coverage"]
OF_A_USER += ["/sessions", "/admin/users", ONE_USER, "/admin/apps", "/admin/accounts"]
NEWEST_FIRST = [str(crowd_sim(number)) for number in range(CROWD - 1, 0, -1)] + [str(ONE)]


def links(pattern: re.Pattern[str], text: str) -> list[tuple[str, int]]:
    """Every link of a kind on a page, and the number that it shows."""
    return [
        (unescape(address), int(count.replace(",", ""))) for address, count in pattern.findall(text)
    ]


def test_a_list_has_two_hundred_rows_a_page_and_each_row_once(ann: Browser) -> None:
    address, shown = f"/mismatches?{WINDOW}", list[str]()
    sizes = []
    while address:
        page = ann.get(address)
        assert page.status == 200
        shown += page.sims
        sizes.append(len(page.sims))
        more = MORE.search(page.text)
        address = unescape(more[1]) if more else ""
    assert sizes == [200, 200, 50]
    assert shown == NEWEST_FIRST


def test_all_rows_stand_in_bodies_of_a_hundred(ann: Browser) -> None:
    page = ann.get(ALL)
    assert page.sims == NEWEST_FIRST
    assert page.text.count('<tbody role="rowgroup" class="hundred">') == 4
    assert page.text.count("<tbody") == 5
    assert "content-length" not in page.headers, "it is sent while it is drawn"


def test_the_order_may_be_turned_and_paged_through(ann: Browser) -> None:
    first = ann.get(f"/mismatches?{WINDOW}&order=oldest")
    more = MORE.search(first.text)
    assert more
    assert first.sims + ann.get(unescape(more[1])).sims == NEWEST_FIRST[::-1][:400]


def test_a_list_is_put_in_order_by_its_heads(bob: Browser) -> None:
    heads = bob.get(ALL).text.partition("<thead")[2].partition("</thead>")[0]
    links_of = dict(re.findall(r'<a href="([^"]+order=(?:\w+))">([^<]+)</a>', heads))
    assert list(links_of.values()) == ["Seen at", "SIM", "Account", "Seen in"]
    oldest, sim, account, seen_in = (f"{unescape(each)}&all=yes" for each in links_of)
    assert bob.get(oldest).sims == bob.get(ALL).sims[::-1]
    assert bob.get(sim).sims == sorted(bob.get(ALL).sims)
    assert bob.get(account).sims == [str(TWO), str(ONE), *bob.get(oldest).sims[2:]]
    assert bob.get(seen_in).sims[:2] == [str(TWO), str(ONE)]
    assert 'aria-sort="ascending"><' not in bob.get(account).text
    assert re.search(r'aria-sort="ascending">Account', bob.get(account).text)
    first = bob.get(sim.replace("&all=yes", ""))
    more = MORE.search(first.text)
    assert more
    assert first.sims + bob.get(unescape(more[1])).sims == sorted(bob.get(ALL).sims)[:400]


@pytest.mark.parametrize(
    ("filters", "sims"),
    [
        ("q=8000000800000010", {ONE}),
        (f"q={MDN}", {ONE}),
        ("q=096300", {ONE}),
        (f"q={FOREIGN}", {ONE}),
        (f"q={HOME}", {ONE}),
        ("q=3571 5209-123", {ONE}),
        (f"q={home_of(500_007)}", {crowd_sim(7)}),
        ("q=2026", set()),
        ("tac=35715209", {ONE}),
        ("manufacturer=Corvid+%26+Sons", {ONE}),
        ("manufacturer=Nobody", set()),
        ("manufacturer=Corvid+%26+Sons&tac=86123405", set()),
        (f"account={MINE}&group=Meters", {ONE}),
        ("earliest=2026-05-05T09:59:59Z&latest=2026-05-05T10:00:30Z", {ONE}),
        ("cause=paperwork&tac=35715209", {ONE}),
        ("cause=theft", set()),
        ("reason=other-model&q=8914", {ONE}),
        ("reason=moved-on", set()),
        ("model=C7", {ONE}),
        ("model=C7&manufacturer=Nobody", set()),
    ],
)
def test_filters_leave_the_rows_that_fit(ann: Browser, filters: str, sims: set[object]) -> None:
    page = ann.get(
        f"/mismatches?{WINDOW}&{filters}" if "earliest" not in filters else f"/mismatches?{filters}"
    )
    assert page.status == 200
    assert set(page.sims) == set(map(str, sims))


def test_the_default_group_has_the_sims_of_no_other(ann: Browser) -> None:
    page = ann.get(f"{ALL}&account={MINE}&group=Unassigned+Devices")
    assert page.sims == NEWEST_FIRST[:-1]


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("q=123", "4-20 digits"),
        ("q=12a4", "4-20 digits"),
        ("earliest=yesterday", "earliest must be a timestamp"),
        ("earliest=2026-01-01&latest=2026-06-01", "3 calendar months"),
        ("order=mdn", "order must be one of newest, oldest"),
        ("cause=magic", "cause must be one of"),
        ("reason=swap-pair", "reason must be one of first-use, same-model"),
        ("tac=1", "tac must be 8 digits"),
        ("behind=1.2", "behind must be"),
        ("behind=99999999999999999999.1.1", "behind must be"),
        ("group=Meters", "together with one account"),
        (f"account={OTHERS}", "there is no account"),
        ("account=nobody%3Cb%3E", "there is no account"),
        (f"account={MINE}&group=none", "there is no group"),
    ],
)
def test_what_cannot_be_is_said_and_what_was_typed_stays(
    ann: Browser, query: str, said: str
) -> None:
    page = ann.get(f"/mismatches?{query}")
    assert page.status == 400
    alert = re.search(r'role="alert">([^<]+)<', page.text)
    assert alert
    assert said.lower() in unescape(alert[1]).lower()
    assert page.sims == []
    name, _, typed = query.partition("&")[0].partition("=")
    if name in {"q", "tac", "earliest"}:
        assert f'name="{name}"' in page.text
        assert f'value="{typed}"' in page.text
    assert "<b>" not in page.text
    assert ann.get(f"/mismatches/export?{query}").status in {400, 404}


@pytest.mark.parametrize("account", ["", f".{OTHERS}", ".no%00body"])
def test_a_place_in_order_of_account_tells_nothing_of_others(ann: Browser, account: str) -> None:
    page = ann.get(f"/mismatches?{WINDOW}&order=account&behind=1.1.1{account}")
    assert page.status == 400
    assert "names no account of yours" in page.text
    assert page.sims == []


def test_pages_in_order_of_account_follow_each_other(bob: Browser) -> None:
    asked = f"/mismatches?{WINDOW}&order=account"
    first = bob.get(asked)
    more = MORE.search(first.text)
    assert more
    assert f".{MINE}" in more[1]
    second = bob.get(unescape(more[1]))
    assert first.sims + second.sims == bob.get(f"{asked}&all=yes").sims[:400]
    assert len(second.sims) == 200


def test_columns_are_those_that_are_asked_for(ann: Browser) -> None:
    page = ann.get(f"/mismatches?{WINDOW}&column=mdn&column=before")
    heads = re.findall(r'role="columnheader"[^>]*>(?:<a [^>]+>)?([^<]+)<', page.text)
    assert heads == ["Seen at", "SIM", "Phone number", "Seen before in", "Seen in"]


def test_nothing_of_another_account_is_seen(ann: Browser, bob: Browser) -> None:
    for path in ("/", "/mismatches", "/mismatches/export"):
        assert OTHERS not in ann.get(f"{path}?{WINDOW}").text
        assert str(TWO) not in ann.get(f"{path}?{WINDOW}&q=8914").text
    assert bob.get(f"/mismatches?{WINDOW}&account={OTHERS}").sims == [str(TWO)]
    foreign, unknown = ann.get(f"/sims/{TWO}"), ann.get(f"/sims/{THREE}")
    assert (foreign.status, unknown.status) == (404, 404)
    assert foreign.text.replace(str(TWO), str(THREE)) == unknown.text
    assert str(TWO) not in ann.get(f"/sims/{ONE}?{WINDOW}").text
    assert str(TWO) in bob.get(f"/sims/{ONE}?{WINDOW}").text


def test_a_user_without_an_account_is_told_how_to_get_one(client: testing.TestClient) -> None:
    browser = Browser(client)
    browser.sign_in("new")
    for path in ("/", "/mismatches"):
        page = browser.get(path)
        assert page.status == 200
        assert "tallystick user change new --account" in page.text
    assert browser.get("/mismatches/export").status == 403
    assert browser.get(f"/sims/{ONE}").status == 404


def test_the_likely_cause_weighs_other_sims_and_the_filter_does_not(bob: Browser) -> None:
    page = bob.get(f"/mismatches?{WINDOW}&q={ONE}&cause=paperwork")
    assert page.sims == [str(ONE)]
    assert 'class="word likely swap-pair">Swapped pair' in page.text


def test_files_have_what_the_list_has_in_its_order(ann: Browser) -> None:
    asked = f"{WINDOW}&order=oldest&tac=86123405&column=mdn&behind=0.0.0"
    csv_file = ann.get(f"/mismatches/export?{asked}&form=csv")
    lines = list(csv.DictReader(io.StringIO(csv_file.text)))
    expected = NEWEST_FIRST[-2::-1]
    assert [line["iccid"] for line in lines] == expected
    assert "always-here" in lines[0]["reasons"]
    assert csv_file.headers["content-disposition"] == 'attachment; filename="mismatches.csv"'
    ndjson = ann.get(f"/mismatches/export?{asked}&form=ndjson").text.splitlines()
    assert [json.loads(line)["iccid"] for line in ndjson] == expected
    devices = json.loads(ann.get(f"/mismatches/export?{asked}&form=thingspace").text)["devices"]
    assert [each["iccid"] for each in devices] == expected
    assert devices[0]["simOtaDate"] == "2026-05-05T10:01:00Z"
    parquet = ann.get(f"/mismatches/export?{asked}&form=parquet")
    assert pl.read_parquet(parquet.body).rows() == [
        tuple(value or None for value in line.values()) for line in lines
    ]
    xlsx = ann.get(f"/mismatches/export?{asked}&form=xlsx")
    assert xlsx.headers["content-disposition"] == 'attachment; filename="mismatches.xlsx"'
    (sheet,) = load_workbook(io.BytesIO(xlsx.body)).sheet_names
    header, *rows = load_workbook(io.BytesIO(xlsx.body)).get_sheet_by_name(sheet).to_python()
    assert (header, rows) == (list(lines[0]), [list(line.values()) for line in lines])


def test_a_file_without_rows_is_one_all_the_same(ann: Browser) -> None:
    empty = ann.get(f"/mismatches/export?{WINDOW}&q=99999999&form=thingspace")
    assert json.loads(empty.text) == {"devices": []}
    assert ann.get("/mismatches/export?form=docx").status == 400
    for form in ("parquet", "xlsx"):
        assert ann.get(f"/mismatches/export?{WINDOW}&q=99999999&form={form}").status == 200


def test_the_command_and_the_call_name_the_same_window(ann: Browser) -> None:
    text = unescape(ann.get(f"/mismatches?{WINDOW}&account={MINE}&group=Meters").text)
    assert (
        "tallystick report --reasons --earliest 2026-05-01T00:00:00Z --latest 2026-06-01T00:00:00Z "
        f"--account {MINE} --group Meters" in text
    )
    assert "/api/v1/mismatches?earliest=2026-05-01T00%3A00%3A00Z" in text
    assert "not the other filters" not in text
    assert "not the other filters" in ann.get(f"/mismatches?{WINDOW}&q=8914").text


def test_each_number_of_the_overview_leads_to_as_many_rows(bob: Browser) -> None:
    page = bob.get(f"/?{WINDOW}").text
    numbers = links(FIGURE, page) + links(SHARE, page) + links(CELL, page)
    assert len(numbers) >= 1 + 1 + 2 + 3 + 1
    numbers += links(PART, page)
    assert [count for _, count in links(PART, page)] == [count for _, count in links(CELL, page)]
    assert numbers[0][1] == CROWD + 1
    for address, count in numbers:
        assert len(bob.get(f"{address}&all=yes").sims) == count, address


def test_the_overview_counts_only_what_its_user_sees(ann: Browser, bob: Browser) -> None:
    for browser, count in ((bob, CROWD + 1), (ann, CROWD)):
        assert links(FIGURE, browser.get(f"/?{WINDOW}").text)[0][1] == count


def test_the_overview_says_how_much_is_known(ann: Browser) -> None:
    text = " ".join(ann.get(f"/?{WINDOW}").text.split())
    assert f"Of all {CROWD} SIMs" in text
    assert text.count("<strong>100.0 %</strong>") == 2


def test_each_share_of_the_overview_leads_to_the_sims_that_lack_it(
    ann: Browser, bob: Browser
) -> None:
    links = re.findall(r'href="(/coverage[^"]+)"', ann.get(f"/?{WINDOW}").text)
    texts = [" ".join(ann.get(unescape(link)).text.split()) for link in links]
    assert [f"0 of all {CROWD} SIMs" in text for text in texts] == [True, True]
    empty = "/coverage?lacking=unseen&earliest=2020-01-01&latest=2020-01-02"
    mine, everything = ann.get(empty).text, bob.get(empty).text
    assert (f">{ONE}<" in mine, f">{TWO}<" in mine) == (True, False)
    assert (f">{ONE}<" in everything, f">{TWO}<" in everything) == (True, True)
    of_others = ann.get(f"{empty}&account={OTHERS}")
    assert (of_others.status, f">{TWO}<" in of_others.text) == (400, False)
    assert ann.get("/coverage?lacking=unloaded").status == 400


def test_an_empty_window_says_what_to_load(ann: Browser) -> None:
    for path in ("/", "/mismatches"):
        page = ann.get(f"{path}?earliest=2020-01-01&latest=2020-01-02")
        assert page.status == 200
        assert "tallystick import activations" in page.text


def test_days_are_those_of_the_servers_zone(
    filled: Store, access: Access, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    zoned = client_of(filled, access, clock, monkeypatch, Settings(time_zone="Asia/Kolkata"))
    browser = Browser(zoned)
    browser.sign_in("ann")
    page = browser.get(f"/?{WINDOW}").text
    (day,) = re.findall(r'<th scope="row"><a href="([^"]+)">2026-05-05</a>', page)
    assert "2026-05-06</a></th>" not in page
    assert len(browser.get(f"{unescape(day)}&all=yes").sims) == CROWD
    assert "2026-05-05 15:30:00 +05:30" in browser.get(f"{ALL}&q={ONE}").text
    late = "earliest=2026-05-05T15:30:00%2B05:30&latest=2026-05-05T15:31:30%2B05:30"
    assert browser.get(f"/mismatches?{late}").sims == [str(crowd_sim(1))]


def test_a_sim_is_told_in_words(bob: Browser) -> None:
    text = " ".join(unescape(bob.get(f"/sims/{ONE}?{WINDOW}").text).split())
    assert f"It was expected in {HOME} from the beginning, by change set 1." in text
    assert "It is in the hardware of a SIM that is in its own: 1 other SIM." in text
    assert f'href="/sims/{TWO}"' in text
    assert "Corvid & Sons C7" in text
    assert text.count('class="stay unexpected"') == 1
    assert text.count('class="home"') == 1


def test_hardware_tells_its_sims_and_its_model_and_is_linked(ann: Browser, bob: Browser) -> None:
    page = bob.get(f"/hardware/{FOREIGN}")
    assert page.status == 200
    assert page.sims == [str(ONE), str(TWO)]
    for part in ("Corvid &amp; Sons", "35715209", "<svg", "from the beginning", OTHERS):
        assert part in page.text
    assert ann.get(f"/hardware/{FOREIGN}").sims == [str(ONE)]
    assert f'href="/hardware/{FOREIGN}"' in ann.get(f"/sims/{ONE}?{WINDOW}").text
    assert f'href="/hardware/{FOREIGN}"' in ann.get(f"/mismatches?{WINDOW}&order=oldest").text
    nobody = ann.get("/hardware/010203040506070")
    assert (nobody.status, nobody.sims, "No SIM here" in nobody.text) == (200, [], True)
    assert ann.get("/hardware/12345").status == 400


def test_a_sim_that_was_not_seen_says_what_to_load(bob: Browser) -> None:
    page = bob.get(f"/sims/{ONE}?earliest=2020-01-01&latest=2020-01-02")
    assert page.status == 200
    assert "None in this window." in page.text
    assert bob.get(f"/sims/{ONE}?earliest=2020-01-02&latest=2020-01-02").status == 200
    assert bob.get("/sims/12").status == 400


@pytest.mark.parametrize("path", [*OF_A_USER, "/login", "/none"])
def test_no_page_has_what_its_policy_refuses(bob: Browser, path: str) -> None:
    text = bob.get(path).text
    assert not ATTRIBUTES_REFUSED.search(text)
    assert not re.search(r"<(?:style|iframe)|javascript:", text)
    assert re.findall(r"<script[^>]*>[^<]", text) == []
    assert not re.search(r"""(?:src|href|action)=["']?(?:https?:)?//""", text)


@pytest.mark.parametrize("path", OF_A_USER)
def test_a_user_can_sign_out_on_every_page(bob: Browser, path: str) -> None:
    assert '<form class="who" method="post" action="/logout">' in bob.get(path).text


def test_a_refusal_has_the_menu_of_who_has_signed_in_and_no_other(
    client: testing.TestClient, ann: Browser, bob: Browser
) -> None:
    menu, out, admin = '<nav aria-label="Pages">', 'action="/logout"', 'href="/admin"'
    for answer, status in ((bob.get("/changes/999"), 404), (ann.get("/admin/users"), 403)):
        assert answer.status == status
        assert menu in answer.text
        assert out in answer.text
    assert admin in bob.get("/changes/999").text
    assert admin not in ann.get("/admin/users").text
    nobody = Browser(client).get("/none")
    assert (nobody.status, menu in nobody.text, out in nobody.text) == (404, False, False)


@pytest.mark.parametrize(
    ("path", "count"), [("/login", 1), ("/sessions", 3), ("/admin/users", 1), (ONE_USER, 1)]
)
def test_passwords_are_not_shown_where_they_are_typed_and_may_be_kept_by_a_manager(
    bob: Browser, path: str, count: int
) -> None:
    fields = re.findall(r'<input[^>]*"(?:current|new)-password"[^>]*>', bob.get(path).text)
    assert len(fields) == count
    assert all('type="password"' in field for field in fields)


def test_every_cause_and_every_reason_has_words() -> None:
    assert set(CAUSES) == set(Cause)
    assert set(SENTENCES) == set(Code)
    assert tuple(REASONS) == NARROWING
    assert len({cause[0] for cause in Cause}) == len(Cause)


def test_the_api_is_shown_to_everybody_as_it_is_described(client: testing.TestClient) -> None:
    described = client.simulate_get("/openapi.json").json
    page = client.simulate_get("/docs", headers={"Accept": "text/html"})
    assert page.status_code == 200
    assert page.headers["content-security-policy"].startswith("default-src 'none'")
    for path, methods in described["paths"].items():
        for method in methods:
            assert f"<code>{method.upper()} {path}</code>" in page.text
    names = set(re.findall('href="#type-([^"]+)"', page.text))
    assert names <= set(described["components"]["schemas"])
    assert all(f'id="type-{name}"' in page.text for name in names)
    assert 'list of <a href="#type-SimExpectation">' in page.text
