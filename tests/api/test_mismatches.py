"""The report and a SIM's history under our own names, and reasons, from a real server."""

from __future__ import annotations

import csv
import io
import json
import secrets
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlencode

import pytest

from tallystick.clock import system_clock
from tallystick.core.facts import GroupMember, Sim, SimActivation, SimExpectation
from tallystick.core.identifiers import NAME_LENGTH_MAX, Iccid, Imei, Mdn
from tallystick.core.moments import BEGINNING, Moment, parse_moment
from tallystick.report import answer
from tallystick.store import open_store
from tallystick.thingspace.rows import wire_row
from tests.answering import answering
from tests.engines import ENGINES, database_on, made
from tests.quick_access import quick_access
from tests.serving import PASSWORD, REPORT, Reply, bearer, call, signed_in

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tallystick.store import Store

MINE, OTHERS = "0342077109-00001", "0212398765-00001"
CROWDED = 'crowd, "quoted"'.ljust(NAME_LENGTH_MAX, "\N{PAGER}")  # makes long rows, so that few do
ONE, TWO, THREE = (Iccid.parse(f"8914800000080000001{n}") for n in range(3))
HOME, FOREIGN, AWAY = (
    Imei.parse(each) for each in ("352099001761481", "357152091234565", "861234050000018")
)
MDN = Mdn.parse("5096300011")
WINDOW = {"earliest": "2026-03-01T00:00:00Z", "latest": "2026-06-01T00:00:00Z"}
CROWD_SIMS = 9_000  # more than are explained at once, and more bytes than go out whole


def march(day: int) -> Moment:
    return parse_moment(f"2026-03-{day:02d}T10:00:00Z")


def fill(store: Store) -> None:
    """Two SIMs of two accounts in each other's hardware, and a crowd in the same."""
    crowd = [Iccid.parse(f"8999{n:016d}") for n in range(CROWD_SIMS)]
    with store.transaction() as writer:
        writer.take_sims(
            [Sim(ONE, MDN, MINE, march(1), "4G"), Sim(TWO, None, OTHERS, march(1), "4G")]
        )
        writer.take_expectations(
            [SimExpectation(ONE, BEGINNING, HOME), SimExpectation(TWO, march(1), FOREIGN)]
        )
        writer.take_activations(
            [SimActivation(ONE, march(2), HOME), SimActivation(ONE, march(5), FOREIGN)]
        )
        writer.take_activations(
            [SimActivation(TWO, march(6), HOME), SimActivation(THREE, march(7), HOME)]
        )
        writer.take_group_members([GroupMember(MINE, "Meters", ONE)])
        writer.take_sims([Sim(iccid, None, CROWDED, march(1), "4G") for iccid in crowd])
        writer.take_expectations([SimExpectation(iccid, BEGINNING, HOME) for iccid in crowd])
        writer.take_activations([SimActivation(iccid, march(8), AWAY) for iccid in crowd])


class Served(NamedTuple):
    """A server, and the headers of a user of one account, one of all, and an operator."""

    port: int
    user: dict[str, str]
    everybody: dict[str, str]
    admin: dict[str, str]

    def get(
        self, path: str, headers: dict[str, str], *more: tuple[str, str], **words: str
    ) -> Reply:
        query = urlencode([*words.items(), *more])
        return call(self.port, "GET", f"/api/v1/{path}?{query}", headers=headers)

    def rows(
        self, headers: dict[str, str], *more: tuple[str, str], **words: str
    ) -> list[dict[str, Any]]:
        reply = self.get("mismatches", headers, *more, **WINDOW, **words)
        assert reply.status == 200, reply
        return list(reply.json["mismatches"])


