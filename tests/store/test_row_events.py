"""Row events: what becomes of rows of the kept answer is told as it happens, with its cause."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick.core.facts import SimExpectation
from tallystick.core.ledger import Origin
from tallystick.core.moments import Moment
from tallystick.core.pairing import FirstUse
from tallystick.core.row_events import CauseKind, RowChange
from tallystick.fleet import accounts, inventory
from tallystick.fleet.inventory import Move
from tallystick.store import kept
from tests.examples import examples
from tests.store.few import FOREIGN, HOME, MDN, ONE, THIRD, TWO, expected, seen, sim, take
from tests.worlds import Fact, facts

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from tallystick.store import RowEvent, Store, Writer
    from tests.engines import Stores

ANN = Origin("ann", Moment(5))
OPENED, CLOSED, REPRINTED = RowChange


def events_of(store: Store, change: Callable[[Writer], object]) -> list[RowEvent]:
    """The row events of one transaction."""
    events: list[RowEvent] = []
    with store.transaction() as writer, writer.observed_by(events.extend):
        change(writer)
        writer.settle()
    return events


def kinds(events: list[RowEvent]) -> list[tuple[RowChange, CauseKind]]:
    """What became of each row, and the kind of its cause."""
    return [(event.change, event.cause.kind) for event in events]


def taking(*taken: Fact) -> Callable[[Writer], None]:
    """A change that takes facts in, each by itself."""

    def change(writer: Writer) -> None:
        for fact in taken:
            writer.take(type(fact), [fact])

    return change


@pytest.fixture
def mismatched(store: Store) -> Store:
    """A store with one SIM of account a, found elsewhere."""
    take(store, sim(ONE), expected(ONE), seen(ONE))
    return store


def test_a_row_that_an_activation_opens_is_told_with_its_key(store: Store) -> None:
    take(store, sim(ONE), expected(ONE))
    (event,) = events_of(store, taking(seen(ONE, FOREIGN, 7)))
    assert kinds([event]) == [(OPENED, CauseKind.ACTIVATION)]
    assert (event.row.iccid, event.row.activated_at, event.row.post_imei) == (ONE, 7, FOREIGN)


def test_a_row_that_an_expectation_closes_is_told_with_the_change_set(mismatched: Store) -> None:
    def correct(writer: Writer) -> None:
        writer.take(SimExpectation, [expected(ONE, FOREIGN)], origin=ANN)

    (event,) = events_of(mismatched, correct)
    assert kinds([event]) == [(CLOSED, CauseKind.EXPECTATION)]
    with mismatched.snapshot() as reader:
        change_set = reader.change_set(event.cause.change_set_id)
    assert change_set is not None
    assert change_set.actor == "ann"


def test_two_change_sets_of_one_transaction_are_told_apart(store: Store) -> None:
    take(store, sim(ONE), sim(TWO), seen(ONE), seen(TWO))
    events = events_of(store, taking(expected(ONE), expected(TWO)))
    first, second = (event.cause.change_set_id for event in events)
    assert kinds(events) == [(OPENED, CauseKind.EXPECTATION)] * 2
    assert second == first + 1


def test_a_row_that_comes_and_goes_within_one_transaction_tells_nothing(store: Store) -> None:
    take(store, sim(ONE))
    assert events_of(store, taking(expected(ONE), seen(ONE), expected(ONE, FOREIGN))) == []


def test_of_several_causes_a_row_has_the_latest(store: Store) -> None:
    take(store, sim(ONE))
    for change, cause in (
        (taking(expected(ONE), seen(ONE)), CauseKind.ACTIVATION),
        (taking(seen(ONE, HOME, 20), expected(ONE, THIRD, 15)), CauseKind.EXPECTATION),
    ):
        assert kinds(events_of(store, change)) == [(OPENED, cause)]


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        (taking(sim(ONE, mdn=MDN)), CauseKind.SIM),
        (lambda writer: accounts.rename(writer, "a", "b"), CauseKind.RENAME),
        (lambda writer: writer.set_wire_zone("Asia/Kathmandu"), CauseKind.ZONE),
    ],
    ids=["another phone number", "a renamed account", "another zone"],
)
def test_a_row_that_only_reads_differently_is_printed_anew_and_not_opened(
    mismatched: Store, change: Callable[[Writer], object], cause: CauseKind
) -> None:
    assert kinds(events_of(mismatched, change)) == [(REPRINTED, cause)]


def test_a_moved_sim_leaves_one_account_and_comes_to_another(mismatched: Store) -> None:
    def move(writer: Writer) -> None:
        accounts.add(writer, "b")
        inventory.move(writer, [Move(ONE, "b")])

    events = events_of(mismatched, move)
    assert kinds(events) == [(CLOSED, CauseKind.MOVE), (OPENED, CauseKind.MOVE)]
    assert len({event.row.account_id for event in events}) == 2


def test_a_removed_sim_closes_its_rows(mismatched: Store) -> None:
    events = events_of(mismatched, lambda writer: inventory.remove(writer, [ONE], ANN))
    assert kinds(events) == [(CLOSED, CauseKind.REMOVAL)]


def test_a_policy_opens_rows(store: Store) -> None:
    take(store, sim(ONE), seen(ONE, HOME, 1), seen(ONE, THIRD, 2))

    def hold(writer: Writer) -> None:
        accounts.hold(writer, "a", FirstUse.IMEI)

    assert kinds(events_of(store, hold)) == [(OPENED, CauseKind.POLICY)]


def test_facts_that_repeat_tell_nothing(mismatched: Store) -> None:
    assert events_of(mismatched, taking(sim(ONE), expected(ONE), seen(ONE))) == []


def test_a_trial_leaves_what_the_transaction_did_before_it(store: Store) -> None:
    take(store, sim(ONE), sim(TWO), seen(ONE), seen(TWO))

    def put_and_try(writer: Writer) -> None:
        taking(expected(ONE))(writer)
        assert len(writer.try_expectations([expected(TWO)]).opened) == 1

    assert kinds(events_of(store, put_and_try)) == [(OPENED, CauseKind.EXPECTATION)]


@examples(100)
@given(facts, st.randoms(use_true_random=False), st.integers(1, 40))
def test_the_events_of_any_facts_lead_to_the_kept_answer(
    stores: Stores, world: list[Fact], random: Random, facts_a_transaction: int
) -> None:
    random.shuffle(world)
    told: dict[tuple[object, ...], bytes] = {}
    with stores.fresh() as store, pytest.MonkeyPatch.context() as patch:
        patch.setattr(kept, "SIMS_A_REFRESH", 1)
        for start in range(0, len(world), facts_a_transaction):
            part = world[start : start + facts_a_transaction]
            for event in events_of(store, taking(*part)):
                assert (event.row.key in told) is (event.change is not OPENED)
                if event.change is CLOSED:
                    del told[event.row.key]
                else:
                    told[event.row.key] = event.row.wire
        with store.snapshot() as reader:
            rows = [row.wire for row in reader.kept_between(-1, 2**62)]
    assert sorted(told.values()) == sorted(rows)
