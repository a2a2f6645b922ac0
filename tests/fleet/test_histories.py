"""Pages of a SIM's history: together they are its stays, whatever their size and the engine."""

from __future__ import annotations

import time
from itertools import pairwise
from typing import TYPE_CHECKING

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tallystick.core.facts import Sim, SimActivation, SimExpectation
from tallystick.core.identifiers import Iccid, Imei
from tallystick.core.moments import BEGINNING, Moment
from tallystick.core.pairing import FirstUse, with_first_use
from tallystick.fleet import histories
from tallystick.fleet.histories import BEHIND_ALL, history, next_of, parse_before, whole_history
from tests.worlds import IMEIS, MOMENTS, VALUES, stays_of

if TYPE_CHECKING:
    from tallystick.core.pairing import Pairing
    from tallystick.fleet.histories import SimHistory
    from tallystick.store import Reader, Store
    from tests.engines import Stores

ICCID = Iccid.parse("89148000000800000001")
HOME, AWAY = Imei.parse("352099001761481"), Imei.parse("357152091234562")
BEGAN_AT = 1_770_000_000_000_000
MINUTE_US = 60_000_000
LONG = 20_000
PAGE_S_MAX = 20.0  # on a machine that does other things too; a walk for each stay takes minutes

seen = st.lists(
    st.builds(SimActivation, st.just(ICCID), st.sampled_from(MOMENTS), st.sampled_from(IMEIS)),
    max_size=16,
)
put = st.lists(
    st.builds(
        SimExpectation,
        st.just(ICCID),
        st.sampled_from([BEGINNING, *MOMENTS]),
        st.sampled_from(VALUES),
    ),
    max_size=6,
    unique_by=lambda fact: fact.effective_from,
)


def pages_of(reader: Reader, stays_max: int) -> list[SimHistory]:
    """All pages, asked for one by one with what each says of the next."""
    (page,) = history(reader, str(ICCID), stays_max=stays_max)
    pages = [page]
    while before := next_of(pages[-1]):
        (page,) = history(reader, str(ICCID), None, parse_before(before), stays_max)
        pages.append(page)
    return pages


def taken(store: Store, first_use: FirstUse, *facts: SimActivation | SimExpectation) -> None:
    with store.transaction() as writer:
        writer.take(Sim, [Sim(ICCID, None, "a", Moment(1), "4G")])
        writer.set_first_use(writer.accounts()["a"], first_use)
        for fact in facts:
            writer.take(type(fact), [fact])


def stays_by_the_rule(reader: Reader, first_use: FirstUse) -> list[Pairing]:
    activations, expectations = reader.activations_of(ICCID), reader.expectations_of(ICCID)
    return stays_of(activations, with_first_use(activations, expectations, first_use))


@settings(max_examples=40, deadline=None)
@given(seen, put, st.sampled_from(FirstUse), st.integers(1, 5))
def test_pages_together_are_the_stays_of_the_rule(
    stores: Stores,
    activations: list[SimActivation],
    expectations: list[SimExpectation],
    first_use: FirstUse,
    stays_max: int,
) -> None:
    with stores.fresh() as store:
        taken(store, first_use, *activations, *expectations)
        with store.snapshot() as reader:
            pages = pages_of(reader, stays_max)
            shown = [stay for page in pages for stay in page.stays]
            assert shown[::-1] == stays_by_the_rule(reader, first_use)
            assert all(len(page.stays) <= stays_max for page in pages)
            assert {each for page in pages for each in page.expectations} == set(
                reader.expectations_of(ICCID)
            )


@settings(max_examples=25, deadline=None)
@given(seen, put, st.integers(1, 3))
def test_a_stay_that_is_too_long_for_a_page_goes_on_on_the_next(
    stores: Stores,
    activations: list[SimActivation],
    expectations: list[SimExpectation],
    read_at_once: int,
) -> None:
    with stores.fresh() as store, pytest.MonkeyPatch.context() as patch:
        patch.setattr(histories, "READINGS", (read_at_once,))
        taken(store, FirstUse.OFF, *activations, *expectations)
        with store.snapshot() as reader:
            shown = [stay for page in pages_of(reader, 2) for stay in page.stays][::-1]
            whole = stays_by_the_rule(reader, FirstUse.OFF)
    assert [stay.opened_at for stay in shown if stay.reported] == [
        stay.opened_at for stay in whole if stay.reported
    ]
    assert sum(stay.activations for stay in shown) == sum(stay.activations for stay in whole)
    assert all(one.last_seen_at <= other.opened_at for one, other in pairwise(shown))


@pytest.mark.parametrize(("imeis", "stays"), [([HOME, AWAY], 100), ([HOME], 1)])
def test_a_page_of_a_long_history_costs_what_lies_on_it(
    store: Store, imeis: list[Imei], stays: int
) -> None:
    places = pl.int_range(LONG, eager=True)
    columns = {
        "iccid": pl.repeat(ICCID, LONG, eager=True),
        "activated_at": BEGAN_AT + places * MINUTE_US,
        "imei": [imeis[place % len(imeis)] for place in places],
    }
    taken(store, FirstUse.OFF)
    with store.transaction() as writer:
        writer.take(SimActivation, pl.DataFrame(columns))
    with store.snapshot() as reader:
        started = time.perf_counter()
        (page,) = history(reader, str(ICCID))
        assert time.perf_counter() - started < PAGE_S_MAX
    assert len(page.stays) == stays
    assert sum(stay.activations for stay in page.stays) == (LONG if stays == 1 else stays)


def test_all_pages_are_read_one_after_the_other(store: Store) -> None:
    facts = [
        SimActivation(ICCID, Moment(BEGAN_AT + place), [HOME, AWAY][place % 2])
        for place in range(250)
    ]
    taken(store, FirstUse.OFF, *facts)
    with store.snapshot() as reader:
        pages = list(whole_history(reader, str(ICCID), BEHIND_ALL))
    assert [len(page.stays) for page in pages] == [100, 100, 50]
