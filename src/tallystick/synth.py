"""A synthetic fleet as import files: plausible identifiers, a network log in order of time, and mismatches in it.

Every value is a function of the SIM's index and the seed. So a seed and an end date always give the same fleet,
and the files are written as streams, whatever their size. What befalls a SIM in the window:

    kept         stays in its hardware, as the great majority do
    stolen       moves to foreign hardware and stays there
    borrowed     moves to foreign hardware and comes back
    swapped      changes places with its neighbour
    re-homed     moves to a replacement, with a dated expectation; some of them before that date
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC
from enum import StrEnum
from functools import reduce
from itertools import accumulate
from pathlib import Path

import polars as pl

from tallystick.core.moments import Moment, in_zone, moment_of
from tallystick.core.window import months_later

SIMS_MAX = 30_000_000  # beyond it the models below run out of serial numbers
MONTHS_MAX = 120
SEED_MAX = (1 << 63) - 1
SIMS_A_CHUNK = 1_000_000  # whose activations are held at a time
ROWS_A_GROUP = 100_000  # of a scratch file: small enough to skip those outside a stretch of time
SECOND_US = 1_000_000
HOUR_S = 3_600
DAY_S = 86_400

ICCID_PREFIX = "8914800000"
ICCID_RANGES = (104_000_000, 219_000_000, 337_000_000, 481_000_000, 590_000_000, 713_000_000, 862_000_000)
ICCID_STRIDE = 20  # a SIM has some number of its own stretch of the range
AREA_CODES = (206, 253, 303, 360, 404, 425, 503, 564, 602, 702)
AREA_NUMBERS = 8_000_000  # an exchange begins with 2-9
AREA_NUMBERS_STEP = 4_801_237  # coprime to them: meets each once, in no apparent order
HOME_TACS = (
    35209900, 35271410, 35306811, 35390209, 35448012, 35516710, 35573811, 35638909,
    35700412, 35715209, 35762310, 35824111, 35901812, 35930509, 86130204, 86180305,
    86204103, 86277504, 86310205, 86363003, 86404404, 86462905, 86504603, 86580204,
    86620105, 86675003, 86710204, 86769305, 86803405, 86847603, 86901204, 86954405,
)  # fmt: skip
FOREIGN_TACS = (35332108, 35405211, 35875610, 35990012, 86078304, 86438503, 86850204, 86992103)
TAC_SERIALS = 1_000_000
SIMS_A_BATCH = 100  # put into devices of one model together
SIMS_A_DELIVERY_MAX = 500  # went to one account together
DELIVERIES_MIN = 200  # smaller fleets are delivered in smaller lots
ACCOUNTS = (
    "0342077109-00001", "0212398765-00001", "0342077109-00002", "0287640153-00001", "0319925508-00001",
    "0401187326-00001", "0455710092-00001", "0455710092-00002", "0520316647-00001", "0668402915-00001",
    "0773059481-00001", "0894123370-00001",
)  # fmt: skip
GROUPS = ("Meters", "Trackers", "Routers", "Kiosks")

WHOLE = 10_000  # what the shares below are parts of
SHARE_UNGROUPED = 3_500
SHARE_WITHOUT_MDN = 200
SHARE_WITHOUT_EXPECTATION = 300
SHARE_5G, SHARE_3G = 70, 30
SHARE_STOLEN, SHARE_BORROWED, SHARE_SWAPPED, SHARE_REHOMED = 60, 40, 25, 80
SHARE_EARLY = 3_000  # of those re-homed: moved before their date
SHARE_IMEISV = 1_200  # of activations: reported with the software version
VISITS = (0, 3_000, 7_000, 9_000)  # from which draw on a SIM is seen once, twice, three and four times
BORROWED_H_MAX = 150
EARLY_H_MAX = 72
LATE_H_MAX = 2
AGE_DAYS_MAX = 2_000

NEVER = (1 << 62) - 1
"""A second that does not come."""


class Format(StrEnum):
    """How the files are written."""

    CSV = "csv"
    PARQUET = "parquet"


class Stream(StrEnum):
    """What is drawn for a SIM; each from a stream of its own."""

    ICCID = "iccid"
    ACCOUNT = "account"
    GROUP = "group"
    MDN = "mdn"
    GENERATION = "generation"
    AGE = "age"
    EXPECTATION = "expectation"
    FATE = "fate"
    SWAP = "swap"
    MOVE = "move"
    RETURN = "return"
    DATE = "date"
    HARDWARE = "hardware"
    VISITS = "visits"
    VISIT = "visit"
    SOFTWARE = "software"


@dataclass(frozen=True, slots=True)
class Fleet:
    """What to make: so many SIMs, seen over so many months up to a moment."""

    sims: int
    months: int
    seed: int
    until: Moment

    @property
    def since(self) -> Moment:
        """The moment at which the network log begins."""
        return moment_of(months_later(in_zone(self.until, UTC), -self.months))

    @property
    def span_s(self) -> int:
        """How long the network log is."""
        return (self.until - self.since) // SECOND_US


Progress = Callable[[int, int], None]
"""Told the steps that are done and the steps in all."""


def write_fleet(fleet: Fleet, folder: Path, form: Format, progress: Progress) -> dict[str, Path]:
    """Write the files `sims`, `expectations`, `groups` and `activations`; give their paths by kind.

    The folder is made where it is missing; files of these names in it are replaced.
    """
    folder.mkdir(parents=True, exist_ok=True)
    draws = _Draws(fleet)
    tables = {"sims": draws.sims, "expectations": draws.expectations, "groups": draws.groups}
    paths = {kind: folder / f"{kind}.{form}" for kind in (*tables, "activations")}
    chunks = -(-fleet.sims // SIMS_A_CHUNK)
    done, steps = 0, len(tables) + 2 * chunks + 1
    for kind, table in tables.items():
        _write(table(), paths[kind], form)
        progress(done := done + 1, steps)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".synth-") as scratch:
        for _ in _sort_log(draws, Path(scratch), chunks):
            progress(done := done + 1, steps)
        _write(draws.activations(pl.scan_parquet(Path(scratch) / "sorted-*")), paths["activations"], form)
    progress(steps, steps)
    return paths


def _write(table: pl.LazyFrame, path: Path, form: Format) -> None:
    if form is Format.CSV:
        table.sink_csv(path)
    else:
        table.sink_parquet(path)


def _sort_log(draws: _Draws, scratch: Path, chunks: int) -> Iterator[None]:
    """Sort the visits of all SIMs by time, a chunk of SIMs and then a stretch of time in memory at once."""
    for chunk in range(chunks):
        visits = draws.visits(chunk * SIMS_A_CHUNK, min((chunk + 1) * SIMS_A_CHUNK, draws.fleet.sims))
        visits.collect().sort("second").write_parquet(scratch / f"chunk-{chunk:04d}", row_group_size=ROWS_A_GROUP)
        yield
    stretch = -(-draws.fleet.span_s // chunks)
    for part in range(chunks):
        within = pl.col("second").is_between(part * stretch, (part + 1) * stretch, closed="left")
        visits = pl.scan_parquet(scratch / "chunk-*").filter(within)
        visits.sort("second", maintain_order=True).collect().write_parquet(scratch / f"sorted-{part:04d}")
        yield


class _Draws:
    """Everything of the SIM whose index is in the column `sim`, as expressions."""

    def __init__(self, fleet: Fleet) -> None:
        self.fleet = fleet
        self._delivery = max(1, min(SIMS_A_DELIVERY_MAX, fleet.sims // DELIVERIES_MIN))

    # The files

    def sims(self) -> pl.LazyFrame:
        """The device database's SIMs, in order of ICCID."""
        age = self._draw(Stream.AGE, AGE_DAYS_MAX * DAY_S)
        generation = self._draw(Stream.GENERATION, WHOLE)
        return _indices(0, self.fleet.sims).select(
            iccid=self._iccid(),
            mdn=pl.when(~self._befalls(Stream.MDN, SHARE_WITHOUT_MDN)).then(self._mdn()),
            account=self._account(),
            activation_date=self._printed(-age),
            generation=pl.when(generation < SHARE_5G)
            .then(pl.lit("5G"))
            .when(generation < SHARE_5G + SHARE_3G)
            .then(pl.lit("3G"))
            .otherwise(pl.lit("4G")),
        )

    def expectations(self) -> pl.LazyFrame:
        """Where the SIMs belong: undated where they were delivered, dated where they were re-homed."""
        expected = (
            self._with_fates(_indices(0, self.fleet.sims))
            .filter(~self._befalls(Stream.EXPECTATION, SHARE_WITHOUT_EXPECTATION))
            .select("sim", hardware=pl.concat_list("home", "other"), dated=pl.concat_list(pl.lit(None), "dated"))
            .explode("hardware", "dated")
            .filter(pl.col("dated").is_null() | (pl.col("dated") < NEVER))
        )
        return expected.select(
            iccid=self._iccid(),
            imei=_with_check_digit(pl.col("hardware")).cast(pl.String),
            effective_from=self._printed(pl.col("dated")),
        )

    def groups(self) -> pl.LazyFrame:
        """Which SIMs are in a group of their account."""
        return (
            _indices(0, self.fleet.sims)
            .filter(~self._befalls(Stream.GROUP, SHARE_UNGROUPED))
            .select(
                account=self._account(),
                group=_one_of(GROUPS, self._draw(Stream.GROUP, len(GROUPS), of=pl.col("sim") // self._delivery)),
                iccid=self._iccid(),
            )
        )

    def visits(self, start: int, stop: int) -> pl.LazyFrame:
        """When and where the network saw the SIMs of a range: `second` of the window, `sim`, `hardware`."""
        fated = self._with_fates(_indices(start, stop)).with_columns(
            visits=sum((self._draw(Stream.VISITS, WHOLE) >= least for least in VISITS), start=pl.lit(0))
        )
        seconds = [self._nth_visit(nth) for nth in range(len(VISITS))]
        every = pl.concat_list(*seconds, "moved", "returned")
        return (
            fated.select("sim", "home", "other", "moved", "returned", second=every)
            .explode("second")
            .filter(pl.col("second") < self.fleet.span_s)
            .select(
                "second",
                "sim",
                hardware=pl.when(pl.col("second").is_between("moved", "returned", closed="left"))
                .then("other")
                .otherwise("home"),
            )
        )

    def activations(self, visits: pl.LazyFrame) -> pl.LazyFrame:
        """The network's log: a device shows its IMEI with check digit, or with its software version."""
        hardware, sighting = pl.col("hardware"), pl.col("sim") * pl.lit(NEVER, pl.UInt64) + pl.col("second")
        version = self._draw(Stream.SOFTWARE, 100, of=hardware.cast(pl.UInt64))
        return visits.select(
            iccid=self._iccid(),
            imei=pl.when(self._draw(Stream.SOFTWARE, WHOLE, of=sighting) < SHARE_IMEISV)
            .then(hardware * 100 + version)
            .otherwise(_with_check_digit(hardware))
            .cast(pl.String),
            activated_at=self._printed(pl.col("second")),
        )
