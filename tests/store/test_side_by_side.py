"""Transactions that say which SIMs they touch: beside one another, and right."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from random import Random
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick.clock import system_clock
from tallystick.core.errors import StoreBusy, StoreRefused
from tallystick.core.facts import Sim, SimActivation, SimExpectation
from tallystick.core.identifiers import Iccid
from tallystick.intake import KINDS, LiveIntake
from tallystick.intake.live import idempotency_key
from tallystick.operations.verify import verify
from tallystick.store import Store, open_store, shortlist
from tallystick.store.engines import postgresql_connection
from tallystick.store.engines.postgresql_server import Driver
from tallystick.store.touched import (
    PARTS,
    SINGLES_MAX,
    Lane,
    Locks,
    Touched,
    single_sims,
    whole_parts,
)
from tallystick.thingspace.rows import wire_row
from tests.empty_stores import empty_store_on
from tests.engines import (
    CITUS,
    ENGINES,
    IN_ONE_LINE,
    POSTGRESQL,
    SQLITE,
    emptying,
    named,
)
from tests.kept import everything_in, rule_of
from tests.listening import PATIENCE_S, wait_until
from tests.store.few import FOREIGN, HOME, ONE, TWO, expected, seen, sim
from tests.store.few import take as take_few
from tests.store.test_any_order_same_answer import in_columns
from tests.store.test_many_worlds import expectation_of
from tests.worlds import ACCOUNTS, IMEIS, MDNS, MOMENTS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from psycopg.abc import PQGen

    from tests.empty_stores import Schemas
    from tests.worlds import Fact

ACTIVATIONS = KINDS["activations"]
ROUNDS, SOAK_ROUNDS = 3, 300
WRITERS, TRANSACTIONS = 4, 10
PAUSE_S_MAX = 0.002
# At most; a cluster's transactions take ten times as long.
LOST_EVERY_S = {POSTGRESQL: 0.3, CITUS: 3.0}
# Between two losses, so that most come to their end however slow the machine is.
TRANSACTIONS_A_LOSS_MIN = 4


@pytest.fixture
def engine() -> str:
    """This one only."""
    return POSTGRESQL


@pytest.fixture
def database(engine: str, tmp_path: Path, schemas: dict[str, Schemas]) -> Iterator[str]:
    """The address of a store whose connections have a name of their own."""
    with empty_store_on(engine, tmp_path, schemas) as address:
        yield named(address)


def of(*iccids: int) -> Touched:
    """A transaction that touches these SIMs."""
    return Touched(frozenset(iccids))


# Which locks follow

iccids = st.frozensets(st.integers(0, 2**62), max_size=5)
touched_by = st.builds(
    Touched, iccids, st.frozensets(st.binary(min_size=32, max_size=32), max_size=3)
)
Way = Callable[[Touched], Locks]
ways = st.sampled_from([single_sims, whole_parts])


def exclude_each_other(first: Locks, second: Locks) -> bool:
    """Whether one waits for the other."""
    common = set(first.numbers) & set(second.numbers)
    exclusive = {*first.numbers[first.shared :], *second.numbers[second.shared :]}
    return bool(common & exclusive)


@given(touched_by, touched_by, ways, ways, st.randoms(use_true_random=False))
def test_transactions_with_a_sim_or_a_key_in_common_exclude_each_other(
    first: Touched, second: Touched, way: Way, other_way: Way, random: Random
) -> None:
    common = random.choice([*first.sims, *first.keys, 1])
    if isinstance(common, bytes):
        second = second._replace(keys=second.keys | {common})
    else:
        first = first._replace(sims=first.sims | {common})  # type: ignore[operator] # the same
        second = second._replace(sims=second.sims | {common})  # type: ignore[operator] # the same
    assert exclude_each_other(way(first), other_way(second))


@given(iccids, st.integers(1, PARTS), ways)
def test_a_sim_is_of_one_lane_and_excludes_no_other(
    sims: frozenset[int], lanes: int, way: Way
) -> None:
    for iccid in sims:
        of_lanes = [whole_parts(Touched(Lane(number, lanes))) for number in range(lanes)]
        excluded = [exclude_each_other(way(of(iccid)), locks) for locks in of_lanes]
        assert excluded.count(True) == 1
        assert excluded.index(True) == iccid % PARTS % lanes


@given(touched_by, ways)
def test_locks_are_taken_in_one_order(touched: Touched, way: Way) -> None:
    numbers = way(touched).numbers
    assert numbers == sorted(set(numbers))


def test_different_sims_do_not_exclude_each_other() -> None:
    assert not exclude_each_other(single_sims(of(ONE)), single_sims(of(TWO)))
    far = ONE + PARTS
    assert not exclude_each_other(single_sims(of(ONE)), single_sims(of(far)))
    assert exclude_each_other(whole_parts(of(ONE)), single_sims(of(far)))


# Who waits for whom

SAME_PART = Iccid(ONE + PARTS)
SHORT_WAIT_S = 0.2


def write(store: Store, touched: Touched | None, wait_s: float) -> bool:
    """Try to write; give whether the locks came."""
    try:
        with store.transaction(wait_s, touched):
            return True
    except StoreBusy:
        return False


@pytest.mark.parametrize(
    ("first", "second", "is_beside"),
    [
        (of(ONE), of(TWO), True),
        (of(ONE), of(SAME_PART), True),
        (of(ONE), of(ONE, TWO), False),
        (of(ONE), None, False),
        (None, of(ONE), False),
        (of(ONE), Touched(Lane(ONE % PARTS, PARTS)), False),
        (of(ONE), Touched(Lane((ONE + 1) % PARTS, PARTS)), True),
        (Touched(Lane(0, 2)), Touched(Lane(1, 2)), True),
        (of(*range(SINGLES_MAX)), of(SINGLES_MAX - 1), False),
        (of(*range(SINGLES_MAX)), of(*range(SINGLES_MAX, 2 * SINGLES_MAX)), True),
        (of(*range(SINGLES_MAX + 1)), of(2 * SINGLES_MAX), False),
        (Touched(frozenset(), frozenset({b"key1"})), of(ONE), True),
        (
            Touched(frozenset(), frozenset({b"key1"})),
            Touched(frozenset(), frozenset({b"key1"})),
            False,
        ),
    ],
)
def test_transactions_wait_for_those_that_touch_the_same(
    store: Store, first: Touched | None, second: Touched | None, *, is_beside: bool
) -> None:
    with store.transaction(None, first):
        assert write(store, second, PATIENCE_S if is_beside else SHORT_WAIT_S) is is_beside
    assert write(store, second, PATIENCE_S)


def test_whoever_waits_for_several_locks_waits_no_longer_than_for_one(store: Store) -> None:
    """The locks come one after the other, each a little before the wait would be over."""
    all_hold, is_awaited = threading.Barrier(4), threading.Event()

    def hold(place: int) -> None:
        with store.transaction(None, of(place)):
            all_hold.wait(PATIENCE_S)
            assert is_awaited.wait(PATIENCE_S)
            time.sleep(place * 0.5)

    with ThreadPoolExecutor(3) as holders, ThreadPoolExecutor(1) as waiters:
        holding = [holders.submit(hold, place) for place in (1, 2, 3)]
        all_hold.wait(PATIENCE_S)
        waiting = waiters.submit(write, store, of(1, 2, 3), 0.8)
        wait_until(store.is_awaited)
        is_awaited.set()
        assert waiting.result() is False
        for each in holding:
            each.result()


def test_those_beside_one_another_do_not_keep_one_out_that_writes_alone(store: Store) -> None:
    over = threading.Event()

    def write_on(touched: Touched) -> None:
        while not over.is_set():
            with store.transaction(None, touched):
                time.sleep(0.02)

    with ThreadPoolExecutor(4) as writers:
        writing = [writers.submit(write_on, of(number)) for number in range(4)]
        time.sleep(0.1)
        try:
            for _ in range(5):
                assert write(store, None, PATIENCE_S)
        finally:
            over.set()
        for each in writing:
            each.result()


def test_a_long_transaction_learns_that_somebody_waits_for_its_sims(store: Store) -> None:
    with ThreadPoolExecutor(1) as waiters:
        with store.transaction(None, Touched(Lane(0, 1))):
            assert not store.is_awaited()
            waiting = waiters.submit(write, store, of(ONE), PATIENCE_S)
            wait_until(store.is_awaited)
        assert waiting.result()
    with store.transaction(None, of(ONE)):
        assert not store.is_awaited()


def test_what_a_transaction_does_not_touch_it_does_not_change(store: Store) -> None:
    def change_others(kind: type, fact: Fact) -> None:
        with store.transaction(None, of(ONE)) as writer:
            writer.take(kind, [fact])

    for kind, fact in ((Sim, sim(ONE)), (SimActivation, seen(TWO))):
        with pytest.raises(RuntimeError, match=r"beside other writers|does not touch"):
            change_others(kind, fact)
    everything = everything_in(store)
    assert (everything.sims, everything.activations) == ([], [])


# Random worlds, from several connections, some of which are lost

BASE = Iccid.parse("89148000000800000001")
SIMS = [BASE, Iccid(BASE + PARTS), Iccid(BASE + 1)]


class World:
    """Facts of a few SIMs from several writers at once."""

    def __init__(self, store: Store, seed: int) -> None:
        self.store = store
        self.seed = seed
        self.acknowledged: list[SimActivation] = []
        self.refused = self.ended = 0

    def play(self, writer: int) -> None:
        """One writer's transactions."""
        random = Random(f"{self.seed} {writer}")
        for _ in range(TRANSACTIONS):
            try:
                if random.randrange(10):
                    self.see(random)
                else:
                    self.load(random)
            except StoreRefused:  # its connection was lost
                self.refused += 1
            self.ended += 1

    def see(self, random: Random) -> None:
        """Take activations of one or two SIMs in, as rows or as columns."""
        sims = random.sample(SIMS, random.randint(1, 2))
        facts = [
            SimActivation(random.choice(sims), random.choice(MOMENTS), random.choice(IMEIS))
            for _ in range(random.randint(1, 4))
        ]
        touched = of(*sims) if random.randrange(6) else Touched(Lane(0, 1))
        with self.store.transaction(None, touched) as writer:
            writer.take(SimActivation, in_columns(facts) if random.randrange(2) else facts)
        self.acknowledged += facts

    def load(self, random: Random) -> None:
        """Load SIMs anew and say where they are expected, alone."""
        loaded = [
            Sim(iccid, random.choice(MDNS), random.choice(ACCOUNTS), MOMENTS[0], "4G")
            for iccid in SIMS
        ]
        with self.store.transaction() as writer:
            writer.take(Sim, loaded)
            writer.take(SimExpectation, [expectation_of(random, iccid) for iccid in SIMS])


