"""What workers count, summed up: over those that live, and those that have ended."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import msgspec

from tallystick.operations.tallies import (
    Counts,
    Latencies,
    Tallies,
    brought_by_calls,
    key_of,
    no_latencies,
)

if TYPE_CHECKING:
    from pathlib import Path

KEY = key_of("GET", "/x", "2xx")


def counted() -> Counts:
    return Counts(totals={"facts": 5}, levels={"waiting": 2}, latest={"last": 7})


def of_worker(folder: Path, process_id: int, name: str = "a") -> Path:
    """The file of another worker, with three calls."""
    latencies = no_latencies()
    latencies.counts[0], latencies.seconds = 3, 0.5
    counts = Counts({KEY: latencies}, {"facts": 10}, {"waiting": 1, "workers": 1}, {"last": 9})
    path = folder / f"{process_id}-{name}.json"
    path.write_bytes(msgspec.json.encode(counts))
    return path


def ended_process() -> int:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        pass
    return process.pid


def test_counts_of_all_workers_are_added_and_levels_of_the_living_only(tmp_path: Path) -> None:
    of_worker(tmp_path, os.getpid())
    of_worker(tmp_path, ended_process())
    tallies = Tallies(counted, tmp_path)
    tallies.note(("GET", "/x", "200 OK", 0.03))
    tallies.note(("GET", "/x", 204, 100.0))
    for _ in range(2):  # being asked changes nothing
        counts = tallies.all()
        assert counts.totals == {"facts": 25}
        assert counts.levels == {"waiting": 3, "workers": 2}
        assert counts.latest == {"last": 9}
        assert sum(counts.latencies[KEY].counts) == 8
        assert (counts.latencies[KEY].counts[0], counts.latencies[KEY].counts[-1]) == (6, 1)
        assert round(counts.latencies[KEY].seconds, 2) == 101.03


def test_a_worker_alone_counts_what_it_notes_and_keeps_no_notes() -> None:
    tallies = Tallies(Counts)
    tallies.note(("GET", "/x", "200 OK", 0.03))
    tallies.save()
    assert not tallies._noted  # noqa: SLF001 - what is noted and counted is seen nowhere else
    assert sum(tallies.all().latencies[KEY].counts) == 1


def test_counts_of_a_worker_that_has_ended_are_taken_over_once_and_its_file_goes(
    tmp_path: Path,
) -> None:
    gone = of_worker(tmp_path, ended_process())
    living = of_worker(tmp_path, os.getpid(), "b")
    tallies, later = Tallies(counted, tmp_path), Tallies(counted, tmp_path)
    tallies.take_over()
    later.take_over()
    later.save()
    assert living.exists()
    assert not gone.exists()
    for each in (tallies, later):
        assert each.all().totals == {"facts": 30}
        assert sum(each.all().latencies[KEY].counts) == 6


def test_what_is_counted_later_does_not_change_what_was_given() -> None:
    tallies = Tallies(Counts)
    tallies.note(("GET", "/x", "200 OK", 0.0))
    before = tallies.own()
    tallies.note(("GET", "/x", "200 OK", 0.0))
    assert tallies.own().latencies[KEY].counts[0] == 2
    assert before.latencies[KEY] == Latencies([1, *no_latencies().counts[1:]], 0.0)


def test_a_folder_that_is_gone_is_said_in_the_log_and_ends_nothing(tmp_path: Path) -> None:
    tallies = Tallies(counted, tmp_path / "gone")
    assert tallies.save() is False
    assert tallies.all().totals == {"facts": 5}


def test_what_calls_have_brought_is_told_by_kind_and_outcome() -> None:
    counts = Counts(
        totals={
            key_of("intake_facts_total", "sims", "accepted"): 2,
            key_of("intake_facts_total", "activations", "rejected"): 1,
            key_of("intake_facts_total", "activations", "accepted"): 40,
            key_of("throttled_calls_total", "app"): 9,
        },
        latest={"last_fact_timestamp_seconds": 1.5},
    )
    brought = brought_by_calls(counts)
    assert brought.facts == {
        "activations": {"accepted": 40, "rejected": 1},
        "sims": {"accepted": 2},
    }
    assert brought.last_at == 1_500_000
    assert brought_by_calls(Counts()) == (None, {})