@pytest.fixture(scope="module", params=ENGINES)
def served(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("served")
    with database_on(request.param, folder) as database, open_store(database, wire_row) as store:
        made(store, request.param)
        fill(store)
        access = quick_access(store, system_clock, secrets.token_bytes)
        access.add_user("user", PASSWORD, [MINE], all_accounts=False)
        access.add_user("everybody", PASSWORD, [], all_accounts=True)
        app, operators = access.add_app("app", ["m2m"]), access.add_app("operators", ["admin"])
        access.close()
        with pytest.MonkeyPatch.context() as patch, answering(database) as port:
            patch.setattr(answer, "ROWS_EXPLAINED_AT_ONCE", CROWD_SIMS - 500)
            user, everybody = (signed_in(port, app, name) for name in ("user", "everybody"))
            yield Served(port, user, everybody, bearer(port, operators))


def asked(account: str) -> str:
    return json.dumps({"accountName": account, "filter": WINDOW})


# The ThingSpace report


def test_reasons_come_behind_the_fields_of_the_contract_when_they_are_preferred(
    served: Served,
) -> None:
    plain = call(served.port, "POST", REPORT, asked(MINE), served.everybody)
    told = call(
        served.port, "POST", REPORT, asked(MINE), served.everybody | {"Prefer": "include=reasons"}
    )
    assert told.headers["preference-applied"] == "include=reasons"
    assert "preference-applied" not in plain.headers
    assert told.body.startswith(
        plain.body[: -len("}]}")] + b',"cause":"swap-pair","reasons":[{"code":"expected",'
    )
    (row,) = told.json["devices"]
    assert [each["code"] for each in row["reasons"]] == [
        *("expected", "other-model", "still-there", "expected-for-another-sim", "swap-pair"),
    ]
    assert row["reasons"][0] == {"code": "expected", "imei": str(HOME), "change_set_id": 1}
    assert row["reasons"][-1] == {"code": "swap-pair", "iccids": [str(TWO)], "count": 1}


@pytest.mark.parametrize(
    "prefer", ["", "return=minimal", "include=reason", "respond-async, wait=10", "reasons"]
)
def test_any_other_preference_changes_no_byte(served: Served, prefer: str) -> None:
    plain = call(served.port, "POST", REPORT, asked(MINE), served.user)
    other = call(served.port, "POST", REPORT, asked(MINE), served.user | {"Prefer": prefer})
    assert other.body == plain.body
    assert "reasons" not in other.body.decode()


@pytest.mark.parametrize(
    "prefer",
    [
        "include=reasons",
        'Include = "reasons"',
        "wait=10, include=reasons",
        "include=reasons; strict, a=b",
    ],
)
def test_a_preference_is_read_as_rfc_7240_has_it(served: Served, prefer: str) -> None:
    told = call(served.port, "POST", REPORT, asked(MINE), served.user | {"Prefer": prefer})
    assert told.headers["preference-applied"] == "include=reasons"
    assert told.json["devices"][0]["cause"] == "theft"


def test_a_user_is_told_of_no_sim_of_other_accounts(served: Served) -> None:
    told = call(
        served.port, "POST", REPORT, asked(MINE), served.user | {"Prefer": "include=reasons"}
    )
    assert str(TWO) not in told.body.decode()
    assert told.json["devices"][0]["cause"] == "theft"


def test_a_large_answer_is_streamed_whole_and_zipped(served: Served) -> None:
    import gzip  # noqa: PLC0415 - only here

    headers = served.everybody | {"Prefer": "include=reasons"}
    told = call(served.port, "POST", REPORT, asked(CROWDED), headers)
    assert "content-length" not in told.headers
    rows = told.json["devices"]
    assert len(rows) == CROWD_SIMS
    assert {row["reasons"][-1]["count"] for row in rows} == {CROWD_SIMS - 1}
    zipped = call(
        served.port, "POST", REPORT, asked(CROWDED), headers | {"Accept-Encoding": "gzip"}
    )
    assert gzip.decompress(zipped.body) == told.body


# Our own


def test_rows_have_our_names_and_no_reasons_unless_asked_for(served: Served) -> None:
    assert served.rows(served.user) == [
        {
            "account": MINE,
            "mdn": str(MDN),
            "activation_date": "2026-03-01T10:00:00Z",
            "iccid": str(ONE),
            "pre_imei": str(HOME),
            "post_imei": str(FOREIGN),
            "activated_at": "2026-03-05T10:00:00Z",
        }
    ]


def test_reasons_are_those_of_the_report(served: Served) -> None:
    told = call(
        served.port, "POST", REPORT, asked(OTHERS), served.everybody | {"Prefer": "include=reasons"}
    )
    (row,), (ours,) = (
        told.json["devices"],
        served.rows(served.everybody, account=OTHERS, reasons="true"),
    )
    assert (ours["cause"], ours["reasons"]) == (row["cause"], row["reasons"])
    assert ours["mdn"] is None


def test_an_operators_app_sees_every_account_without_a_session(served: Served) -> None:
    some = served.rows(served.admin, ("account", MINE), ("account", OTHERS), reasons="true")
    assert [(row["iccid"], row["cause"]) for row in some] == [
        (str(ONE), "swap-pair"),
        (str(TWO), "swap-pair"),
    ]


def test_the_words_pick_as_those_of_the_report(served: Served) -> None:
    assert [
        row["iccid"] for row in served.rows(served.admin, ("iccid", str(TWO)), ("mdn", str(MDN)))
    ] == [
        str(ONE),
        str(TWO),
    ]
    assert [row["iccid"] for row in served.rows(served.admin, account=MINE, group="Meters")] == [
        str(ONE)
    ]
    assert served.rows(served.admin, account=MINE, group="Unassigned Devices") == []


def test_rows_are_picked_by_hardware_too(served: Served) -> None:
    in_home = {"imei": str(HOME)}
    assert [row["iccid"] for row in served.rows(served.admin, **in_home)] == [str(TWO)]
    assert served.rows(served.user, **in_home) == []
    both = served.rows(served.admin, ("imei", str(HOME)), ("imei", str(FOREIGN)), account=MINE)
    assert [row["iccid"] for row in both] == [str(ONE)]
    assert served.rows(served.admin, iccid=str(ONE), **in_home) == []


@pytest.mark.parametrize("reasons", ["true", "false"])
def test_every_form_has_the_same_rows(served: Served, reasons: str) -> None:
    words = {**WINDOW, "account": OTHERS, "reasons": reasons}
    (row,) = served.get("mismatches", served.admin, **words).json["mismatches"]
    lines = served.get("mismatches", served.admin | {"Accept": "application/x-ndjson"}, **words)
    assert lines.headers["content-type"].startswith("application/x-ndjson")
    assert [json.loads(line) for line in lines.body.splitlines()] == [row]
    table = served.get("mismatches", served.admin | {"Accept": "text/csv"}, **words)
    (read,) = csv.DictReader(io.StringIO(table.body.decode()))
    assert list(read) == list(row)
    assert {name: value or None for name, value in read.items() if name != "reasons"} == {
        name: value for name, value in row.items() if name != "reasons"
    }
    if reasons == "true":
        assert read["reasons"].startswith(
            f"expected {FOREIGN} since 2026-03-01T10:00:00Z by change set 1; other-model; "
        )


def test_a_list_is_narrowed_down_and_turned_as_in_the_console(served: Served) -> None:
    def sims(**words: str) -> list[str]:
        rows = served.get("mismatches", served.admin, **WINDOW, **words).json["mismatches"]
        assert {"reasons" in row for row in rows} <= {"reasons" in words}
        return [row["iccid"] for row in rows]

    everything = sims(account=CROWDED)
    assert sims(account=CROWDED, order="newest") == everything[::-1]
    assert sims(account=CROWDED, order="iccid") == sorted(everything)
    digits = everything[7][-6:]
    assert sims(q=digits, reasons="true") == [each for each in everything if digits in each]
    for words in ({"state": "explained"}, {"cause": "theft", "tac": "99999999"}):
        assert sims(**words) == []


@pytest.mark.parametrize(
    ("accept", "empty"), [("*/*", '{"mismatches":[]}'), ("application/x-ndjson", "")]
)
def test_an_answer_without_rows_is_empty(served: Served, accept: str, empty: str) -> None:
    words = {"earliest": "2026-05-01", "latest": "2026-05-02"}
    assert (
        served.get("mismatches", served.admin | {"Accept": accept}, **words).body.decode() == empty
    )


def test_a_large_answer_of_ours_is_streamed(served: Served) -> None:
    reply = served.get("mismatches", served.admin, **WINDOW, account=CROWDED, reasons="true")
    assert "content-length" not in reply.headers
    assert len(reply.json["mismatches"]) == CROWD_SIMS


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        ({"latest": "2026-03-01"}, "invalid-value", "earliest is missing"),
        (
            {"earliest": "yesterday", "latest": "2026-03-01"},
            "invalid-value",
            "earliest must be a timestamp",
        ),
        (
            {"earliest": "2026-01-01", "latest": "2026-06-01"},
            "window-refused",
            "three|3 calendar months",
        ),
        ({**WINDOW, "acount": "x"}, "invalid-value", "'acount'"),
        ({**WINDOW, "order": "mdn"}, "invalid-value", "order must be one of newest, oldest"),
        ({**WINDOW, "state": "shut"}, "invalid-value", "state must be one of"),
        ({**WINDOW, "q": "12345", "iccid": str(ONE)}, "invalid-value", "do not go with iccid"),
        ({**WINDOW, "reasons": "yes"}, "invalid-value", "reasons must be true or false"),
        ({**WINDOW, "iccid": "12"}, "invalid-value", "iccid must be"),
        ({**WINDOW, "group": "Meters"}, "account-required", "one account"),
    ],
)
def test_a_malformed_question_is_refused_with_what_is_wrong(
    served: Served, words: dict[str, str], code: str, told: str
) -> None:
    reply = served.get("mismatches", served.admin, **words)
    assert (reply.status, reply.json["error"]["code"]) == (400, code)
    assert any(part in reply.json["error"]["message"] for part in told.split("|"))


