"""Corrections and coverage over HTTP, from a real server on each engine."""

from __future__ import annotations

import json
import secrets
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlencode

import pytest

from tallystick.clock import system_clock
from tallystick.store import open_store
from tallystick.thingspace.rows import wire_row
from tests.answering import answering
from tests.engines import ENGINES, database_on, made
from tests.quick_access import quick_access
from tests.serving import PASSWORD, REPORT, Reply, bearer, call, signed_in

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ICCID, OTHER = "89148000000800000001", "89148000000800000002"
HOME, FOREIGN = "352099001761481", "357152091234562"
SIMS = [
    {"iccid": iccid, "account": "A-1", "activation_date": "2019-02-03"} for iccid in (ICCID, OTHER)
]
SEEN = [{"iccid": ICCID, "imei": FOREIGN, "activated_at": "2026-03-05T10:00:00Z"}]
TYPES = [
    {"tac": "35715209", "manufacturer": "Corvid & Sons", "model": "C7"},
    {"TAC": "1", "Brand Name": ""},
]
WINDOW = {"earliest": "2026-03-01T00:00:00Z", "latest": "2026-05-31T00:00:00Z"}
COVERED = "sims=2; expected=1; seen=1; newest=2026-03-05T10:00:00Z"


class Served(NamedTuple):
    """A server, and the headers of an operator, of a sender of facts, and of a user's session."""

    port: int
    admin: dict[str, str]
    sender: dict[str, str]
    user: dict[str, str]

    def get(self, path: str, headers: Mapping[str, str] | None = None, **parameters: str) -> Reply:
        """One question."""
        query = f"?{urlencode(parameters)}" if parameters else ""
        return call(
            self.port, "GET", f"/api/v1/{path}{query}", headers=self.admin | dict(headers or {})
        )

    def post(self, kind: str, facts: object) -> dict[str, int]:
        """Facts in."""
        reply = call(self.port, "POST", f"/api/v1/{kind}", json.dumps(facts), self.sender)
        assert reply.status == 200, reply
        return dict(reply.json)

    def report(self, prefer: str | None, window: dict[str, str] = WINDOW, **body: object) -> Reply:
        """The ThingSpace report, as a client prefers it."""
        headers = self.user | ({} if prefer is None else {"Prefer": prefer})
        return call(self.port, "POST", REPORT, json.dumps({"filter": window, **body}), headers)


