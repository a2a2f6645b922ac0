"""The facts to measure with: made once by `synth`, in files whose names say what they hold."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import polars as pl

from tallystick.core.moments import in_zone, moment_of
from tallystick.operations.synth import FLEET_KINDS, Fleet, FleetFormat, write_fleet

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tallystick.intake.kinds import KindName

CROWD_KINDS: tuple[KindName, ...] = ("sims", "expectations", "activations")
SEED, MONTHS = 1, 3
UNTIL = moment_of(datetime(2026, 6, 1, tzinfo=UTC))
NEXT_UNTIL = moment_of(datetime(2026, 9, 1, tzinfo=UTC))
WINDOW = ("2026-03-01T00:00:00Z", "2026-05-31T00:00:00Z")
LARGEST = "0342077109-00001"  # of the fleet's accounts: a third of its SIMs
CROWD = "crowd"  # an account whose every SIM has one row: the same rows in a store of any size
CROWD_FROM = datetime(2026, 3, 2, tzinfo=UTC)
CROWD_SPREAD_S = (
    80 * 86_400
)  # its rows lie all over the window, as an account's do in a log that is in order of time
HOME, FOREIGN = "352099001761481", "357152091234562"


def made(path: Path, make: Callable[[Path], object]) -> Path:
    """What `make` puts at a path, once; under another name until it is whole."""
    if not path.exists():
        part = path.with_name(f"making-{path.name}")
        _remove(part)
        make(part)
        part.rename(path)
        _remove(part)
    return path


def _remove(path: Path) -> None:
    """Take a path away, and what a store keeps beside it."""
    for each in path.parent.glob(f"{path.name}*"):
        if each.is_dir():
            shutil.rmtree(each)
        else:
            each.unlink()


def fleet_files(folder: Path, sims: int) -> dict[KindName, Path]:
    """A synthetic fleet of a quarter, by kind of facts."""
    return _quarter(folder, Fleet(sims, MONTHS, SEED, UNTIL))


def _quarter(folder: Path, fleet: Fleet) -> dict[KindName, Path]:
    place = folder / f"fleet-{fleet.sims}-until-{in_zone(fleet.until, UTC):%Y-%m-%d}"
    made(place, lambda part: write_fleet(fleet, part, FleetFormat.PARQUET, lambda *_: None))
    return {kind: place / f"{kind}.parquet" for kind in FLEET_KINDS}


def activations_in_all(folder: Path, sims: int) -> int:
    """How many activations the fleet's log has."""
    log = pl.scan_parquet(fleet_files(folder, sims)["activations"])
    return int(log.select(pl.len()).collect().item())


def first_activations(folder: Path, sims: int, rows: int, output: FleetFormat) -> Path:
    """The first rows of the fleet's log."""
    log = fleet_files(folder, sims)["activations"]
    return _first(folder / f"activations-{sims}-first-{rows}.{output}", log, rows, output)


def next_activations(folder: Path, sims: int, rows: int, output: FleetFormat) -> Path:
    """The first rows of what the network sees of the same SIMs in the following quarter."""
    log = _quarter(folder, Fleet(sims, MONTHS, SEED, NEXT_UNTIL))["activations"]
    return _first(folder / f"activations-{sims}-next-{rows}.{output}", log, rows, output)


def expectations_csv(folder: Path, sims: int) -> Path:
    """The fleet's expectations as CSV."""
    expectations = pl.scan_parquet(fleet_files(folder, sims)["expectations"])
    return made(folder / f"expectations-{sims}.csv", expectations.sink_csv)


def _first(path: Path, log: Path, rows: int, output: FleetFormat) -> Path:
    head = pl.scan_parquet(log).head(rows)
    return made(path, head.sink_csv if output is FleetFormat.CSV else head.sink_parquet)


def crowd_files(folder: Path, rows: int) -> dict[KindName, Path]:
    """The facts of the crowd, by kind: each SIM was found once in foreign hardware."""
    place = folder / f"crowd-{rows}"
    made(place, lambda part: _write_crowd(part, rows))
    return {kind: place / f"{kind}.parquet" for kind in CROWD_KINDS}


def _write_crowd(place: Path, rows: int) -> None:
    place.mkdir()
    number = pl.int_range(rows)
    second = number * CROWD_SPREAD_S // rows + int(CROWD_FROM.timestamp())
    iccid = pl.format("8999{}", number.cast(pl.String).str.zfill(16))
    since = pl.lit(f"{CROWD_FROM:%Y-%m-%dT%H:%M:%SZ}")
    seen = pl.from_epoch(second).dt.to_string("%Y-%m-%dT%H:%M:%SZ")
    of = {
        "sims": {"account": pl.lit(CROWD), "activation_date": since, "generation": pl.lit("4G")},
        "expectations": {"imei": pl.lit(HOME), "effective_from": since},
        "activations": {"imei": pl.lit(FOREIGN), "activated_at": seen},
    }
    for kind, columns in of.items():
        pl.LazyFrame().select(iccid=iccid, **columns).sink_parquet(place / f"{kind}.parquet")


def some_pairs(folder: Path, sims: int, at_most: int, seed: int) -> pl.DataFrame:
    """Random SIMs of the whole fleet, and the hardware each was delivered in: `iccid`, `imei`."""
    expectations = pl.scan_parquet(fleet_files(folder, sims)["expectations"])
    delivered = (
        expectations.filter(pl.col("effective_from").is_null()).select("iccid", "imei").collect()
    )
    return delivered.sample(min(at_most, len(delivered)), seed=seed, shuffle=True)