def test_a_word_that_may_stand_once_is_refused_twice(served: Served) -> None:
    reply = served.get("mismatches", served.admin, ("latest", "2026-04-01"), **WINDOW)
    assert reply.json["error"]["message"] == "the parameter latest stands twice"


@pytest.mark.parametrize("order", ["oldest", "newest", "account"])
def test_a_refusal_is_not_called_zipped(served: Served, order: str) -> None:
    words = WINDOW | {"account": MINE, "group": "none", "order": order}
    reply = served.get("mismatches", served.admin | {"Accept-Encoding": "gzip"}, **words)
    assert "content-encoding" not in reply.headers
    assert (reply.status, reply.json["error"]["code"]) == (404, "group-not-found")


def test_an_account_that_a_user_may_not_see_is_not_found(served: Served) -> None:
    for account in (OTHERS, "nobody's"):
        reply = served.get("mismatches", served.user, **WINDOW, account=account)
        assert (reply.status, reply.json["error"]["code"]) == (404, "account-not-found")


def test_a_form_that_is_not_known_is_refused(served: Served) -> None:
    reply = served.get("mismatches", served.admin | {"Accept": "image/png"}, **WINDOW)
    assert (reply.status, reply.json["error"]["code"]) == (406, "accept-refused")


@pytest.mark.parametrize(("path", "words"), [("mismatches", WINDOW), (f"sims/{ONE}/history", {})])
def test_who_calls_is_checked(served: Served, path: str, words: dict[str, str]) -> None:
    without = {name: value for name, value in served.user.items() if name != "VZ-M2M-Token"}
    assert served.get(path, {}, **words).status == 401
    assert served.get(path, without, **words).json["error"]["code"] == "scope-refused"
    unknown = served.user | {"VZ-M2M-Token": "00000000-0000-4000-8000-000000000000"}
    assert (served.get(path, unknown, **words).status) == 401
    with_session = served.admin | {"VZ-M2M-Token": served.user["VZ-M2M-Token"]}
    assert served.get(path, with_session, **words).status == 403