@pytest.fixture(scope="module", params=ENGINES)
def served(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    """A server on each engine, with two SIMs of which one was seen in foreign hardware."""
    with database_on(request.param, tmp_path_factory.mktemp("served")) as database:
        with open_store(database, wire_row) as store:
            made(store, request.param)
            access = quick_access(store, system_clock, secrets.token_bytes)
            access.add_user("olivia", PASSWORD, [], all_accounts=True)
            apps = [access.add_app(scope, [scope]) for scope in ("admin", "intake", "m2m")]
            access.close()
        with answering(database) as port:
            admin, sender = bearer(port, apps[0]), bearer(port, apps[1])
            found = Served(port, admin, sender, signed_in(port, apps[2], "olivia"))
            found.post("sims", SIMS)
            found.post("expectations", [{"iccid": ICCID, "imei": HOME}])
            found.post("activations", SEEN)
            yield found


def test_types_come_in_like_facts_under_any_of_their_names(served: Served) -> None:
    receipt = served.post("types", TYPES)
    assert (receipt["accepted"] + receipt["duplicate"], receipt["rejected"]) == (1, 1)
    assert served.post("types", TYPES[:1])["duplicate"] == 1


def test_corrections_are_csv_or_ndjson_and_say_what_is_left_out(served: Served) -> None:
    served.post("types", TYPES[:1])
    reply = served.get("corrections", manufacturer="Corvid & Sons", earliest=WINDOW["earliest"])
    assert (reply.status, reply.headers["content-type"]) == (200, "text/csv")
    assert reply.body.decode() == f"iccid,imei,effective_from\n{ICCID},{FOREIGN},\n"
    assert reply.headers["tallystick-corrections"] == "sims=1; moved_back=0; moved_on=0"
    lines = served.get(
        "corrections", {"Accept": "application/x-ndjson"}, manufacturer="Corvid & Sons"
    )
    assert lines.headers["content-type"] == "application/x-ndjson"
    assert lines.json == {"iccid": ICCID, "imei": FOREIGN, "effective_from": None}
    nobody = served.get("corrections", manufacturer="Corvid & Sons", latest="2026-03-01")
    assert nobody.body == b"iccid,imei,effective_from\n"


def test_corrections_posted_back_empty_the_report(served: Served) -> None:
    served.post("types", TYPES[:1])
    assert len(served.report(None).json["devices"]) == 1
    lines = served.get(
        "corrections", {"Accept": "application/x-ndjson"}, manufacturer="Corvid & Sons"
    ).body
    reply = call(
        served.port,
        "POST",
        "/api/v1/expectations",
        lines,
        served.sender | {"Content-Type": "application/x-ndjson"},
    )
    assert reply.json["accepted"] == 1
    assert served.report(None).json == {"devices": []}
    served.post("expectations", [{"iccid": ICCID, "imei": HOME}])
    assert len(served.report(None).json["devices"]) == 1


@pytest.mark.parametrize(
    ("parameters", "headers", "status", "code"),
    [
        ({}, {}, 400, "invalid-value"),
        ({"manufacturer": "Nobody"}, {}, 404, "manufacturer-unknown"),
        ({"manufacturer": "Corvid & Sons"}, {"Accept": "image/png"}, 406, "accept-refused"),
        ({"manufacturer": "Corvid & Sons", "earliest": "soon"}, {}, 400, "invalid-value"),
        ({"manufacturer": "Corvid & Sons", "account": "nobody's"}, {}, 404, "account-not-found"),
        (
            {"manufacturer": "Corvid & Sons", "account": "A-1", "group": "Meters"},
            {},
            400,
            "invalid-value",
        ),
    ],
)
def test_questions_that_cannot_be_answered_are_refused(
    served: Served, parameters: dict[str, str], headers: dict[str, str], status: int, code: str
) -> None:
    served.post("types", TYPES[:1])
    reply = served.get("corrections", headers, **parameters)
    assert (reply.status, reply.json["error"]["code"]) == (status, code)


def test_coverage_is_counted_for_an_account_and_a_window(served: Served) -> None:
    newest = "2026-03-05T10:00:00Z"
    assert served.get("coverage").json == {"sims": 2, "expected": 1, "seen": 1, "newest": newest}
    assert served.get("coverage", account="A-1", latest="2026-03-01").json["seen"] == 0
    misspelt = served.get("coverage", earlist="2026-03-02").json["error"]["message"]
    assert misspelt == "there is no parameter 'earlist'; there are earliest, latest, account, group"
    assert served.get("coverage", group="g").json["error"]["code"] == "account-required"
    assert (
        served.get("coverage", earliest="2026-03-02", latest="2026-03-01").json["error"]["code"]
        == "window-refused"
    )


def test_activations_by_imsi_wait_are_listed_and_go_to_their_sim(served: Served) -> None:
    imsi, seen = "295050900000011", {"imei": "35-209900-176148-1", "activated_at": "2026-03-05"}
    receipt = served.post("activations", [{"imsi": imsi, **seen}])
    assert (receipt["accepted"], receipt["unattributed"]) == (1, 1)
    (source,) = served.get("coverage").json["unattributed"]
    page = served.get("coverage/unattributed").json
    assert [(each["imsi"], each["source"]) for each in page["unattributed"]] == [(imsi, source)]
    assert page["next"] is None
    identity = {"iccid": "8914800000080000001F", "imsi": imsi}
    tried = served.post("identities?mode=dry-run", [identity])
    assert (tried["added"], tried["accepted"]) == (1, 1)
    assert served.post("identities", [identity])["accepted"] == 1
    assert "unattributed" not in served.get("coverage").json


def test_sims_that_are_not_loaded_and_shared_hardware_are_counted_and_listed(
    served: Served,
) -> None:
    one, two = "89148000000800000037", "89148000000800000045"
    served.post("expectations", [{"iccid": each, "imei": FOREIGN} for each in (one, two)])
    covered = served.get("coverage").json
    assert (covered["unloaded"], covered["shared_hardware"]) == (2, 1)
    assert "unloaded" not in served.get("coverage", account="A-1").json
    listed = [{"iccid": each, "imei": FOREIGN, "effective_from": None} for each in (one, two)]
    assert served.get("coverage/unloaded").json == {"unloaded": listed, "next": None}
    assert served.get("coverage/unloaded", after=one).json["unloaded"] == listed[1:]
    assert served.get("coverage/shared-hardware").json == {"shared_hardware": listed, "next": None}
    behind = served.get("coverage/shared-hardware", after=FOREIGN).json
    assert behind["shared_hardware"] == []


@pytest.mark.parametrize("path", ["coverage", "corrections"])
def test_only_the_scope_admin_may_ask_about_the_fleet(served: Served, path: str) -> None:
    assert served.get(path, served.sender).status == 403
    assert served.get(path, served.user).status == 403
    assert served.get(path, {"Authorization": "Bearer nothing"}).status == 401


@pytest.mark.parametrize(
    "prefer",
    [
        "include=coverage",
        'respond-async, INCLUDE="coverage"; why=not, wait=10',
        'include="something, Coverage"',
        "include=something,coverage",
    ],
)
def test_a_client_that_prefers_it_is_told_what_the_answer_rests_on(
    served: Served, prefer: str
) -> None:
    plain, told = served.report(None), served.report(prefer)
    assert told.body == plain.body
    assert told.headers["tallystick-coverage"] == COVERED
    assert told.headers["preference-applied"] == "include=coverage"


@pytest.mark.parametrize(
    "prefer",
    [None, "respond-async", "include=something", 'wait="include=coverage"', "coverage", '"'],
)
def test_without_that_preference_nothing_is_added(served: Served, prefer: str | None) -> None:
    reply = served.report(prefer)
    assert reply.status == 200
    assert not {"tallystick-coverage", "preference-applied"} & reply.headers.keys()


def test_coverage_is_that_of_the_report_at_hand(served: Served) -> None:
    window = {"earliest": "2026-04-01", "latest": "2026-05-01"}
    reply = served.report(
        "include=coverage", window, devices=[{"deviceIds": [{"kind": "ICCID", "id": OTHER}]}]
    )
    assert reply.json == {"devices": []}
    assert reply.headers["tallystick-coverage"] == "sims=1; expected=0; seen=0"


def test_a_refused_report_tells_no_coverage(served: Served) -> None:
    reply = served.report("include=coverage", accountName="nobody's")
    assert reply.status == 400
    assert "tallystick-coverage" not in reply.headers