def check_world(
    store: Store, driver: psycopg.Connection[Any], seed: int, lost_every_s: float
) -> World:
    """Have writers at work while connections are lost, and hold what is kept to the rule."""
    world, random, over = World(store, seed), Random(seed), threading.Event()
    world.load(Random(seed))
    with ThreadPoolExecutor(WRITERS + 1) as threads:
        losing = threads.submit(lose_connections, driver, world, random, over, lost_every_s)
        playing = [threads.submit(world.play, writer) for writer in range(WRITERS)]
        try:
            for each in playing:
                each.result()
        finally:
            over.set()
        losing.result()
    everything = everything_in(store)
    assert everything.kept == rule_of(everything), f"seed {seed}"
    assert set(world.acknowledged) <= set(everything.activations), f"seed {seed}"
    assert not any(verified.differences for verified in verify(store, wire_row)), f"seed {seed}"
    return world


def lose_connections(
    driver: psycopg.Connection[Any],
    world: World,
    random: Random,
    over: threading.Event,
    every_s: float,
) -> None:
    """End one connection or another of the store, now and then."""
    next_at = 0
    while not over.wait(random.random() * every_s):
        if world.ended < next_at:
            continue
        next_at = world.ended + TRANSACTIONS_A_LOSS_MIN
        driver.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name = current_setting('application_name')"
            " AND pid <> pg_backend_pid() ORDER BY random() LIMIT 1"
        )


