"""What larger fleets need, from what was measured: the figures behind `docs/explanation/scale.md`.

Pure functions of the measured figures and the assumptions at the top. `python -m
benchmarks.scale` prints the table, and a test compares the page with it.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from statistics import median, quantiles

SECONDS_A_MONTH = 30 * 86_400
GIGA, TERA = 1e9, 1e12
REPORTS_SIMULATED = 4_000
SEED = 1


@dataclass(frozen=True)
class Measured:
    """Rounded figures of one run on two virtual cores; guesses are marked as such."""

    sim_bytes: float = 120
    expectation_bytes: float = 85
    activation_bytes: float = 93
    mismatch_bytes: float = 770
    load_rate: float = (
        64_000  # activations a second through one writer, with detection, into four shards
    )
    report_ms: float = 30.0  # 10,000 rows of one account from three machines, extended from 1,774
    report_spread: float = 0.25  # of the logarithm of one machine's time: a guess
    machine_ms: float = 6.0  # one machine's part of it: a guess
    fact_bytes: float = 110  # of an activation as JSON, on the wire


@dataclass(frozen=True)
class Assumed:
    """A fleet, and the machines that serve it."""

    activations_a_month: float = 0.7  # of a SIM
    months_kept: int = 24
    mismatch_share: float = 0.01  # of activations
    peak: float = 10.0  # the busiest second beside the average
    spare: float = 1.5  # disk beside tables: the log, what vacuum has not freed yet, growth
    copies: int = 2  # each machine has a standby
    node_disk_bytes: float = 4 * TERA
    node_memory_bytes: float = 128 * GIGA
    warm_months: float = 3.0  # of the kept answer, which reports ask for and memory is to hold


@dataclass(frozen=True)
class Need:
    """What one size of fleet needs."""

    sims: int
    store_bytes: float
    nodes: int
    peak_rate: float
    first_load_hours: float
    intake_bits_a_second: float
    report_ms_median: float
    report_ms_p99: float


def store_bytes(sims: int, measured: Measured, assumed: Assumed) -> float:
    """Everything that is kept, on one copy, without what is spare."""
    activations = assumed.activations_a_month * assumed.months_kept
    a_sim = measured.sim_bytes + measured.expectation_bytes
    a_sim += activations * (
        measured.activation_bytes + assumed.mismatch_share * measured.mismatch_bytes
    )
    return sims * a_sim


def warm_bytes(sims: int, measured: Measured, assumed: Assumed) -> float:
    """What memory is to hold: the kept answer of the months that are asked for."""
    rows = sims * assumed.activations_a_month * assumed.warm_months * assumed.mismatch_share
    return rows * measured.mismatch_bytes


def nodes_needed(sims: int, measured: Measured, assumed: Assumed) -> int:
    """Workers without standbys: for the disk, and for what has to stay in a quarter of memory."""
    by_disk = store_bytes(sims, measured, assumed) * assumed.spare / assumed.node_disk_bytes
    by_memory = warm_bytes(sims, measured, assumed) / (assumed.node_memory_bytes / 4)
    return max(1, math.ceil(by_disk), math.ceil(by_memory))


def peak_rate(sims: int, assumed: Assumed) -> float:
    """Activations in the busiest second."""
    return sims * assumed.activations_a_month / SECONDS_A_MONTH * assumed.peak


def report_times(nodes: int, measured: Measured) -> list[float]:
    """Simulated reports in milliseconds: the slowest of the machines, and the cost of merging.

    A machine's time is drawn around a typical one, which is less if several share the rows.
    """
    draw = random.Random(SEED)
    merging = measured.report_ms - measured.machine_ms
    return [
        merging
        + max(
            measured.machine_ms * draw.lognormvariate(0, measured.report_spread)
            for _ in range(nodes)
        )
        for _ in range(REPORTS_SIMULATED)
    ]


def need(sims: int, measured: Measured, assumed: Assumed) -> Need:
    """What a fleet of so many SIMs needs."""
    nodes = nodes_needed(sims, measured, assumed)
    times = report_times(nodes, measured)
    activations = sims * assumed.activations_a_month * assumed.months_kept
    return Need(
        sims,
        store_bytes(sims, measured, assumed) * assumed.spare,
        nodes,
        peak_rate(sims, assumed),
        activations / measured.load_rate / 3600,
        peak_rate(sims, assumed) * measured.fact_bytes * 8,
        median(times),
        quantiles(times, n=100)[98],
    )


SIZES = {"100 M": 100_000_000, "1 G": 1_000_000_000, "4 G": 4_000_000_000}


def table() -> str:
    """The page's table."""
    lines = [
        "| what | " + " | ".join(f"{name} SIMs" for name in SIZES) + " |",
        "| --- |" + " --- |" * len(SIZES),
    ]
    needs = [need(sims, Measured(), Assumed()) for sims in SIZES.values()]
    rows = {
        "disk of one copy, with what is spare": [
            f"{each.store_bytes / TERA:.1f} TB" for each in needs
        ],
        "disk of both copies": [
            f"{each.store_bytes * Assumed().copies / TERA:.1f} TB" for each in needs
        ],
        "workers, and as many standbys": [str(each.nodes) for each in needs],
        "activations in the busiest second": [f"{each.peak_rate:,.0f}" for each in needs],
        "of one writer's rate": [f"{each.peak_rate / Measured().load_rate:.1%}" for each in needs],
        "network for them": [f"{each.intake_bits_a_second / 1e6:,.1f} Mbit/s" for each in needs],
        "loading the whole history once": [f"{each.first_load_hours:,.0f} h" for each in needs],
        "a report of 10,000 rows, median": [f"{each.report_ms_median:.0f} ms" for each in needs],
        "the same, slowest of a hundred": [f"{each.report_ms_p99:.0f} ms" for each in needs],
    }
    return "\n".join(
        [*lines, *(f"| {name} | {' | '.join(values)} |" for name, values in rows.items())]
    )


if __name__ == "__main__":
    print(table())
