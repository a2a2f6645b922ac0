"""What is doubtful in the store: SIMs that are not loaded, and hardware that several SIMs share."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import polars as pl
from hypothesis import given

from tallystick.core.allowed import HARDWARE, LIST_MAX, NONE, NOWHERE, is_model
from tallystick.core.facts import Sim, SimExpectation
from tallystick.core.identifiers import BEFORE_ALL
from tallystick.core.moments import Moment
from tallystick.core.window import Window
from tallystick.report import coverage
from tallystick.store import hardware
from tests.examples import examples
from tests.store.few import HOME, ICCIDS, ONE, expected, seen, sim, take
from tests.worlds import facts

if TYPE_CHECKING:
    import pytest

    from tallystick.store import Store
    from tests.engines import Stores
    from tests.worlds import Fact

WINDOW = Window(Moment(5), Moment(20))


@examples()
@given(taken=facts)
def test_doubtful_expectations_are_those_that_the_facts_show(
    stores: Stores, taken: list[Fact]
) -> None:
    with stores.fresh() as store:
        take(store, *taken)
        with store.snapshot() as reader:
            counts = coverage.doubtful(reader)
            unloaded = [each.iccid for each in coverage.unloaded(reader)]
            shared = {(each.hardware, each.iccid) for each in coverage.shared_hardware(reader)}
    loaded = {fact.iccid for fact in taken if isinstance(fact, Sim)}
    values = {
        (fact.iccid, fact.effective_from): fact.imei
        for fact in taken
        if isinstance(fact, SimExpectation)
    }
    last = {iccid: value for (iccid, _), value in sorted(values.items(), key=lambda each: each[0])}
    sims_in = defaultdict[int, set[int]](set)
    for iccid, value in last.items():
        if value not in {NONE, NOWHERE} and value > LIST_MAX and not is_model(value):
            sims_in[value // HARDWARE].add(iccid)
    several = {number: sims for number, sims in sims_in.items() if len(sims) > 1}
    expected_sims = {iccid for (iccid, _), value in values.items() if value != NONE}
    assert unloaded == sorted(expected_sims - loaded)
    assert shared == {(number, iccid) for number, sims in several.items() for iccid in sims}
    assert counts == (len(unloaded), len(several))


def test_pages_of_both_lists_go_on_where_the_page_before_ended(store: Store) -> None:
    take(store, *(expected(iccid) for iccid in ICCIDS[:3]))
    with store.snapshot() as reader:
        first = reader.unloaded_after(BEFORE_ALL, 2)
        rest = reader.unloaded_after(first[-1].iccid, 2)
        page = reader.shared_after(BEFORE_ALL, at_most=1)
        assert page.last == HOME // HARDWARE
        behind = reader.shared_after(page.last, at_most=1)
    assert [each.iccid for each in (*first, *rest)] == ICCIDS[:3]
    assert ([each.iccid for each in page.expectations], behind) == (ICCIDS[:3], ([], None))


def test_of_hardware_that_a_whole_fleet_shares_some_expectations_are_looked_at(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hardware, "CLAIMS_MAX", 2)
    take(store, *(expected(iccid) for iccid in ICCIDS[:10]))
    asked = pl.Series([HOME // HARDWARE])
    with store.snapshot() as reader:
        assert len(reader.claims_on(asked)) == hardware.DENSE_ROWS_A_KEY_MAX < 10


def test_of_many_sims_some_are_looked_at_and_none_twice(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    take(store, sim(ONE), *(seen(iccid) for iccid in (*ICCIDS[:9], ICCIDS[1000])))
    take(store, seen(ICCIDS[9], at=30))
    with store.snapshot() as reader:
        assert coverage.unloaded_seen(reader, WINDOW) == (9, 11, True, 0)
    monkeypatch.setattr(coverage, "SAMPLED_SIMS", 6)
    monkeypatch.setattr(coverage, "SAMPLED_PLACES", 3)
    with store.snapshot() as reader:
        first, last = ICCIDS[0], ICCIDS[1000]
        sims = coverage._spread_sims_seen(reader, first, last, 6)  # noqa: SLF001 - how it is spread
        assert sims == [ICCIDS[place] for place in (0, 1, 3, 5, 6, 1000)]
        assert coverage.unloaded_seen(reader, WINDOW) == (5, 6, False, 0)
