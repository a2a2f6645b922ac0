"""Long histories of few SIMs: facts late, scattered and corrected come out as the rule has them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick.core import local
from tallystick.core.allowed import Allowed
from tallystick.core.facts import Sim, SimActivation, SimExpectation
from tallystick.core.identifiers import Iccid, Imei
from tallystick.core.moments import BEGINNING, Moment
from tallystick.operations.verify import verify
from tallystick.store import shortlist
from tallystick.thingspace.rows import wire_row
from tests.examples import examples
from tests.store.test_any_order_same_answer import take_in_batches
from tests.worlds import VALUES, Fact

if TYPE_CHECKING:
    from tallystick.store import Store
    from tests.engines import Stores

ONE = Iccid.parse("89148000000800000001")
IMEIS = [
    Imei.parse(text)
    for text in ("352099001761481", "3520990017614899", "357152091234562", "35715209999999")
]
moments = st.integers(0, 60).map(Moment)
activations = st.builds(SimActivation, st.just(ONE), moments, st.sampled_from(IMEIS))
expectations = st.builds(
    SimExpectation,
    st.just(ONE),
    st.sampled_from([BEGINNING, *map(Moment, range(0, 60, 7))]),
    st.sampled_from(VALUES),
)
histories = st.lists(
    st.one_of(activations, activations, activations, activations, expectations),
    min_size=20,
    max_size=120,
)


@pytest.mark.parametrize("dense_sims_min", [1, shortlist.DENSE_SIMS_MIN])
@examples(20)
@given(
    histories,
    st.lists(st.integers(0, 120), max_size=12),
    st.booleans(),
    st.sampled_from([1, 3, local.SPANS_MAX]),
)
def test_facts_of_one_sim_scattered_in_time_give_the_rows_and_reasons_of_the_rule(
    stores: Stores,
    dense_sims_min: int,
    history: list[Fact],
    ends: list[int],
    columns: bool,
    spans_max: int,
) -> None:
    facts = [Sim(ONE, None, "a", Moment(1), "4G"), *history]
    with stores.fresh() as store, pytest.MonkeyPatch.context() as patch:
        patch.setattr(shortlist, "DENSE_SIMS_MIN", dense_sims_min)
        patch.setattr(local, "SPANS_MAX", spans_max)
        take_in_batches(store, facts, ends, columns=columns)
        assert [part.differences for part in verify(store, wire_row) if part.differences] == []


def test_a_row_whose_stretch_comes_later_is_not_printed_for_what_an_earlier_one_found(
    store: Store,
) -> None:
    """An earlier sighting where it is expected, and rows that end with what is expected later."""
    home, away, elsewhere = IMEIS[0], IMEIS[2], Imei.parse("356938035643809")
    with store.transaction() as writer:
        writer.take(Sim, [Sim(ONE, None, "a", Moment(1), "4G")])
        writer.take(SimExpectation, [SimExpectation(ONE, BEGINNING, Allowed.parse(str(home)))])
        writer.take(
            SimActivation,
            [
                SimActivation(ONE, Moment(moment), imei)
                for moment, imei in ((10, away), (20, elsewhere), (32, away))
            ],
        )
    with store.transaction() as writer:
        writer.take(SimExpectation, [SimExpectation(ONE, Moment(28), Allowed.parse("none"))])
        writer.take(SimActivation, [SimActivation(ONE, Moment(5), home)])
    assert [part.differences for part in verify(store, wire_row) if part.differences] == []


def test_shortlisting_costs_the_sum_of_facts_and_expectations_and_not_the_product(
    store: Store,
) -> None:
    """Where each activation met each expectation, these would take seconds and gigabytes."""
    values = [Allowed.parse(str(imei)) for imei in IMEIS[::2]]
    expectations = [SimExpectation(ONE, Moment(10 * n), values[n % 2]) for n in range(4_000)]
    with store.transaction() as writer:
        writer.take_expectations(expectations)
    rows = [(ONE, Moment(n), IMEIS[::2][n % 2]) for n in range(10_000)]
    activations = pl.DataFrame(rows, schema=["iccid", "activated_at", "imei"], orient="row")
    with store.snapshot() as reader:
        began = time.process_time()
        found = shortlist.shortlist_of(reader, activations)
        assert time.process_time() - began < 1
    assert len(found.spans) == 4_500
