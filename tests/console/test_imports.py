"""Files looked at and taken in by the console: by whom, how they are shown, and within bounds."""

from __future__ import annotations

import json
import re
import secrets
import tempfile
from hashlib import sha256
from typing import TYPE_CHECKING, NamedTuple

import falcon
import polars as pl
import pytest
from falcon import testing

from tallystick.console import import_form
from tallystick.console.overview import LOOKED_AT_IMPORTS
from tallystick.core.approval import Approval, Decider
from tallystick.core.imports import ImportState
from tallystick.core.moments import Moment, parse_moment
from tallystick.core.roles import Role
from tallystick.fleet import accounts, ledger
from tallystick.http import file_forms
from tallystick.http.file_forms import NAME_LENGTH_MAX, plain_file_name
from tallystick.store import open_store
from tallystick.store.import_receipts import ImportEnd
from tallystick.thingspace.rows import wire_row
from tests.conftest import Clock
from tests.console.conftest import client_of
from tests.console.world import FOREIGN, HOME, MINE, ONE, PASSWORD, TWO, Answer, Browser, fill
from tests.quick_access import quick_access

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tallystick.access import Access
    from tallystick.store import Store

PREVIEWED = re.compile(r'name="previewed" value="([0-9a-f]{64})"')
IMPORT = re.compile(r'href="/imports/([0-9]+)"')
CHANGE_SET = re.compile(r'href="(/changes/[0-9]+)"')
BOUNDARY = "----a-boundary"
EXPECTED = f"iccid,imei,effective_from\n{ONE},{FOREIGN},2026-05-01T00:00:00Z\n"
OWNED = f"iccid\n{ONE}\n"
PAIRS, SIMS = ({"kind": "expectations"}, EXPECTED), ({"kind": "sims", "account": MINE}, OWNED)
SEEN = f"iccid,imei,activated_at\n{TWO},{HOME},2026-05-06 10:00:00\n"


def form_of(fields: dict[str, str], name: str, content: str) -> str:
    """A form with its file, as a browser sends it: `do` is the button below the file."""
    parts = [
        f'Content-Disposition: form-data; name="{field}"\r\n\r\n{value}'
        for field, value in fields.items()
        if field not in {"do", "previewed"}
    ]
    parts.append(
        f'Content-Disposition: form-data; name="file"; filename="{name}"\r\n'
        f"Content-Type: text/csv\r\n\r\n{content}"
    )
    parts += [
        f'Content-Disposition: form-data; name="{field}"\r\n\r\n{fields[field]}'
        for field in ("previewed", "do")
        if field in fields
    ]
    return "".join(f"--{BOUNDARY}\r\n{part}\r\n" for part in parts) + f"--{BOUNDARY}--\r\n"


class Desk(NamedTuple):
    """Browsers of people with different roles, at one store, and where files lie meanwhile."""

    store: Store
    access: Access
    folder: Path
    people: dict[str, Browser]

    def send(
        self, who: str, fields: dict[str, str], content: str = SEEN, name: str = "a.csv"
    ) -> Answer:
        """A form with a file that somebody sends, with the token of their session."""
        whole = {"csrf": self.people[who].csrf()} | fields
        return self.post(who, form_of(whole, name, content))

    def post(self, who: str, body: str) -> Answer:
        """A form that somebody sends as it is."""
        form = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
        return self.people[who].ask("POST", "/imports", body, form)

    def take_in(self, fields: dict[str, str], content: str, name: str = "a.csv") -> Answer:
        """An editor looks at a file and takes it in."""
        shown = self.send("ed", fields | {"do": "preview"}, content, name)
        assert shown.status == 200, shown.text
        (previewed,) = PREVIEWED.findall(shown.text)
        sent = fields | {"do": "import", "previewed": previewed}
        answer = self.send("ed", sent, content, name)
        assert (answer.status, answer.headers["location"][:9]) == (303, "/imports/")
        return self.people["ed"].get(answer.headers["location"])

    def seen(self) -> int:
        """How many activations of the second SIM there are."""
        with self.store.snapshot() as reader:
            return len(reader.activations_of(TWO))


def ask_for_approval(store: Store, approval: Approval) -> None:
    """Have the account of most SIMs ask for approval, or no longer."""
    with store.transaction() as writer:
        accounts.ask(writer, MINE, approval)


def expected_in(store: Store) -> list[tuple[int, ...]]:
    """Every expectation of the two SIMs."""
    with store.snapshot() as reader:
        return reader.values_among(pl.Series([ONE, TWO])).sort("iccid").rows()


