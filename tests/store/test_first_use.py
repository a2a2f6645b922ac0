"""Accounts that expect SIMs to stay where they were first seen: the kept answer is the rule's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick.core.facts import Sim, SimActivation, SimExpectation
from tallystick.core.identifiers import Imei
from tallystick.core.pairing import FirstUse
from tallystick.operations.verify import verify
from tallystick.store import Store, shortlist
from tallystick.thingspace.rows import wire_row
from tests.examples import examples
from tests.store.test_any_order_same_answer import rows_of, take_in_batches
from tests.worlds import ACCOUNTS, ICCIDS, IMEIS, MOMENTS, Fact, facts, rows_by_the_rule

if TYPE_CHECKING:
    from random import Random

    from tests.engines import Stores

FOREIGN = IMEIS[3]
policies = st.fixed_dictionaries({account: st.sampled_from(FirstUse) for account in ACCOUNTS})


def set_policies(store: Store, first_uses: dict[str, FirstUse]) -> None:
    """Give the accounts their policies."""
    with store.transaction() as writer:
        for name, account_id in writer.account_ids_made(set(ACCOUNTS))[0].items():
            writer.set_first_use(account_id, first_uses[name])


def seen_at(*where: int) -> list[Fact]:
    """A SIM of the first account, seen in one hardware after the other."""
    sim = Sim(ICCIDS[0], None, ACCOUNTS[0], MOMENTS[0], "4G")
    return [
        sim,
        *(SimActivation(ICCIDS[0], MOMENTS[n], IMEIS[place]) for n, place in enumerate(where)),
    ]


@examples(60)
@given(
    facts,
    st.randoms(use_true_random=False),
    st.integers(0, 40),
    policies,
    policies,
    st.sampled_from([None, 1, shortlist.DENSE_SIMS_MIN]),
)
def test_any_facts_and_policies_in_any_order_give_the_rows_of_the_rule(
    stores: Stores,
    world: list[Fact],
    random: Random,
    cut: int,
    first: dict[str, FirstUse],
    then: dict[str, FirstUse],
    dense_sims_min: int | None,
) -> None:
    random.shuffle(world)
    with stores.fresh() as store:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(shortlist, "DENSE_SIMS_MIN", dense_sims_min or 0)
            for batch, first_uses in ((world[:cut], first), (world[cut:], then)):
                set_policies(store, first_uses)
                take_in_batches(store, batch, [], columns=dense_sims_min is not None)
        assert rows_of(store) == [row.wire for row in rows_by_the_rule(world, first_uses=then)]
        assert [each for part in verify(store, wire_row) for each in part.differences] == []


@pytest.mark.parametrize(
    ("first_use", "places", "rows"),
    [
        (FirstUse.OFF, [0, 3], 0),
        (FirstUse.IMEI, [0, 1, 2], 0),
        (FirstUse.IMEI, [0, 3, 3, 0, 3], 2),
        (FirstUse.MODEL, [0, 3, 0, 3], 2),
    ],
    ids=["off", "other forms of one IMEI", "there and back", "another model"],
)
def test_a_sim_without_an_expectation_is_held_to_where_it_was_first_seen(
    store: Store, first_use: FirstUse, places: list[int], rows: int
) -> None:
    take_in_batches(store, seen_at(*places), [])
    set_policies(store, dict.fromkeys(ACCOUNTS, first_use))
    assert len(rows_of(store)) == rows


def test_another_unit_of_the_model_is_unexpected_only_where_sims_are_held_to_the_unit(
    store: Store,
) -> None:
    other_unit = SimActivation(ICCIDS[0], MOMENTS[1], Imei.parse("35209900999999"))
    take_in_batches(store, [*seen_at(0), other_unit], [])
    for first_use, rows in ((FirstUse.MODEL, 0), (FirstUse.IMEI, 1), (FirstUse.OFF, 0)):
        set_policies(store, dict.fromkeys(ACCOUNTS, first_use))
        assert len(rows_of(store)) == rows


def test_an_expectation_that_was_taken_in_wins_from_its_moment_on(store: Store) -> None:
    take_in_batches(store, seen_at(0, 3, 3), [])
    set_policies(store, dict.fromkeys(ACCOUNTS, FirstUse.IMEI))
    assert len(rows_of(store)) == 1
    take_in_batches(store, [SimExpectation(ICCIDS[0], MOMENTS[1], FOREIGN)], [])
    assert rows_of(store) == []


@examples(50)
@given(facts, st.lists(st.tuples(policies, st.integers(0, 40)), min_size=1, max_size=4))
def test_policies_may_change_in_any_order_within_one_transaction(
    stores: Stores, world: list[Fact], steps: list[tuple[dict[str, FirstUse], int]]
) -> None:
    with stores.fresh() as store:
        with store.transaction() as writer:
            account_ids, _ = writer.account_ids_made(set(ACCOUNTS))
            start = 0
            for first_uses, end in steps:
                for name, account_id in account_ids.items():
                    writer.set_first_use(account_id, first_uses[name])
                for fact in world[start:end]:
                    writer.take(type(fact), [fact])
                start = max(start, end)
        taken = world[:start]
        rows = [row.wire for row in rows_by_the_rule(taken, first_uses=steps[-1][0])]
        assert rows_of(store) == rows


def test_a_policy_that_is_set_again_changes_nothing(store: Store) -> None:
    take_in_batches(store, seen_at(0, 3), [])
    with store.transaction() as writer:
        account_id = writer.accounts()[ACCOUNTS[0]]
        assert [writer.set_first_use(account_id, FirstUse.IMEI) for _ in range(2)] == [True, False]
