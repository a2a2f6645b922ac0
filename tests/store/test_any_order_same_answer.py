"""The kept answer is the rule's, whatever the facts, their order, repetition and batches."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick.core.allowed import Allowed
from tallystick.core.facts import Sim, SimActivation, SimExpectation
from tallystick.core.identifiers import Imei
from tallystick.core.moments import BEGINNING
from tallystick.core.window import Window
from tallystick.store import LISTED, Scope, Store, shortlist
from tests.examples import examples
from tests.worlds import ACCOUNTS, ICCIDS, MOMENTS, Fact, facts, rows_by_the_rule

if TYPE_CHECKING:
    from collections.abc import Sequence
    from random import Random

    from tests.engines import Stores

EXAMPLES = 150  # beside the thousand worlds of test_many_worlds, which cost less
EVERYTHING = Window(MOMENTS[0] - 1, MOMENTS[-1] + 1)  # type: ignore[arg-type] # a moment before and a moment after


def in_columns(facts: Sequence[Fact]) -> pl.DataFrame:
    """Facts of one kind as a frame.

    The text of values with several members is a column of its own.
    """
    rows: list[tuple[object, ...]] = list(facts)
    columns = type(facts[0])._fields
    if isinstance(facts[0], SimExpectation):
        rows = [(*fact, getattr(fact[-1], "listed", "") or None) for fact in facts]
        columns = (*columns, LISTED)
    return pl.DataFrame(rows, schema=columns, orient="row", infer_schema_length=None)


def take_in_batches(
    store: Store, taken: list[Fact], ends: list[int], *, columns: bool = False
) -> None:
    """Each run of facts of one kind is one batch; so is what lies between two of `ends`."""
    start = 0
    for end in [*sorted(ends), len(taken)]:
        with store.transaction() as writer:
            batch = taken[start:end]
            while batch:
                kind = type(batch[0])
                of_kind = next(
                    (n for n, fact in enumerate(batch) if type(fact) is not kind), len(batch)
                )
                writer.take(kind, in_columns(batch[:of_kind]) if columns else batch[:of_kind])
                batch = batch[of_kind:]
        start = max(start, end)


def test_a_sim_that_is_to_be_nowhere_has_a_row_in_hardware_whose_digits_are_zeros(
    store: Store,
) -> None:
    """Though `nowhere` is not far from zero as a number; the SIM is loaded last."""
    zeros = Imei.parse("000000000000000")
    take_in_batches(
        store,
        [
            SimActivation(ICCIDS[0], MOMENTS[1], zeros),
            SimExpectation(ICCIDS[0], BEGINNING, Allowed.parse("nowhere")),
            Sim(ICCIDS[0], None, "a", MOMENTS[0], "4G"),
        ],
        [1, 2],
    )
    assert len(rows_of(store)) == 1


def rows_of(store: Store, generations: tuple[str, ...] = ("4G", "5G")) -> list[bytes]:
    """The report of all accounts over everything."""
    with store.snapshot() as reader:
        accounts = tuple(reader.accounts().values())
        return list(reader.report(Scope(accounts, generations), EVERYTHING))


@examples(EXAMPLES)
@given(
    facts,
    st.randoms(use_true_random=False),
    st.lists(st.integers(0, 60), max_size=6),
    st.lists(st.integers(0, 39), max_size=10),
    st.booleans(),
    st.sampled_from([1, shortlist.DENSE_SIMS_MIN]),
)
def test_any_facts_in_any_order_and_any_batches_give_the_rows_of_the_rule(
    stores: Stores,
    world: list[Fact],
    random: Random,
    ends: list[int],
    repeated: list[int],
    columns: bool,
    dense_sims_min: int,
) -> None:
    taken = world + [world[n] for n in repeated if n < len(world)]
    random.shuffle(taken)
    with stores.fresh() as store:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(shortlist, "DENSE_SIMS_MIN", dense_sims_min)
            take_in_batches(store, taken, ends, columns=columns)
        assert rows_of(store) == [row.wire for row in rows_by_the_rule(taken)]
        only_4g = [row.wire for row in rows_by_the_rule(taken) if row.generation == "4G"]
        assert rows_of(store, ("4G",)) == only_4g


@examples(100)
@given(facts)
def test_one_account_has_its_own_rows_only(stores: Stores, world: list[Fact]) -> None:
    with stores.fresh() as store:
        take_in_batches(store, world, [])
        with store.snapshot() as reader:
            for account, account_id in reader.accounts().items():
                rows = list(reader.report(Scope((account_id,), ("4G",)), EVERYTHING))
                assert rows == [
                    row.wire
                    for row in rows_by_the_rule(world)
                    if row.account == account and row.generation == "4G"
                ]


@examples(60)
@given(facts, st.sampled_from(["America/Los_Angeles", "Asia/Kathmandu"]))
def test_another_zone_prints_every_kept_row_anew(
    stores: Stores, world: list[Fact], zone: str
) -> None:
    with stores.fresh() as store:
        take_in_batches(store, world, [])
        with store.transaction() as writer:
            assert writer.set_wire_zone(zone)
        assert rows_of(store) == [row.wire for row in rows_by_the_rule(world, zone)]


def test_worlds_do_have_rows(stores: Stores) -> None:
    """The property above would hold of empty worlds too; this one is not empty."""
    home, foreign = "352099001761481", "357152091234562"
    world: list[Fact] = []
    with stores.fresh() as store:
        world += _one_sim_found_elsewhere(home, foreign)
        take_in_batches(store, world, [])
        assert len(rows_of(store)) == len(rows_by_the_rule(world)) == 1


def _one_sim_found_elsewhere(home: str, foreign: str) -> list[Fact]:
    from tests.worlds import ICCIDS, IMEIS  # noqa: PLC0415 - only here

    by_text = {str(imei): imei for imei in IMEIS}
    return [
        SimExpectation(ICCIDS[0], MOMENTS[0], by_text[home]),
        SimActivation(ICCIDS[0], MOMENTS[2], by_text[foreign]),
        Sim(ICCIDS[0], None, ACCOUNTS[0], MOMENTS[0], "4G"),
    ]
