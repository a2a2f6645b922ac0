"""The figures of `docs/explanation/scale.md`: they follow from what was measured."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import scale
from benchmarks.scale import (
    Assumed,
    Cost,
    Measured,
    load_hours,
    named_bytes,
    need,
    nodes_needed,
    peak_rate,
    report_times,
    store_bytes,
)

MEASURED, ASSUMED = Measured(), Assumed()


def test_bytes_are_those_of_each_fact() -> None:
    measured = Measured(sim_bytes=10, expectation_bytes=5, activation_bytes=2, mismatch_bytes=100)
    assumed = Assumed(activations_a_month=1, months_kept=3, mismatch_share=0.1)
    assert store_bytes(1, measured, assumed) == pytest.approx(10 + 5 + 3 * (2 + 0.1 * 100))


def test_an_activation_by_imsi_is_kept_once_more() -> None:
    measured = Measured(named_activation_bytes=7)
    assumed = Assumed(activations_a_month=0.5, months_kept=4)
    assert named_bytes(3, measured, assumed) == pytest.approx(3 * 0.5 * 4 * 7)


def with_disk_for(machines: float, shards: int) -> Assumed:
    """1 G SIMs fill so many machines, whose memory is large enough."""
    held = store_bytes(10**9, MEASURED, ASSUMED) * ASSUMED.spare
    disk = held / machines
    return replace(ASSUMED, shards=shards, node_disk_bytes=disk, node_memory_bytes=1e15)


def test_disk_or_memory_says_how_many_machines() -> None:
    assert nodes_needed(1, MEASURED, ASSUMED) == 1
    assert nodes_needed(10**9, MEASURED, with_disk_for(7.5, shards=8)) == 8
    small = replace(ASSUMED, shards=10_000, node_disk_bytes=1e18, node_memory_bytes=1e9)
    assert nodes_needed(10**9, MEASURED, small) > 8


@pytest.mark.parametrize(("shards", "machines"), [(3, 3), (4, 4), (12, 3), (8, 4), (5, 5)])
def test_every_machine_has_as_many_shards_as_another(shards: int, machines: int) -> None:
    assert nodes_needed(10**9, MEASURED, with_disk_for(2.5, shards)) == machines


def test_more_machines_than_shards_are_refused() -> None:
    with pytest.raises(ValueError, match="5 machines need more than 4 shards"):
        nodes_needed(10**9, MEASURED, with_disk_for(4.5, shards=4))


def test_the_busiest_second_follows_from_the_month() -> None:
    assert peak_rate(30 * 86_400, Assumed(activations_a_month=1, peak=10)) == pytest.approx(10)


def test_a_report_waits_for_the_slowest_machine() -> None:
    few, many = report_times(1, MEASURED), report_times(50, MEASURED)
    assert sorted(few) != few
    assert sum(few) < sum(many)
    assert min(few) > MEASURED.report_ms - MEASURED.machine_ms


def test_workers_share_their_part_of_a_load_and_nothing_else() -> None:
    cost = Cost(coordinator=2, workers=4, program=3)
    one, four = (load_hours(3.6e9, cost, nodes) for nodes in (1, 4))
    assert one == pytest.approx(9)
    assert four == pytest.approx(6)


def test_a_cluster_fails_reports_while_any_of_its_machines_is_away() -> None:
    alone, spread = (
        need(10**9, MEASURED, replace(ASSUMED, node_disk_bytes=disk, away_minutes_a_year=7))
        for disk in (1e18, store_bytes(10**9, MEASURED, ASSUMED) * ASSUMED.spare / 3.5)
    )
    assert (alone.nodes, alone.facts_refused_minutes, alone.reports_fail_minutes) == (1, 7, 7)
    assert (spread.nodes, spread.facts_refused_minutes, spread.reports_fail_minutes) == (4, 14, 35)


def test_a_larger_fleet_needs_no_less_of_anything() -> None:
    small, large = (need(sims, MEASURED, ASSUMED) for sims in (10**8, 4 * 10**9))
    assert all(a <= b for a, b in zip(vars(small).values(), vars(large).values(), strict=True))


def test_the_table_on_the_page_is_the_one_that_is_worked_out() -> None:
    page = (Path(__file__).parent.parent / "docs/explanation/scale.md").read_text("utf-8")
    shown = page.partition("<!-- table: scale -->\n")[2].partition("\n<!-- end: scale -->")[0]
    assert shown == scale.table()
