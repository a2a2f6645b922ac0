"""Prometheus' text format, to the byte."""

from __future__ import annotations

from tallystick.core.exposition import (
    Family,
    MetricKind,
    Sample,
    exposition,
    histogram_samples,
)


def test_texts_are_escaped_and_families_without_samples_left_out() -> None:
    labels = (("route", 'a "b"\\\n'), ("kind", "sims"))
    counter = Family("x_total", MetricKind.COUNTER, "one\nand \\ two", (Sample(3, labels),))
    nothing = Family("y", MetricKind.GAUGE, "none", ())
    assert exposition([counter, nothing]) == (
        "# HELP x_total one\\nand \\\\ two\n"
        "# TYPE x_total counter\n"
        'x_total{route="a \\"b\\"\\\\\\n",kind="sims"} 3\n'
    )


def test_the_buckets_of_a_histogram_hold_those_below_them() -> None:
    samples = tuple(histogram_samples((0.5, 1.0), (2, 0, 1), 7.25, (("route", "/"),)))
    family = Family("s", MetricKind.HISTOGRAM, "seconds", samples)
    assert exposition([family]).splitlines()[2:] == [
        's_bucket{route="/",le="0.5"} 2',
        's_bucket{route="/",le="1"} 2',
        's_bucket{route="/",le="+Inf"} 3',
        's_sum{route="/"} 7.25',
        's_count{route="/"} 3',
    ]
