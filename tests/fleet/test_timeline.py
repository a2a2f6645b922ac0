"""The timeline of a SIM is its history within a window, and reads no more than is drawn."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tallystick.core.allowed import Allowed
from tallystick.core.errors import SimNotFound
from tallystick.core.facts import SimActivation, SimExpectation
from tallystick.core.moments import BEGINNING, Moment
from tallystick.core.pairing import FirstUse
from tallystick.core.window import Window
from tallystick.fleet import accounts, histories
from tallystick.fleet.timeline import (
    ACTIVATIONS_MAX,
    EXPECTATIONS_MAX,
    LEDGER_MAX,
    recent_log,
    timeline,
)
from tests.store.few import FOREIGN, HOME, ONE, THIRD, TWO, expected, seen, sim, take

if TYPE_CHECKING:
    from tallystick.store import Store

EVERYTHING = Window(Moment(-1), Moment(10**9))


def test_it_is_the_history_within_the_window(store: Store) -> None:
    take(store, sim(ONE), expected(ONE, HOME), expected(ONE, THIRD, since=50))
    hardware = (HOME, FOREIGN, FOREIGN, HOME, THIRD, THIRD, HOME, FOREIGN)
    take(store, *(seen(ONE, imei, at=10 * n + 5) for n, imei in enumerate(hardware)))
    with store.snapshot() as reader:
        (history,) = histories.history(reader, str(ONE))
        whole = timeline(reader, ONE, EVERYTHING, {"a"})
        late = timeline(reader, ONE, Window(Moment(15), Moment(75)), {"a"})
    stays = history.stays[::-1]
    assert (whole.stays, whole.expectations) == (stays, history.expectations)
    assert (whole.is_cut, whole.has_more_expectations) == (False, False)
    # The stay that began before the window did not open its row within it.
    first = replace(stays[1], opened_at=Moment(25), activations=1, reported=False)
    assert late.stays == [first, *stays[2:-1]]


def test_where_a_policy_holds_it_to_its_first_use_home_is_where_it_was_seen_first(
    store: Store,
) -> None:
    take(store, sim(ONE), seen(ONE, HOME, at=5), seen(ONE, FOREIGN, at=25))
    with store.transaction() as writer:
        accounts.hold(writer, "a", FirstUse.IMEI)
    with store.snapshot() as reader:
        (stay,) = timeline(reader, ONE, Window(Moment(15), Moment(75)), {"a"}).stays
    assert (str(stay.expected), stay.unexpected, stay.reported) == (str(HOME), True, True)


def test_values_of_several_and_of_no_hardware_are_judged_and_told_as_given(store: Store) -> None:
    values = (f"{HOME}|{THIRD}", "nowhere", "none")
    take(store, sim(ONE))
    take(store, *(expected(ONE, Allowed.parse(each), 10 * n) for n, each in enumerate(values)))
    take(store, *(seen(ONE, THIRD, at=10 * n + 5) for n in range(3)))
    with store.snapshot() as reader:
        drawn = timeline(reader, ONE, EVERYTHING, {"a"})
    assert [str(put.imei) for put in drawn.expectations] == list(values)
    assert [(stay.unexpected, stay.reported) for stay in drawn.stays] == [
        (False, False),
        (True, True),
        (False, False),
    ]


def test_it_reads_the_newest_of_many_facts(store: Store) -> None:
    many = ACTIVATIONS_MAX + 500
    take(store, sim(ONE))
    with store.transaction() as writer:
        writer.take_activations(
            [SimActivation(ONE, Moment(n), (HOME, FOREIGN)[n % 2]) for n in range(many)]
        )
        writer.take_expectations(
            [
                SimExpectation(ONE, Moment(n) if n else BEGINNING, HOME)
                for n in range(EXPECTATIONS_MAX + 20)
            ]
        )
    with store.snapshot() as reader:
        drawn = timeline(reader, ONE, EVERYTHING, {"a"})
        log = recent_log(reader, ONE)
    assert sum(stay.activations for stay in drawn.stays) == ACTIVATIONS_MAX
    assert (drawn.is_cut, drawn.begins_at) == (True, many - ACTIVATIONS_MAX)
    assert [stay.unexpected for stay in drawn.stays] == [stay.reported for stay in drawn.stays]
    assert len(drawn.expectations) == EXPECTATIONS_MAX + 1
    assert drawn.has_more_expectations
    assert drawn.expectations[0].effective_from == BEGINNING
    assert LEDGER_MAX < EXPECTATIONS_MAX + 20
    assert log is None


def test_a_short_ledger_is_told(mismatched: Store) -> None:
    with mismatched.snapshot() as reader:
        assert [str(entry.value.imei) for entry in recent_log(reader, ONE) or ()] == [str(HOME)]


def test_a_sim_of_another_account_is_refused_like_one_that_is_not_there(mismatched: Store) -> None:
    with mismatched.snapshot() as reader:
        for iccid, visible in ((ONE, {"b"}), (TWO, {"a"})):
            with pytest.raises(SimNotFound, match=f"no SIM with the ICCID {iccid}"):
                timeline(reader, iccid, EVERYTHING, visible)
