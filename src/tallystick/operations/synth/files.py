"""The files of a synthetic fleet, written as streams."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import polars as pl

from tallystick.operations.synth.draws import Draws
from tallystick.operations.synth.fleet import FLEET_KINDS, Fleet, FleetFormat
from tallystick.operations.synth.scenarios import ScenarioDraws

SIMS_A_CHUNK = 1_000_000  # whose activations are held at a time
ROWS_A_GROUP = 100_000  # of a scratch file: small enough to skip those outside a stretch of time
Progress = Callable[[int, int], None]
"""Told the steps that are done and the steps in all."""


def write_fleet(
    fleet: Fleet, folder: Path, form: FleetFormat, progress: Progress
) -> dict[str, Path]:
    """Write the files of a fleet, one for each kind of facts; give their paths by kind.

    A scenario has `labels` too. The folder is made where it is missing; files of these names in it
    are replaced.
    """
    folder.mkdir(parents=True, exist_ok=True)
    draws = Draws(fleet) if fleet.scenario is None else ScenarioDraws(fleet)
    tables = {
        "sims": draws.sims,
        "expectations": draws.expectations,
        "groups": draws.groups,
        "types": draws.types,
    }
    paths: dict[str, Path] = {kind: folder / f"{kind}.{form}" for kind in FLEET_KINDS}
    chunks = -(-fleet.sims // SIMS_A_CHUNK)
    done, steps = 0, len(tables) + 2 * chunks + 1
    for kind, table in tables.items():
        _write(table(), paths[kind], form)
        progress(done := done + 1, steps)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".synth-") as scratch:
        for _ in _sort_log(draws, Path(scratch), chunks):
            progress(done := done + 1, steps)
        _write(
            draws.activations(pl.scan_parquet(Path(scratch) / "sorted-*")),
            paths["activations"],
            form,
        )
    if isinstance(draws, ScenarioDraws):
        paths["labels"] = folder / "labels.csv"
        _write(draws.labels(), paths["labels"], FleetFormat.CSV)
    progress(steps, steps)
    return paths


def _write(table: pl.LazyFrame, path: Path, form: FleetFormat) -> None:
    if form is FleetFormat.CSV:
        table.sink_csv(path)
    else:
        table.sink_parquet(path)


def _sort_log(draws: Draws, scratch: Path, chunks: int) -> Iterator[None]:
    """Sort the visits of all SIMs by time, with a part of them in memory at once."""
    for chunk in range(chunks):
        visits = draws.visits(
            chunk * SIMS_A_CHUNK, min((chunk + 1) * SIMS_A_CHUNK, draws.fleet.sims)
        )
        visits.collect().sort("second").write_parquet(
            scratch / f"chunk-{chunk:04d}", row_group_size=ROWS_A_GROUP
        )
        yield
    stretch = -(-draws.fleet.span_s // chunks)
    for part in range(chunks):
        within = pl.col("second").is_between(part * stretch, (part + 1) * stretch, closed="left")
        visits = pl.scan_parquet(scratch / "chunk-*").filter(within)
        visits.sort("second", maintain_order=True).collect().write_parquet(
            scratch / f"sorted-{part:04d}"
        )
        yield
