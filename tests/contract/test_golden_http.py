"""Every golden case through real HTTP, each in a world of its own."""

from __future__ import annotations

import json
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tallystick.clock import system_clock
from tallystick.core.allowed import Allowed
from tallystick.core.facts import (
    GENERATION_DEFAULT,
    GroupMember,
    Sim,
    SimActivation,
    SimExpectation,
)
from tallystick.core.identifiers import Iccid, Imei, Mdn
from tallystick.core.moments import BEGINNING, parse_moment
from tallystick.intake import KINDS, import_file
from tallystick.store import open_store
from tallystick.thingspace.rows import wire_row
from tests.contract.world_router import DATABASE, TIME_ZONE
from tests.engines import made
from tests.quick_access import quick_access
from tests.serving import PASSWORD, REPORT, Reply, call, free_port, running, signed_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tallystick.access import Credentials
    from tallystick.store import Store

GOLDEN = Path(__file__).parent / "golden"
EXAMPLE = GOLDEN / "published_example"
CASES = [
    case
    for name in ("report_cases.json", "allowed_cases.json")
    for case in json.loads((GOLDEN / name).read_text("utf-8"))
]
PACIFIC = "America/Los_Angeles"


@pytest.fixture(scope="module")
def router() -> Iterator[int]:
    """The port of a server of many stores."""
    port = free_port()
    command = [
        "-m",
        "granian",
        "--interface",
        "wsgi",
        "--no-ws",
        "--log-level",
        "error",
        "--port",
        str(port),
    ]
    with running(
        [*command, "world_router:app", "--working-dir", str(Path(__file__).parent)], port, {}
    ):
        yield port


def ask(port: int, database: str, zone: str, app: Credentials, body: str) -> Reply:
    """Log in and ask for the report in one world."""
    world = {DATABASE: database, TIME_ZONE: zone}
    return call(port, "POST", REPORT, body, signed_in(port, app, "user", world))


def known(store: Store, accounts: Sequence[str]) -> Credentials:
    """An app, and a user who sees these accounts."""
    access = quick_access(store, system_clock, secrets.token_bytes)
    access.add_user("user", PASSWORD, accounts, all_accounts=False)
    return access.add_app("app", ["m2m"])


def load(store: Store, world: dict[str, Any]) -> None:
    """Take a golden case's facts in."""
    readers: dict[str, Callable[[dict[str, Any]], Any]] = {
        "sims": lambda fact: Sim(
            Iccid.parse(fact["iccid"]),
            Mdn.parse(fact["mdn"]) if fact.get("mdn") else None,
            fact["account"],
            parse_moment(fact["activation_date"]) if fact["activation_date"] else None,
            fact.get("generation", GENERATION_DEFAULT),
        ),
        "expectations": lambda fact: SimExpectation(
            Iccid.parse(fact["iccid"]),
            parse_moment(fact["effective_from"]) if fact.get("effective_from") else BEGINNING,
            Allowed.parse(fact["imei"]),
        ),
        "activations": lambda fact: SimActivation(
            Iccid.parse(fact["iccid"]), parse_moment(fact["activated_at"]), Imei.parse(fact["imei"])
        ),
        "groups": lambda fact: GroupMember(
            fact["account"], fact["group"], Iccid.parse(fact["iccid"])
        ),
    }
    with store.transaction() as writer:
        for name, read in readers.items():
            for fact in map(read, world[name]):
                writer.take(type(fact), [fact])


def answer_to(case: dict[str, Any], port: int, database: str, store: Store) -> Reply:
    """What the server says to a golden case, from a store with nothing in it yet."""
    app = known(store, case["user_accounts"])
    load(store, case["world"])
    return ask(port, database, case["time_zone"], app, json.dumps(case["request"]))


def check(case: dict[str, Any], reply: Reply) -> None:
    """Hold a reply to a golden case."""
    assert reply.status == case["status"], reply
    assert reply.headers["content-type"] == "application/json"
    if reply.status == 200:
        expected = json.dumps({"devices": case["rows"]}, separators=(",", ":"), ensure_ascii=False)
        assert reply.body.decode() == expected
    else:
        assert reply.json["errorCode"] == case["errorCode"]
        assert reply.json["errorMessage"]


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_golden_case(case: dict[str, Any], router: int, database: str, store: Store) -> None:
    """The answer is the golden one, byte for byte; an error has the golden code."""
    with store.transaction() as writer:
        writer.set_wire_zone(case["time_zone"])
    check(case, answer_to(case, router, database, store))


@pytest.mark.parametrize("kept_zone", ["UTC", PACIFIC, "Asia/Kathmandu"])
def test_the_zone_of_the_answer_does_not_depend_on_the_zone_of_the_store(
    kept_zone: str, router: int, database: str, engine: str
) -> None:
    (case,) = [case for case in CASES if case["time_zone"] == PACIFIC]
    with open_store(database, wire_row) as store:
        check(case, answer_to(case, router, database, made(store, engine, kept_zone)))


@pytest.mark.parametrize("kept_zone", ["UTC", PACIFIC])
def test_the_published_example_comes_out_byte_for_byte(
    kept_zone: str, router: int, database: str, engine: str
) -> None:
    with open_store(database, wire_row) as store:
        made(store, engine, kept_zone)
        app = known(store, ["0342077109-00001", "0212398765-00001"])
        for kind in ("sims", "expectations", "activations"):
            assert kind in KINDS
            import_file(store, kind, str(EXAMPLE / f"{kind}.csv"))
    as_published = (EXAMPLE / "request_as_published.json").read_text("utf-8")
    assert ask(router, database, PACIFIC, app, as_published).body == b'{"devices":[]}'
    finding = (EXAMPLE / "request_that_finds_it.json").read_text("utf-8")
    assert (
        ask(router, database, PACIFIC, app, finding).body
        == (EXAMPLE / "response.json").read_bytes().strip()
    )
