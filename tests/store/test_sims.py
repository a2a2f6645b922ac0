"""SIMs as columns: what is new is put, what differs is replaced, the rest is left alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tallystick.core.facts import Sim
from tallystick.core.identifiers import MDN_LEFT_OUT
from tests.kept import everything_in, rule_of
from tests.store.few import FOREIGN, HOME, ICCIDS, MDN, expected, seen, sim
from tests.store.test_any_order_same_answer import in_columns

if TYPE_CHECKING:
    from tallystick.store import Store

CROWD = ICCIDS[:300]  # so many that PostgreSQL takes new ones in as a stream


def stored_sims(store: Store) -> list[Sim]:
    """Every SIM of a store, in order."""
    with store.snapshot() as reader:
        return sorted(reader.whole_sims_between(-1, 2**63 - 1))


def changed_crowd() -> list[Sim]:
    """The crowd again: some are new, some differ in one column each, some are as before."""
    return [
        sim(CROWD[0], mdn=MDN),
        sim(CROWD[1], mdn=MDN_LEFT_OUT),
        sim(CROWD[2], account='b, "quoted"'),
        sim(CROWD[3], generation='5G, "new"'),
        sim(CROWD[4], date=2),
        sim(CROWD[5])._replace(activation_date=None),
        *(sim(iccid, mdn=MDN) for iccid in CROWD[6:]),
    ]


@pytest.mark.parametrize("known", [6, 40, len(CROWD)])
def test_sims_as_columns_are_put_or_replaced_and_counted(store: Store, known: int) -> None:
    crowd = changed_crowd()
    with store.transaction() as writer:
        writer.take_sims([sim(CROWD[1], mdn=MDN), *map(sim, (CROWD[0], *CROWD[2:known]))])
        for iccid, hardware in zip(CROWD[:8], [FOREIGN, HOME] * 4, strict=True):
            writer.take_expectations([expected(iccid)])
            writer.take_activations([seen(iccid, hardware)])
    with store.transaction() as writer:
        assert writer.take(Sim, in_columns(crowd)) == (len(CROWD), 0, ('b, "quoted"',))
    assert stored_sims(store) == [
        each._replace(mdn=None) if each.mdn == MDN_LEFT_OUT else each for each in crowd
    ]
    everything = everything_in(store)
    assert everything.kept == rule_of(everything)
    with store.transaction() as writer:
        assert writer.take(Sim, in_columns(crowd)) == (0, len(CROWD), ())


def test_of_a_sim_that_comes_twice_in_a_frame_the_last_counts(store: Store) -> None:
    coming = [sim(CROWD[0], "a"), sim(CROWD[1], "a"), sim(CROWD[0], "b"), sim(CROWD[1], "a")]
    with store.transaction() as writer:
        assert writer.take(Sim, in_columns(coming)) == (3, 1, ("a", "b"))
    assert [each.account for each in stored_sims(store)] == ["b", "a"]


def test_sims_far_apart_are_compared_without_reading_those_between_them(store: Store) -> None:
    with store.transaction() as writer:
        writer.take_sims([sim(iccid) for iccid in CROWD])
    ends = [sim(CROWD[0], generation="5G"), sim(CROWD[-1])]
    with store.transaction() as writer:
        assert writer.take(Sim, in_columns(ends)) == (1, 1, ())