@pytest.fixture(scope="module")
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory, clock: Clock) -> Iterator[Desk]:
    path, folder = tmp_path_factory.mktemp("imports"), tmp_path_factory.mktemp("temporary")
    with (
        pytest.MonkeyPatch.context() as patches,
        open_store(f"sqlite:///{path}/store.db", wire_row) as store,
    ):
        patches.setattr(tempfile, "tempdir", str(folder))
        store.init("UTC")
        fill(store)
        access = quick_access(store, clock, secrets.token_bytes)
        client = client_of(store, access, clock, patches)
        access.add_user("vic", PASSWORD, [], all_accounts=True, role=Role.VIEWER)
        access.add_user("ed", PASSWORD, [], all_accounts=True, role=Role.EDITOR)
        access.add_user("liz", PASSWORD, [MINE], all_accounts=False, role=Role.OPERATOR)
        people = {name: Browser(client) for name in ("vic", "ed", "liz")}
        for name, browser in people.items():
            assert browser.sign_in(name).status == 303
        yield Desk(store, access, folder, people)
        access.close()


@pytest.fixture(autouse=True)
def _nothing_of_a_file_stays(desk: Desk) -> Iterator[None]:
    yield
    assert list(desk.folder.iterdir()) == []


def test_a_viewer_and_who_sees_some_accounts_only_may_not_import(desk: Desk) -> None:
    before = desk.seen()
    assert 'href="/imports"' not in desk.people["vic"].get("/").text
    assert desk.people["vic"].get("/imports").status == 403
    shown = desk.people["liz"].get("/imports")
    assert (shown.status, "file-form" in shown.text) == (200, False)
    assert "one must see every account" in shown.text
    for name, reason in (("vic", "you are viewer"), ("liz", "one must see every account")):
        refused = desk.send(name, {"kind": "activations", "do": "import"})
        assert (refused.status, reason in refused.text) == (403, True)
    assert desk.seen() == before


def test_a_form_is_refused_unread_without_the_token_of_its_session_before_its_file(
    desk: Desk,
) -> None:
    before = desk.seen()
    fields = {"kind": "activations", "do": "import"}
    for forged in (fields, {"csrf": desk.people["vic"].csrf()} | fields):
        assert desk.post("ed", form_of(forged, "a.csv", SEEN)).status == 403
    behind = form_of(fields | {"previewed": desk.people["ed"].csrf()}, "a.csv", SEEN)
    assert desk.post("ed", behind.replace('"previewed"', '"csrf"')).status == 403
    assert desk.seen() == before


def test_a_preview_shows_how_a_file_would_be_read_and_takes_nothing_in(desk: Desk) -> None:
    before = desk.seen()
    content = (
        f"SIM ICCID;imei;activated_at;Colour\n{TWO};{HOME};2026-05-06 10:00:00;red\n{TWO};x;y;\n"
    )
    assert 'href="/imports"' in desk.people["ed"].get("/").text
    shown = desk.send("ed", {"kind": "activations", "do": "preview"}, content)
    assert shown.status == 200
    for said in ("How a.csv would be read", "SIM ICCID as iccid", "Colour", str(TWO), ">Import<"):
        assert said in shown.text
    assert '<td>3</td><td>imei</td><td class="digits">x</td>' in shown.text
    assert "1 line with a time of day without a time zone" in shown.text
    assert desk.seen() == before


def test_the_check_digit_of_iccids_may_be_stripped(desk: Desk) -> None:
    fields = {"kind": "expectations", "check_digit": "strip", "do": "preview"}
    assert f">{str(ONE)[:-1]}<" in desk.send("ed", fields, EXPECTED).text


def test_an_account_may_be_named_for_sims_of_which_the_file_names_none(desk: Desk) -> None:
    fields = {"kind": "sims", "account": "Fleet 7", "do": "preview"}
    shown = desk.send("ed", fields, f"ICCID,MSISDN\n{ONE},5096300011\n")
    assert '<td class="digits">Fleet 7</td>' in shown.text
    assert 'name="account" value="Fleet 7"' in shown.text


