"""A cluster whose machines fail, or move their shards, while facts come in and reports go out."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from tests.cluster import cut_connections, make_whole, move_a_shard
from tests.engines import CITUS, ENGINES
from tests.sending import Sender, assert_nothing_is_lost, headers_of_sender, load_fleet
from tests.serving import serving

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tallystick.store import Store

pytestmark = pytest.mark.skipif(CITUS not in ENGINES, reason="no cluster is named")
SENDERS = 4
CUTS = 10
ANSWERS_S_MAX = 60


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


def test_facts_are_taken_in_while_a_shard_moves_to_another_machine(
    store: Store, database: str
) -> None:
    with facts_coming(store, database):
        before, after = move_a_shard(database)
        assert before != after
