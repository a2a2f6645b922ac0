"""What larger fleets need, from what was measured: the figures behind `docs/explanation/scale.md`.

Pure functions of the measured figures and the assumptions at the top. `python -m
benchmarks.scale` prints the table, and a test compares the page with it.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from statistics import median, quantiles
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

SECONDS_A_MONTH = 30 * 86_400
MICROSECONDS_AN_HOUR = 3_600_000_000
GIGA, TERA = 1e9, 1e12
REPORTS_SIMULATED = 4_000
SEED = 1


@dataclass(frozen=True)
class Cost:
    """Microseconds of the processor for one activation, with detection.

    On one PostgreSQL, `workers` is its server, and there is no coordinator.
    """

    coordinator: float
    workers: float  # all of them together
    program: float

    @property
    def servers(self) -> float:
        """Coordinator and workers."""
        return self.coordinator + self.workers


@dataclass(frozen=True)
class Costs:
    """What an activation costs, by how it comes."""

    in_file: Cost
    in_call_of_100: Cost
    in_own_call: Cost


ONE_POSTGRESQL = Costs(Cost(0, 1.5, 2.9), Cost(0, 70, 130), Cost(0, 2_100, 1_400))
CLUSTER = Costs(Cost(2.1, 2.5, 3.3), Cost(170, 180, 210), Cost(4_200, 3_400, 3_200))
"""On four shards; files cost about the same on one worker, on two and on four."""


@dataclass(frozen=True)
class Measured:
    """Rounded figures of runs on two virtual cores; guesses are marked as such."""

    sim_bytes: float = 120
    expectation_bytes: float = 85
    activation_bytes: float = 93
    named_activation_bytes: float = 150  # more, of one that names an IMSI: it is kept as it came
    mismatch_bytes: float = 770
    report_ms: float = 30.0  # 10,000 rows of one account from three machines, extended from 1,774
    report_spread: float = 0.25  # of the logarithm of one machine's time: a guess
    machine_ms: float = 6.0  # one machine's part of it: a guess
    fact_bytes: float = 110  # of an activation as JSON, on the wire


@dataclass(frozen=True)
class Assumed:
    """A fleet, and the machines that serve it."""

    activations_a_month: float = 0.7  # of a SIM
    months_kept: int = 24
    shards: int = 4  # of a cluster; `CLUSTER` was measured on so many
    mismatch_share: float = 0.01  # of activations
    peak: float = 10.0  # the busiest second beside the average
    spare: float = 1.5  # disk beside tables: the log, what vacuum has not freed yet, growth
    copies: int = 2  # each machine has a standby
    node_disk_bytes: float = 4 * TERA
    node_memory_bytes: float = 128 * GIGA
    warm_months: float = 3.0  # of the kept answer, which reports ask for and memory is to hold
    away_minutes_a_year: float = 20.0  # of one machine: twice, until its standby takes over


@dataclass(frozen=True)
class Need:
    """What one size of fleet needs; processors are those that work without a pause."""

    sims: int
    store_bytes: float
    named_bytes: float  # more, if each activation names an IMSI; the coordinator's on a cluster
    nodes: int
    peak_rate: float
    coordinator_processors: float  # in the busiest second, which comes in calls of 100
    worker_processors: float  # of each worker
    program_processors: float
    own_call_processors: float  # of all servers, if each activation came by itself
    load_processor_hours: float  # of all machines together
    load_hours: float  # by one import
    intake_bits_a_second: float
    report_ms_median: float
    report_ms_p99: float
    facts_refused_minutes: float  # a year, of one SIM
    reports_fail_minutes: float  # a year, of an account


def store_bytes(sims: int, measured: Measured, assumed: Assumed) -> float:
    """Everything that is kept, on one copy, without what is spare."""
    activations = assumed.activations_a_month * assumed.months_kept
    a_sim = measured.sim_bytes + measured.expectation_bytes
    a_sim += activations * (
        measured.activation_bytes + assumed.mismatch_share * measured.mismatch_bytes
    )
    return sims * a_sim


def named_bytes(sims: int, measured: Measured, assumed: Assumed) -> float:
    """What is kept besides, on one copy, if each activation names an IMSI."""
    activations = sims * assumed.activations_a_month * assumed.months_kept
    return activations * measured.named_activation_bytes


def warm_bytes(sims: int, measured: Measured, assumed: Assumed) -> float:
    """What memory is to hold: the kept answer of the months that are asked for."""
    rows = sims * assumed.activations_a_month * assumed.warm_months * assumed.mismatch_share
    return rows * measured.mismatch_bytes


def nodes_needed(sims: int, measured: Measured, assumed: Assumed) -> int:
    """Workers without standbys: for the disk, and for what has to stay in a quarter of memory.

    Each has as many shards as every other. `ValueError` if there are fewer shards than workers.
    """
    by_disk = store_bytes(sims, measured, assumed) * assumed.spare / assumed.node_disk_bytes
    by_memory = warm_bytes(sims, measured, assumed) / (assumed.node_memory_bytes / 4)
    return _with_equal_shares(max(1, math.ceil(by_disk), math.ceil(by_memory)), assumed.shards)


def _with_equal_shares(nodes: int, shards: int) -> int:
    """The least number of workers, not under the given one, that shares the shards evenly."""
    if nodes > shards:
        message = f"{nodes} machines need more than {shards} shards"
        raise ValueError(message)
    return next(many for many in range(nodes, shards + 1) if shards % many == 0)


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


def costs_on(nodes: int) -> Costs:
    """What activations cost on so many machines that hold SIMs; one is one PostgreSQL."""
    return CLUSTER if nodes > 1 else ONE_POSTGRESQL


def load_hours(activations: float, cost: Cost, nodes: int) -> float:
    """How long one import takes that waits for nothing.

    It reads, and has the coordinator pass on, one part after the other; workers share their work.
    """
    each = cost.program + cost.coordinator + cost.workers / nodes
    return activations * each / MICROSECONDS_AN_HOUR


def need(sims: int, measured: Measured, assumed: Assumed) -> Need:
    """What a fleet of so many SIMs needs."""
    nodes = nodes_needed(sims, measured, assumed)
    times = report_times(nodes, measured)
    activations = sims * assumed.activations_a_month * assumed.months_kept
    costs, peak = costs_on(nodes), peak_rate(sims, assumed)
    whole = costs.in_file.servers + costs.in_file.program
    busiest = peak / 1e6  # seconds of the processor for each microsecond an activation takes
    coordinators = 1 if nodes > 1 else 0
    away = assumed.away_minutes_a_year
    return Need(
        sims,
        store_bytes(sims, measured, assumed) * assumed.spare,
        named_bytes(sims, measured, assumed) * assumed.spare,
        nodes,
        peak,
        busiest * costs.in_call_of_100.coordinator,
        busiest * costs.in_call_of_100.workers / nodes,
        busiest * costs.in_call_of_100.program,
        busiest * costs.in_own_call.servers,
        activations * whole / MICROSECONDS_AN_HOUR,
        load_hours(activations, costs.in_file, nodes),
        peak * measured.fact_bytes * 8,
        median(times),
        quantiles(times, n=100)[98],
        away * (coordinators + 1),
        away * (coordinators + nodes),
    )


SIZES = {"100 M": 100_000_000, "1 G": 1_000_000_000, "4 G": 4_000_000_000}
ROWS: dict[str, Callable[[Need], str]] = {
    "disk of one copy, with what is spare": lambda of: f"{of.store_bytes / TERA:.1f} TB",
    "disk of both copies": lambda of: f"{of.store_bytes * Assumed().copies / TERA:.1f} TB",
    "more on one copy, if every activation names an IMSI": lambda of: (
        f"{of.named_bytes / TERA:.1f} TB"
    ),
    "machines that hold SIMs, and as many standbys": lambda of: str(of.nodes),
    "coordinators, and as many standbys": lambda of: "1" if of.nodes > 1 else "none",
    "activations in the busiest second": lambda of: f"{of.peak_rate:,.0f}",
    "processors for them: the coordinator's": lambda of: f"{of.coordinator_processors:.2f}",
    "of each machine that holds SIMs": lambda of: f"{of.worker_processors:.2f}",
    "of the program": lambda of: f"{of.program_processors:.2f}",
    "of all servers, if each came by itself": lambda of: f"{of.own_call_processors:,.1f}",
    "network for them": lambda of: f"{of.intake_bits_a_second / 1e6:,.1f} Mbit/s",
    "loading the whole history, processor time": lambda of: f"{of.load_processor_hours:,.0f} h",
    "the same by one import, at least": lambda of: f"{of.load_hours:,.0f} h",
    "a report of 10,000 rows, median": lambda of: f"{of.report_ms_median:.0f} ms",
    "the same, slowest of a hundred": lambda of: f"{of.report_ms_p99:.0f} ms",
    "SIMs whose facts are refused while a machine that holds some is away": lambda of: (
        f"{1 / of.nodes:.0%}"
    ),
    "minutes a year in which one SIM's facts are refused": lambda of: (
        f"{of.facts_refused_minutes:.0f}"
    ),
    "minutes a year in which an account's report fails": lambda of: (
        f"{of.reports_fail_minutes:.0f}"
    ),
}


def table() -> str:
    """The page's table."""
    needs = [need(sims, Measured(), Assumed()) for sims in SIZES.values()]
    lines = [
        "| what | " + " | ".join(f"{name} SIMs" for name in SIZES) + " |",
        "| --- |" + " --- |" * len(SIZES),
    ]
    lines += [f"| {name} | {' | '.join(map(print_, needs))} |" for name, print_ in ROWS.items()]
    return "\n".join(lines)


if __name__ == "__main__":
    print(table())