def test_what_was_looked_at_is_taken_in_and_the_answer_is_its_receipt(desk: Desk) -> None:
    fields = {"kind": "activations", "zone": "America/New_York"}
    answer = desk.take_in(fields, f"{SEEN}{TWO},12,2026-05-06 10:00:00\n")
    assert (answer.status, "a.csv was taken in<" in answer.text) == (200, True)
    assert "<dt>Lines read</dt><dd>2</dd>" in answer.text
    assert "<dt>Accepted</dt><dd>1</dd>" in answer.text
    assert '<td class="number">3</td><td class="reason">imei must be' in answer.text
    assert answer.text.count("1 line as CSV") == 1
    with desk.store.snapshot() as reader:
        moments = [each.activated_at for each in reader.activations_of(TWO)]
    assert parse_moment("2026-05-06T14:00:00Z") in moments
    again = desk.take_in(fields, SEEN)
    assert "<dt>Known already</dt><dd>1</dd>" in again.text


def test_past_imports_are_listed_with_their_refused_lines_for_those_who_may_import(
    desk: Desk,
) -> None:
    desk.take_in({"kind": "activations"}, f"{SEEN}{TWO},12,2026-05-06 10:00:00\n", "b&w.csv")
    listed = desk.people["ed"].get("/imports").text
    number = max(map(int, IMPORT.findall(listed)))
    for said in ("b&amp;w.csv", "console/ed", "activations", ">done<"):
        assert said in listed
    page = f"/imports/{number}"
    rejects = desk.people["ed"].get(f"{page}/rejects")
    assert rejects.headers["content-disposition"].endswith(f'filename="rejects-{number}.csv"')
    assert rejects.text.splitlines()[1].startswith(f"{TWO},12,2026-05-06 10:00:00,")
    assert f'href="{page}"' in desk.people["ed"].get("/").text
    for name in ("vic", "liz"):
        for path in (page, f"{page}/rejects"):
            assert desk.people[name].get(path).status == 403
        assert f'href="{page}"' not in desk.people[name].get("/").text
    assert f'href="{page}"' not in desk.people["liz"].get("/imports").text
    for path in ("/imports/999", "/imports/999/rejects", "/imports/x"):
        assert desk.people["ed"].get(path).status == 404


def test_programs_of_admins_are_told_the_same(desk: Desk) -> None:
    desk.take_in({"kind": "activations"}, f"{SEEN}{TWO},12,2026-05-06 10:00:00\n")
    app = desk.access.add_app("lists imports", ["admin"])
    token = desk.access.issue_token(app.key, app.secret).access_token
    calls = {"Authorization": f"Bearer {token}"}

    def told(path: str) -> str:
        answer = desk.people["vic"].ask("GET", f"/api/v1/imports{path}", headers=calls)
        assert answer.status == 200, answer.text
        return answer.text

    (last,) = json.loads(told("?at_most=1"))["imports"]
    assert json.loads(told(f"/{last['id']}")) == last
    assert (last["actor"], last["state"], last["share"]) == ("console/ed", "done", 1)
    assert [each["line"] for each in last["receipt"]["rejects"]] == [3]
    assert told(f"/{last['id']}/rejects").splitlines()[0] == "iccid,imei,activated_at,reason"
    (before,) = json.loads(told(f"?at_most=1&before={last['id']}"))["imports"]
    assert before["id"] == last["id"] - 1