# Hardware


def test_hardware_tells_a_user_of_their_own_sims_alone(served: Served) -> None:
    (sim,) = served.get(f"hardware/{HOME}", served.user).json["sims"]
    assert (sim["iccid"], sim["account"], sim["activations"]) == (str(ONE), MINE, 1)
    assert sim["expectations"] == [
        {"effective_from": None, "until": None, "imei": str(HOME), "by": "imei"}
    ]
    first = served.get(f"hardware/{HOME}", served.admin, at_most="1").json
    second = served.get(f"hardware/{HOME}", served.admin, after=first["next"], at_most="1").json
    both = [each["iccid"] for each in first["sims"] + second["sims"]]
    assert both == [str(ONE), str(TWO)]
    assert served.get("hardware/89148", served.admin).status == 400


# History


def test_a_history_is_what_the_command_prints(served: Served) -> None:
    (sim,) = served.get(f"sims/{ONE}/history", served.user).json["sims"]
    assert (sim["iccid"], sim["account"], sim["waiting"]) == (str(ONE), MINE, False)
    assert sim["expectations"] == [{"effective_from": None, "imei": str(HOME)}]
    assert [(each["imei"], each["verdict"]) for each in sim["pairings"]] == [
        (str(FOREIGN), "mismatch"),
        (str(HOME), "expected"),
    ]


def test_a_page_of_a_history_says_where_the_next_one_begins(served: Served) -> None:
    whole = served.get(f"sims/{ONE}/history", served.user).json["sims"][0]
    (first,) = served.get(f"sims/{ONE}/history", served.user, at_most="1").json["sims"]
    before = first["next"]
    (second,) = served.get(f"sims/{ONE}/history", served.user, before=before).json["sims"]
    assert first["pairings"] + second["pairings"] == whole["pairings"]
    assert (whole["next"], second["next"]) == (None, None)
    for wrong in ({"at_most": "0"}, {"before": "yesterday"}, {"before": f"{before}0000"}):
        assert served.get(f"sims/{ONE}/history", served.user, **wrong).status == 400


@pytest.mark.parametrize("iccid", [TWO, THREE, "89148000000899999999"])
def test_a_sim_that_a_user_may_not_see_is_not_found(served: Served, iccid: object) -> None:
    reply = served.get(f"sims/{iccid}/history", served.user)
    assert (reply.status, reply.json["error"]["code"]) == (404, "sim-not-found")


def test_an_operators_app_sees_a_sim_that_waits(served: Served) -> None:
    (sim,) = served.get(f"sims/{THREE}/history", served.admin).json["sims"]
    assert (sim["waiting"], sim["pairings"][0]["verdict"]) == (True, "unjudged")
