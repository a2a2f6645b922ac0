"""What a synthetic fleet draws for each SIM: its account, its visits, and what befalls it."""

from __future__ import annotations

from enum import StrEnum
from hashlib import blake2b
from itertools import accumulate
from typing import TYPE_CHECKING

import polars as pl

from tallystick.core.moments import MICROSECONDS_A_SECOND, SECONDS_A_DAY
from tallystick.operations.synth.identifiers import (
    ACCOUNTS,
    AREA_CODES,
    AREA_NUMBERS,
    AREA_NUMBERS_STEP,
    FOREIGN_TACS,
    GROUPS,
    HOME_TACS,
    ICCID_BODY_DIGITS,
    ICCID_BODY_MIN,
    ICCID_RANGES,
    ICCID_STRIDE,
    IMEI_BODY_DIGITS,
    MANUFACTURERS,
    TAC_SERIALS,
    home_of,
    indices,
    value_at,
    with_check_digit,
)

if TYPE_CHECKING:
    from tallystick.operations.synth.fleet import Fleet

HOUR_S = 3_600
SIMS_A_DELIVERY_MAX = 500  # went to one account together
DELIVERIES_MIN = 200  # smaller fleets are delivered in smaller lots
WHOLE = 10_000  # what the shares below are parts of
SHARE_UNGROUPED = 3_500
SHARE_WITHOUT_MDN = 200
SHARE_WITHOUT_EXPECTATION = 300
SHARE_5G, SHARE_3G = 70, 30
SHARE_SWAPPED = 25
FATES = ((0, 60), (60, 100), (100, 180))  # draws of those stolen, borrowed and re-homed
SHARE_EARLY = 3_000  # of those re-homed: moved before their date
SHARE_IMEISV = 1_200  # of activations: reported with the software version
# From which draw on a SIM is seen once, twice, three and four times.
VISITS = (0, 3_000, 7_000, 9_000)
BORROWED_H_MAX = 150
EARLY_H_MAX = 72
LATE_H_MAX = 2
AGE_DAYS_MAX = 2_000
NEVER = (1 << 62) - 1
"""A second that does not come."""


class Stream(StrEnum):
    """What is drawn for a SIM; each from a stream of its own."""

    ICCID = "iccid"
    ACCOUNT = "account"
    MEMBER = "member"
    GROUP = "group"
    MDN = "mdn"
    GENERATION = "generation"
    AGE = "age"
    EXPECTATION = "expectation"
    FATE = "fate"
    SWAP = "swap"
    MOVE = "move"
    RETURN = "return"
    HASTE = "haste"
    DATE = "date"
    MODEL = "model"
    HARDWARE = "hardware"
    VISITS = "visits"
    VISIT = "visit"
    SOFTWARE = "software"
    LABEL = "label"
    SHIFTED = "shifted"
    DUAL = "dual"
    POOLED = "pooled"
    FIRST = "first"


