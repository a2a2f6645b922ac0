"""The metrics of a server: the one list of them, and what each is at this moment.

What the workers count comes from `operations/tallies.py`. What is of the store as a whole is asked
of it when somebody asks for the metrics.
"""

from __future__ import annotations

import platform
from importlib.metadata import version
from typing import TYPE_CHECKING, NamedTuple

from tallystick.core.errors import StoreRefused
from tallystick.core.exposition import Family, MetricKind, Sample, exposition, histogram_samples
from tallystick.core.moments import MICROSECONDS_A_SECOND
from tallystick.operations.tallies import (
    INTAKE_FACTS,
    LAST_FACT,
    SECONDS_BOUNDS,
    Counts,
    key_of,
    names_of,
)
from tallystick.store import backups

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tallystick.operations.tallies import Tallies
    from tallystick.store import Store
    from tallystick.store.import_receipts import ImportedFacts

PREFIX = "tallystick_"
COUNTER, GAUGE, HISTOGRAM = MetricKind.COUNTER, MetricKind.GAUGE, MetricKind.HISTOGRAM


class Metric(NamedTuple):
    """One metric: its name without the prefix, its kind, its labels, and a sentence about it."""

    name: str
    kind: MetricKind
    labels: tuple[str, ...]
    about: str


METRICS = (
    Metric(
        "build_info",
        GAUGE,
        ("version", "python", "engine"),
        "Always 1; the labels say which version serves, and on which kind of store.",
    ),
    Metric("workers", GAUGE, (), "Worker processes that live."),
    Metric(
        "request_duration_seconds",
        HISTOGRAM,
        ("method", "route", "status"),
        "How long calls took until their answers began, by the template of the path and the "
        "class of the status.",
    ),
    Metric(
        "throttled_calls_total",
        COUNTER,
        ("limit",),
        "Calls that were refused with 429: by the limit of their address, app, user or login.",
    ),
    Metric("open_calls", GAUGE, (), "Calls that are not answered to their end yet."),
    Metric("waiting_calls", GAUGE, (), "Calls that wait for a seat, because all are at work."),
    Metric(
        INTAKE_FACTS,
        COUNTER,
        ("kind", "outcome"),
        "Facts that calls of /api/v1 and uploads of pairs brought: accepted, duplicate or "
        "rejected.",
    ),
    Metric(
        "import_facts_total",
        COUNTER,
        ("kind", "outcome"),
        "Lines of files that imports by command or in the console brought: accepted, duplicate or "
        "rejected. Counted in the store when an import ends with a receipt.",
    ),
    Metric("intake_waiting_calls", GAUGE, (), "Calls whose facts wait to be committed."),
    Metric("intake_waiting_facts", GAUGE, (), "Facts of calls that wait to be committed."),
    Metric(
        LAST_FACT,
        GAUGE,
        (),
        "When a call or an upload since the server started, or an import, last brought a new "
        "fact; absent until there is one.",
    ),
    Metric("failing_loops", GAUGE, (), "Background loops that have failed for over a minute."),
    Metric("store_up", GAUGE, (), "Whether the store answered when the metrics were asked for."),
    Metric("store_size_bytes", GAUGE, (), "The size of the store's file, on SQLite."),
    Metric("store_log_size_bytes", GAUGE, (), "The size of the store's log, on SQLite."),
    Metric("disk_free_bytes", GAUGE, (), "Bytes free on the store's disk, on SQLite."),
    Metric("uploads_pending", GAUGE, (), "Uploads of pairs that wait to be taken in."),
    Metric("deliveries_pending", GAUGE, (), "Deliveries that wait for callback listeners."),
)
"""Every metric, in the order in which they are printed."""


class Metrics:
    """What the metrics of a server are."""

    def __init__(self, store: Store, database: str, tallies: Tallies) -> None:
        self._store = store
        self._database = database
        self._tallies = tallies

    def text(self) -> str:
        """Every metric that has a value now, as Prometheus reads it."""
        counts = self._tallies.all()
        counts.add(self._counts_of_store(), is_living=True)
        samples = self._samples(counts)
        return exposition(
            Family(PREFIX + each.name, each.kind, each.about, tuple(samples.get(each.name, ())))
            for each in METRICS
        )

    def _samples(self, counts: Counts) -> dict[str, list[Sample]]:
        samples: dict[str, list[Sample]] = {"request_duration_seconds": [*_durations(counts)]}
        for key, value in (counts.totals | counts.levels | counts.latest).items():
            name, *labels = names_of(key)
            samples.setdefault(name, []).append(Sample(value, _labelled(name, labels)))
        build = (version("tallystick"), platform.python_version(), self._store.kind)
        samples["build_info"] = [Sample(1, _labelled("build_info", build))]
        return samples

    def _counts_of_store(self) -> Counts:
        """What is to be said of the store; only that it is down where it does not answer."""
        try:
            with self._store.glance() as reader:
                counts = _imported(reader.imported_facts())
                counts.levels = {
                    "uploads_pending": reader.count_waiting_uploads(),
                    "deliveries_pending": reader.count_waiting_deliveries(),
                    "store_up": 1,
                }
            space = self._store.space()
        except StoreRefused:
            return Counts(levels={"store_up": 0})
        if space is not None:
            counts.levels["store_log_size_bytes"] = space.log_bytes
            counts.levels["disk_free_bytes"] = space.free_bytes
            counts.levels["store_size_bytes"] = backups.size_of(self._database) or 0
        return counts


def _imported(facts: Iterable[ImportedFacts]) -> Counts:
    """What the store has counted of imports."""
    counts = Counts()
    for each in facts:
        by_outcome = {
            "accepted": each.accepted,
            "duplicate": each.duplicate,
            "rejected": each.rejected,
        }
        for outcome, lines in by_outcome.items():
            counts.totals[key_of("import_facts_total", each.kind, outcome)] = lines
        if each.last_at is not None:
            seconds = each.last_at / MICROSECONDS_A_SECOND
            counts.latest[LAST_FACT] = max(seconds, counts.latest.get(LAST_FACT, seconds))
    return counts


def _durations(counts: Counts) -> Iterator[Sample]:
    for key, latencies in sorted(counts.latencies.items()):
        labels = _labelled("request_duration_seconds", names_of(key))
        yield from histogram_samples(SECONDS_BOUNDS, latencies.counts, latencies.seconds, labels)


def _labelled(name: str, values: Iterable[str]) -> tuple[tuple[str, str], ...]:
    labels = next(each.labels for each in METRICS if each.name == name)
    return tuple(zip(labels, values, strict=True))