def test_a_file_that_takes_long_is_shown_as_far_as_it_is_and_asked_for_again(
    desk: Desk, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    with desk.store.transaction() as writer:
        number = writer.begin_import(ImportState.RUNNING, "sims", "a.csv", "console/ed", clock())
        writer.note_import(number, ImportState.RUNNING, clock(), 421, 1_234)
    page = desk.people["ed"].get(f"/imports/{number}").text
    for said in ("a.csv is being taken in", 'data-again="1"', "42 % done", "1,234 facts"):
        assert said in page
    monkeypatch.setattr("tallystick.core.imports.SILENT_S_MAX", -1)
    page = desk.people["ed"].get(f"/imports/{number}").text
    assert ("data-again" in page, "interrupted" in page) == (False, True)


def test_expectations_are_a_change_set_of_who_imported_them(desk: Desk) -> None:
    fields = {"kind": "expectations", "ticket": "OPS-7", "reason": "new list"}
    answer = desk.take_in(fields, EXPECTED, "fleet list.csv")
    (change_set,) = CHANGE_SET.findall(answer.text)
    page = desk.people["ed"].get(change_set).text
    for said in ("applied", "console/ed", "OPS-7", "new list", "import fleet list.csv sha256:"):
        assert said in page
    assert str(desk.folder) not in page
    assert CHANGE_SET.findall(desk.take_in(fields, EXPECTED).text) == []


def test_a_file_is_kept_whole_as_a_proposal_where_an_account_asks_for_approval(
    desk: Desk,
) -> None:
    said_before = expected_in(desk.store)
    content = f"iccid,imei\n{ONE},{FOREIGN}\n{TWO},{HOME}\nnone,{HOME}\n"
    ask_for_approval(desk.store, Approval.REQUIRED)
    try:
        answer = desk.take_in({"kind": "expectations"}, content, "pairs.csv")
        unchanged = desk.take_in({"kind": "expectations"}, f"iccid,imei\n{TWO},{FOREIGN}\n")
    finally:
        ask_for_approval(desk.store, Approval.OFF)
    assert ("pairs.csv is proposed" in answer.text, expected_in(desk.store)) == (True, said_before)
    (change_set,) = CHANGE_SET.findall(answer.text)
    page = desk.people["ed"].get(change_set).text
    for said in ("proposed", "console/ed", "import pairs.csv sha256:"):
        assert said in page
    number = int(change_set.rpartition("/")[2])
    ledger.reject(desk.store, number, Decider("ann"), Clock()())
    _, receipt, *_ = IMPORT.findall(desk.people["ed"].get("/imports").text)
    rejected = desk.people["ed"].get(f"/imports/{receipt}").text
    assert "pairs.csv was proposed and rejected" in rejected
    assert "Nothing is in force yet" not in rejected
    assert ("was taken in" in unchanged.text, CHANGE_SET.findall(unchanged.text)) == (True, [])


@pytest.mark.parametrize(
    ("looked_at", "changed", "content"),
    [
        (PAIRS, {}, EXPECTED + "\n"),
        (PAIRS, {"check_digit": "strip"}, EXPECTED),
        (PAIRS, {"zone": "America/New_York"}, EXPECTED),
        (SIMS, {"account": "B"}, OWNED),
        (PAIRS, {"kind": "sims"}, EXPECTED),
    ],
    ids=["another file", "another check digit", "another zone", "another account", "another kind"],
)
def test_only_what_was_shown_is_taken_in(
    desk: Desk, looked_at: tuple[dict[str, str], str], changed: dict[str, str], content: str
) -> None:
    fields, content_shown = looked_at
    shown = desk.send("ed", fields | {"do": "preview"}, content_shown)
    (previewed,) = PREVIEWED.findall(shown.text)
    before = desk.people["ed"].get("/changes").text
    sent = fields | {"do": "import", "previewed": previewed} | changed
    refused = desk.send("ed", sent, content)
    assert refused.status == 400
    if "kind" not in changed:  # there the file has not the columns of the kind
        assert "Nothing was taken in: the file" in refused.text
        assert PREVIEWED.findall(refused.text) != [previewed]
    assert desk.people["ed"].get("/changes").text == before


@pytest.mark.parametrize(
    ("fields", "name", "said"),
    [
        ({"kind": "hats"}, "a.csv", "Kind must be one of"),
        ({"map": "none-such"}, "a.csv", "There is no mapping"),
        ({"kind": "types", "map": "1nce-events"}, "a.csv", "1nce-events is of activations, not of"),
        ({"zone": "Mars/One"}, "a.csv", "must be a zone of the IANA database"),
        ({"account": "B"}, "a.csv", "An account goes with sims and groups only"),
        ({"ticket": "x" * 501}, "a.csv", "Ticket must be at most 500"),
        ({}, "a.csv.gz", "must end in one of .csv"),
        ({}, "", "Choose a file"),
        ({}, "a.json", "The file a.json: "),
    ],
)
def test_a_refusal_keeps_what_was_typed(
    desk: Desk, fields: dict[str, str], name: str, said: str
) -> None:
    typed = {"kind": "activations", "reason": "<why>", "do": "preview"} | fields
    refused = desk.send("ed", typed, name=name)
    assert refused.status == 400
    assert said in refused.text
    assert str(desk.folder) not in refused.text
    assert 'name="reason" value="&lt;why&gt;"' in refused.text


def test_a_file_beyond_the_bound_is_refused_and_what_was_typed_stays(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_forms, "FILE_BYTES_MAX", 100)
    monkeypatch.setattr(file_forms, "FIELDS_BYTES_MAX", 1_000)
    refused = desk.send("ed", {"kind": "sims", "do": "preview"}, SEEN * 30)
    assert refused.status == 413
    assert "must not be larger than 100 bytes" in refused.text
    assert "<option selected>sims</option>" in refused.text


@pytest.mark.parametrize("cut", [10, 60, 200, -10, -3])
def test_a_form_that_ends_early_takes_nothing_in(desk: Desk, cut: int) -> None:
    before = desk.seen()
    fields = {"csrf": desk.people["ed"].csrf(), "kind": "activations", "do": "import"}
    refused = desk.post("ed", form_of(fields, "a.csv", SEEN)[:cut])
    assert (refused.status, "How a.csv would be read" in refused.text) == (400, False)
    assert desk.seen() == before


def test_files_beyond_those_that_are_read_at_a_time_are_to_be_sent_again(
    desk: Desk, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(import_form, "FILES_AT_ONCE", 0)
    browser = Browser(client_of(desk.store, desk.access, clock, monkeypatch))
    browser.cookies |= desk.people["ed"].cookies
    refused = desk._replace(people={"ed": browser}).send("ed", {"kind": "sims"})
    assert (refused.status, "try again in a moment" in refused.text) == (503, True)


def test_a_file_lies_on_the_disk_for_its_owner_alone(tmp_path: Path) -> None:
    environ = testing.create_environ(
        "/imports",
        method="POST",
        headers={"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"},
        body=form_of({"kind": "sims"}, "a.csv", SEEN),
    )
    admitted: list[dict[str, str]] = []
    sent = file_forms.FileForm(falcon.Request(environ), admitted.append).read(tmp_path)
    assert sent
    assert sent.path.read_text("utf-8") == SEEN
    assert sent.path.stat().st_mode & 0o777 == 0o600
    assert sent.digest == sha256(SEEN.encode()).hexdigest()
    assert admitted == [{"kind": "sims"}]


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("fleet list.csv", "fleet list.csv"),
        ("C:\\files\\a.csv", "a.csv"),
        ("../../etc/a.csv", "a.csv"),
        ("..", "file"),
        ("a\n\x00b.csv", "a__b.csv"),
        ("x" * 300 + ".csv", "x" * (NAME_LENGTH_MAX - 4) + ".csv"),
    ],
)
def test_the_name_of_a_file_is_kept_without_what_could_lead_elsewhere(
    given: str, kept: str
) -> None:
    assert plain_file_name(given) == kept