class Draws:
    """Everything of the SIM whose index is in the column `sim`, as expressions."""

    def __init__(self, fleet: Fleet) -> None:
        self.fleet = fleet
        self._delivery = max(1, min(SIMS_A_DELIVERY_MAX, fleet.sims // DELIVERIES_MIN))

    # The files

    def sims(self) -> pl.LazyFrame:
        """The device database's SIMs, in order of ICCID."""
        age = self._draw(Stream.AGE, AGE_DAYS_MAX * SECONDS_A_DAY)
        generation = self._draw(Stream.GENERATION, WHOLE)
        return indices(0, self.fleet.sims).select(
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
        """Where the SIMs belong.

        Undated where they were delivered, dated where they were re-homed.
        """
        expected = (
            self._with_fates(indices(0, self.fleet.sims))
            .filter(~self._befalls(Stream.EXPECTATION, SHARE_WITHOUT_EXPECTATION))
            .select(
                "sim",
                hardware=pl.concat_list("home", "other"),
                dated=pl.concat_list(pl.lit(None), "dated"),
            )
            .explode("hardware", "dated")
            .filter(pl.col("dated").is_null() | (pl.col("dated") < NEVER))
        )
        return expected.select(
            iccid=self._iccid(),
            imei=with_check_digit(pl.col("hardware"), IMEI_BODY_DIGITS),
            effective_from=self._printed(pl.col("dated")),
        )

    @staticmethod
    def types() -> pl.LazyFrame:
        """Who makes the hardware, the last of the foreign types aside, which is in no register."""
        tacs = (*HOME_TACS, *FOREIGN_TACS[:-1])
        models = (
            f"{MANUFACTURERS[nth % len(MANUFACTURERS)][0]}{100 + nth}" for nth in range(len(tacs))
        )
        manufacturers = (MANUFACTURERS[nth % len(MANUFACTURERS)] for nth in range(len(tacs)))
        columns = {"tac": map(str, tacs), "manufacturer": manufacturers, "model": models}
        return pl.LazyFrame({name: list(values) for name, values in columns.items()})

    def groups(self) -> pl.LazyFrame:
        """Which SIMs are in a group of their account."""
        return (
            indices(0, self.fleet.sims)
            .filter(~self._befalls(Stream.MEMBER, SHARE_UNGROUPED))
            .select(
                account=self._account(),
                group=value_at(
                    GROUPS,
                    self._draw(Stream.GROUP, len(GROUPS), of=pl.col("sim") // self._delivery),
                ),
                iccid=self._iccid(),
            )
        )

    def visits(self, start: int, stop: int) -> pl.LazyFrame:
        """Give the visits of the SIMs of a range: `second` of the window, `sim`, `hardware`."""
        fated = self._with_fates(indices(start, stop)).with_columns(
            visits=pl.sum_horizontal(self._draw(Stream.VISITS, WHOLE) >= least for least in VISITS)
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
        """Give the network's log: a device shows its IMEI with check digit or software version."""
        hardware, sighting = (
            pl.col("hardware"),
            pl.col("sim") * self.fleet.span_s + pl.col("second"),
        )
        version = self._draw(Stream.SOFTWARE, 100, of=hardware)
        return visits.select(
            iccid=self._iccid(),
            imei=pl.when(self._draw(Stream.SOFTWARE, WHOLE, of=sighting) < SHARE_IMEISV)
            .then((hardware * 100 + version).cast(pl.String))
            .otherwise(with_check_digit(hardware, IMEI_BODY_DIGITS)),
            activated_at=self._printed(pl.col("second")),
        )

    # One SIM

    def _iccid(self) -> pl.Expr:
        range_sims = -(-self.fleet.sims // len(ICCID_RANGES))
        within = pl.col("sim") % range_sims * ICCID_STRIDE + self._draw(Stream.ICCID, ICCID_STRIDE)
        body = ICCID_BODY_MIN + value_at(ICCID_RANGES, pl.col("sim") // range_sims) + within
        return with_check_digit(body, ICCID_BODY_DIGITS)

    def _mdn(self) -> pl.Expr:
        number = pl.col("sim") * AREA_NUMBERS_STEP % AREA_NUMBERS + 10**7 - AREA_NUMBERS
        area = value_at(AREA_CODES, pl.col("sim") // AREA_NUMBERS)
        return (area * 10**7 + number).cast(pl.String)

    def _account(self) -> pl.Expr:
        """Sizes fall off as 1, 1/2, 1/3 and so on."""
        sizes = list(accumulate(1 / nth for nth in range(1, len(ACCOUNTS))))
        whole = sizes[-1] + 1 / len(ACCOUNTS)
        drawn = self._draw(Stream.ACCOUNT, WHOLE, of=pl.col("sim") // self._delivery)
        return value_at(
            ACCOUNTS, pl.sum_horizontal(drawn >= int(WHOLE * size / whole) for size in sizes)
        )

    def _with_fates(self, sims: pl.LazyFrame) -> pl.LazyFrame:
        """Add the hardware, `home` and `other`, and the seconds `moved`, `returned` and `dated`."""
        pair = pl.col("sim") // 2
        fate = self._draw(Stream.FATE, WHOLE)
        swapped = self._draw(Stream.SWAP, WHOLE, of=pair) < SHARE_SWAPPED
        stolen, borrowed, rehomed = (
            ~swapped & fate.is_between(*each, closed="left") for each in FATES
        )
        moved = self._draw(
            Stream.MOVE, self.fleet.span_s, of=pl.when(swapped).then(pair).otherwise("sim")
        )
        stay = HOUR_S + self._draw(Stream.RETURN, BORROWED_H_MAX * HOUR_S)
        other = (
            pl.when(swapped)
            .then(home_of(pl.col("sim") ^ 1))
            .when(rehomed)
            .then(self._new(HOME_TACS))
        )
        return sims.with_columns(
            home=home_of(pl.col("sim")),
            other=other.otherwise(self._new(FOREIGN_TACS)),
            moved=pl.when(swapped | stolen | borrowed | rehomed).then(moved).otherwise(NEVER),
            returned=pl.when(borrowed).then(moved + stay).otherwise(NEVER),
            dated=pl.when(rehomed).then(self._dated(moved)).otherwise(NEVER),
        )

    def _dated(self, moved: pl.Expr) -> pl.Expr:
        """From when on a re-homed SIM is expected where it moved to: after the move, or before."""
        is_early = self._draw(Stream.HASTE, WHOLE) < SHARE_EARLY
        ahead = self._draw(Stream.DATE, EARLY_H_MAX * HOUR_S)
        behind = self._draw(Stream.DATE, LATE_H_MAX * HOUR_S)
        return pl.when(is_early).then(moved + ahead).otherwise(moved - behind)

    def _new(self, tacs: tuple[int, ...]) -> pl.Expr:
        tac = value_at(tacs, self._draw(Stream.MODEL, len(tacs)))
        return tac * TAC_SERIALS + self._draw(Stream.HARDWARE, TAC_SERIALS)

    def _nth_visit(self, nth: int) -> pl.Expr:
        """A second of the nth part of the window, where the SIM is seen so often."""
        within = self._draw(f"{Stream.VISIT} {nth}", self.fleet.span_s)
        return pl.when(pl.col("visits") > nth).then(
            (nth * self.fleet.span_s + within) // pl.col("visits")
        )

    def _printed(self, second: pl.Expr) -> pl.Expr:
        return pl.from_epoch(self.fleet.since // MICROSECONDS_A_SECOND + second).dt.to_string(
            "%Y-%m-%dT%H:%M:%SZ"
        )

    def _befalls(self, stream: Stream, share: int) -> pl.Expr:
        return self._draw(stream, WHOLE) < share

    def _draw(self, stream: str, below: int, of: pl.Expr | None = None) -> pl.Expr:
        """Draw a number from 0 to `below` for an index: the output function of SplitMix64."""
        salt = int.from_bytes(
            blake2b(f"{self.fleet.seed} {stream}".encode(), digest_size=8).digest()
        )
        index = pl.col("sim") if of is None else of
        mixed = index.cast(pl.UInt64) * pl.lit(0x9E3779B97F4A7C15, pl.UInt64) + pl.lit(
            salt, pl.UInt64
        )
        mixed = (mixed ^ (mixed // (1 << 30))) * pl.lit(0xBF58476D1CE4E5B9, pl.UInt64)
        mixed = (mixed ^ (mixed // (1 << 27))) * pl.lit(0x94D049BB133111EB, pl.UInt64)
        return ((mixed ^ (mixed // (1 << 31))) % below).cast(pl.Int64)