@pytest.fixture
def pausing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Statements that begin a moment later, so that those of several writers mix."""
    pauses, wait = Random(0), Driver.wait

    def wait_later(
        self: Driver,
        gen: PQGen[Any],
        interval: float = 0.1,
        timeout: float | None = None,
    ) -> object:
        time.sleep(pauses.random() * PAUSE_S_MAX)
        return wait(self, gen, interval, timeout)

    monkeypatch.setattr(Driver, "wait", wait_later)
    monkeypatch.setattr(postgresql_connection, "COPIED_ROWS_MIN", 1)
    monkeypatch.setattr(shortlist, "DENSE_SIMS_MIN", 1)


def check_worlds(engine: str, database: str, seeds: range) -> list[World]:
    with (
        open_store(database, wire_row) as store,
        psycopg.connect(database, autocommit=True) as driver,
    ):
        if engine == CITUS:
            driver.execute(IN_ONE_LINE)
        empty, worlds = emptying(database).encode(), list[World]()
        for seed in seeds:
            driver.execute(empty)
            worlds.append(check_world(store, driver, seed, LOST_EVERY_S[engine]))
        return worlds


@pytest.mark.usefixtures("pausing")
@pytest.mark.parametrize("engine", [each for each in ENGINES if each != SQLITE])
def test_writers_side_by_side_keep_the_rows_of_the_rule(engine: str, database: str) -> None:
    worlds = check_worlds(engine, database, range(ROUNDS))
    assert sum(len(world.acknowledged) for world in worlds) > 100
    assert sum(world.refused for world in worlds) > 0


@pytest.mark.soak
@pytest.mark.usefixtures("pausing")
def test_many_writers_side_by_side_keep_the_rows_of_the_rule(engine: str, database: str) -> None:
    check_worlds(engine, database, range(ROUNDS, ROUNDS + SOAK_ROUNDS))


def test_few_sims_are_taken_in_beside_one_another(store: Store) -> None:
    """The property above would hold of writers that wait for one another too."""
    take_few(store, sim(ONE), sim(TWO))
    with store.transaction(None, of(ONE)) as first:
        first.take(SimActivation, [seen(ONE)])
        with store.transaction(None, of(TWO)) as second:
            second.take(SimActivation, [seen(TWO)])
    assert len(everything_in(store).activations) == 2


# Calls


def activation(iccid: Iccid, second: int) -> SimActivation:
    """An activation of its own."""
    return seen(iccid, FOREIGN if second % 2 else HOME, 1_000_000 * second)


def test_a_call_does_not_wait_for_a_transaction_that_touches_other_sims(store: Store) -> None:
    with closing(LiveIntake(store, system_clock, time.perf_counter)) as live:
        with store.transaction(None, of(ONE)):
            receipt = live.take(ACTIVATIONS, [seen(TWO)], [], None)
            waiting = live.put(ACTIVATIONS, [seen(ONE)], [], None)
            expecting = live.put(KINDS["expectations"], [expected(TWO)], [], None)
            time.sleep(0.2)
            assert len(everything_in(store).activations) == 1
        assert all(b'"accepted":1' in each for each in (receipt, waiting.wait(), expecting.wait()))


def test_a_key_that_comes_to_two_workers_at_once_is_taken_once(store: Store) -> None:
    """Whose transactions touch different SIMs, so that nothing but the key keeps them apart."""
    key = idempotency_key("app", "key", ACTIVATIONS, b"the same")
    workers = [LiveIntake(store, system_clock, time.perf_counter) for _ in range(2)]
    for worker in workers:  # old keys are forgotten by a transaction that writes alone
        worker.take(ACTIVATIONS, [], [], idempotency_key("app", "first", ACTIVATIONS, b""))
    with store.transaction(None, Touched(frozenset(), frozenset({key.key_sha256}))):
        calls = [
            worker.put(ACTIVATIONS, [seen(iccid)], [], key)
            for worker, iccid in zip(workers, (ONE, TWO), strict=True)
        ]
        time.sleep(0.1)
        assert everything_in(store).activations == []
    first, second = (call.wait() for call in calls)
    assert first == second
    assert len(everything_in(store).activations) == 1
    for worker in workers:
        worker.close()


def test_calls_of_two_workers_are_all_taken_and_counted_once(store: Store) -> None:
    facts = [activation(iccid, second) for iccid in (ONE, TWO) for second in range(40)]
    take_few(store, sim(ONE), sim(TWO), expected(ONE), expected(TWO))
    workers = [LiveIntake(store, system_clock, time.perf_counter) for _ in range(2)]
    with ThreadPoolExecutor(16) as senders:
        calls = [
            senders.submit(worker.take, ACTIVATIONS, [fact, other], [], None)
            for worker in workers
            for fact, other in zip(facts, facts[40:] + facts[:40], strict=True)
        ]
        receipts = [json.loads(call.result()) for call in calls]
    assert sum(receipt["accepted"] for receipt in receipts) == len(facts)
    assert sum(receipt["duplicate"] for receipt in receipts) == 3 * len(facts)
    everything = everything_in(store)
    assert everything.kept == rule_of(everything)
    assert len(everything.kept) > 2
    for worker in workers:
        worker.close()
