"""A cluster whose machines fail, or move their shards, while facts come in and reports go out."""

from __future__ import annotations

import json
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from tallystick.core.identifiers import Iccid
from tallystick.core.moments import parse_moment
from tests.cluster import (
    coordinator_of,
    cut_connections,
    frozen,
    machine_of,
    make_whole,
    move_a_shard,
)
from tests.engines import CITUS, ENGINES
from tests.listening import wait_until
from tests.sending import (
    FOREIGN,
    SIMS,
    Sender,
    assert_follows_the_rule,
    assert_nothing_is_lost,
    headers_of_sender,
    iccid_of,
    load_fleet,
)
from tests.serving import call, serving
from tests.store.few import seen, take

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tallystick.store import Store
    from tests.serving import Reply

pytestmark = pytest.mark.skipif(CITUS not in ENGINES, reason="no cluster is named")
SENDERS = 4
CUTS = 10
ANSWERS_S_MAX = 60
FROZEN_S_MAX = 20
NOON = "2026-03-05T12:00:00Z"


@pytest.fixture
def engine() -> str:
    """This one only."""
    return CITUS


@contextmanager
def facts_coming(store: Store, database: str) -> Iterator[list[Sender]]:
    """Calls go on while the block lasts; then everything that was acknowledged must be there."""
    load_fleet(store)
    headers = headers_of_sender(store)
    with serving(database) as port:
        senders = [Sender(number, port, headers, 0, refusals=(503,)) for number in range(SENDERS)]
        for sender in senders:
            sender.start()
        wait_for_answers(senders)
        yield senders
        make_whole(database)
        wait_for_answers(senders)
        for sender in senders:
            sender.enough.set()
        for sender in senders:
            sender.join()
    assert_nothing_is_lost(store, senders)


def wait_for_answers(senders: list[Sender]) -> None:
    """Come back when each has had another call acknowledged."""
    before = [len(sender.acknowledged) for sender in senders]
    until = time.monotonic() + ANSWERS_S_MAX
    while any(len(sender.acknowledged) <= had for sender, had in zip(senders, before, strict=True)):
        assert time.monotonic() < until, "calls are not taken in again"
        time.sleep(0.05)


def test_what_was_acknowledged_is_there_whenever_the_machines_were_lost(
    store: Store, database: str
) -> None:
    with facts_coming(store, database):
        cut = 0
        for _ in range(CUTS):
            cut += cut_connections(database)
            time.sleep(0.2)
        assert cut > 0


def test_a_frozen_machine_stops_nothing_that_concerns_a_sim_of_another_machine(
    store: Store, database: str
) -> None:
    load_fleet(store)
    sims = [Iccid.parse(iccid_of(number)) for number in range(SIMS)]
    with coordinator_of(database) as coordinator:
        away = machine_of(coordinator, sims[0])
        here = next(sim for sim in sims if machine_of(coordinator, sim) != away)
    with store.transaction() as writer:
        writer.add_account("A-2")
    take(store, seen(here, at=parse_moment(NOON)))
    row = {"iccid": str(here), "imei": FOREIGN, "activated_at": NOON}
    with calling(store, database) as call_server:
        with frozen(database, away):
            began = time.monotonic()
            assert call_server("GET", f"/api/v1/sims/{here}").status == 200
            for path, rest in (("", {"note": "a test"}), ("/end", {})):
                called = call_server("POST", f"/api/v1/explanations{path}", {"rows": [row], **rest})
                assert called.status == 200
            assert call_server("PATCH", f"/api/v1/sims/{here}", {"account": "A-2"}).status == 200
            assert call_server("DELETE", f"/api/v1/sims/{here}").status == 204
            assert call_server("DELETE", f"/api/v1/sims/{sims[0]}").status == 503
            assert time.monotonic() - began < FROZEN_S_MAX
        wait_until(lambda: call_server("DELETE", f"/api/v1/sims/{sims[0]}").status == 204)
    assert_follows_the_rule(store)


@contextmanager
def calling(store: Store, database: str) -> Iterator[Callable[..., Reply]]:
    """Within the block, what calls a server as an app that may do anything."""
    headers = headers_of_sender(store, "admin")
    with serving(database) as port:
        yield lambda method, path, body=None: call(
            port, method, path, json.dumps(body) if body else b"", headers
        )


def test_facts_are_taken_in_while_a_shard_moves_to_another_machine(
    store: Store, database: str
) -> None:
    with facts_coming(store, database):
        before, after = move_a_shard(database)
        assert before != after
