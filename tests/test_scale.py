"""The figures of `docs/explanation/scale.md`: they follow from what was measured."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import scale
from benchmarks.scale import (
    Assumed,
    Measured,
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


def test_disk_or_memory_says_how_many_machines() -> None:
    assert nodes_needed(1, MEASURED, ASSUMED) == 1
    held = store_bytes(10**9, MEASURED, ASSUMED) * ASSUMED.spare
    assert (
        nodes_needed(
            10**9, MEASURED, replace(ASSUMED, node_disk_bytes=held / 7.5, node_memory_bytes=1e15)
        )
        == 8
    )
    assert (
        nodes_needed(10**9, MEASURED, replace(ASSUMED, node_disk_bytes=1e18, node_memory_bytes=1e9))
        > 8
    )


def test_the_busiest_second_follows_from_the_month() -> None:
    assert peak_rate(30 * 86_400, Assumed(activations_a_month=1, peak=10)) == pytest.approx(10)


def test_a_report_waits_for_the_slowest_machine() -> None:
    few, many = report_times(1, MEASURED), report_times(50, MEASURED)
    assert sorted(few) != few
    assert sum(few) < sum(many)
    assert min(few) > MEASURED.report_ms - MEASURED.machine_ms


def test_a_larger_fleet_needs_no_less_of_anything() -> None:
    small, large = (need(sims, MEASURED, ASSUMED) for sims in (10**8, 4 * 10**9))
    assert all(a <= b for a, b in zip(vars(small).values(), vars(large).values(), strict=True))


def test_the_table_on_the_page_is_the_one_that_is_worked_out() -> None:
    page = (Path(__file__).parent.parent / "docs/explanation/scale.md").read_text("utf-8")
    shown = page.partition("<!-- table: scale -->\n")[2].partition("\n<!-- end: scale -->")[0]
    assert shown == scale.table()