def test_the_overview_says_by_source_how_files_come_in(desk: Desk) -> None:
    refused = f"{SEEN}x,y,z\n".replace("10:00", "11:00")
    page = desk.take_in({"kind": "activations"}, refused)
    (number,) = re.findall(r"<dd>([0-9]+), done</dd>", page.text)
    overview = " ".join(desk.people["ed"].get("/").text.split())
    row = re.search(r"<tr><td>console/ed</td><td>activations</td>(.*?)</tr>", overview)
    assert row
    cells = re.findall(r"<td[^>]*>(.*?)</td>", row[1])
    assert f'href="/imports/{number}"' in cells[0]
    assert re.fullmatch(f'<a href="/imports/{number}">[1-9]</a>', cells[3])
    assert "How facts come in" not in desk.people["vic"].get("/").text


@pytest.mark.parametrize(("hours_apart", "a_day"), [(1, "24"), (0.1, "")])
def test_what_is_new_a_day_is_of_the_time_that_was_looked_at(
    desk: Desk, clock: Clock, hours_apart: float, a_day: str
) -> None:
    """More imports came in seven days than are looked at, each with one new fact."""
    with desk.store.transaction() as writer:
        receipt = {"accepted": 1, "duplicate": 0, "rejected": 0, "doubts": {}}
        for age in range(LOOKED_AT_IMPORTS - 1, -1, -1):
            begun_at = Moment(clock() - round(age * hours_apart * 3_600_000_000))
            number = writer.begin_import(ImportState.DONE, "sims", "a.csv", "cron", begun_at)
            end = ImportEnd(ImportState.DONE, begun_at, 1, "", json.dumps(receipt), 0, None)
            writer.end_import(number, end)
    overview = " ".join(desk.people["ed"].get("/").text.split())
    row = re.search(r"<tr><td>cron</td><td>sims</td>(.*?)</tr>", overview)
    assert row
    _, new, new_a_day, *_ = re.findall(r"<td[^>]*>(.*?)</td>", row[1])
    assert new.endswith(f">{LOOKED_AT_IMPORTS}</a>")
    assert new_a_day == a_day
