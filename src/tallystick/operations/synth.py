"""A synthetic fleet as import files: plausible identifiers, a network log, and mismatches in it.

Every value is a function of the SIM's index and the seed. So a seed and an end date always give the
same fleet, and the files are written as streams, whatever their size. What befalls a SIM in the
window:

    kept         stays in its hardware, as the great majority do
    stolen       moves to foreign hardware and stays there
    borrowed     moves to foreign hardware and comes back
    swapped      changes places with its neighbour
    re-homed     moves to a replacement, with a dated expectation; some of them before that date

A fleet of a scenario is made for checking what is found out of it. What befalls a SIM is told in
`labels.csv`; every SIM is 4G and has an expectation, and all that are in use are seen where they
were delivered before something befalls them. Each labelled SIM has one row of the report, but for
those that are seen as expected all the same, and the others have none:

    software-version    shows other software versions of one unit
    dual-imei           shows one and the other IMEI of a unit with two, both of which are expected
    pool                changes units within a pool, of which the model is expected

Those labelled `stock` are expected nowhere and in use; the others of their lot are in stock. Other
lots, too, have units with two IMEIs, and lots without a label or of thefts have pools.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC
from enum import StrEnum
from hashlib import blake2b
from itertools import accumulate
from pathlib import Path
from typing import Literal

import polars as pl

from tallystick.core.allowed import NOWHERE, SEPARATOR, WORD_OF
from tallystick.core.moments import MICROSECONDS_A_SECOND, SECONDS_A_DAY, Moment, in_zone, moment_of
from tallystick.core.window import months_later

FleetKind = Literal["sims", "expectations", "activations", "groups", "types"]
FLEET_KINDS: tuple[FleetKind, ...] = ("sims", "expectations", "activations", "groups", "types")
"""The kinds of facts that a synthetic fleet has, in the order in which they are best imported."""
SIMS_MAX = 30_000_000  # beyond it the models below run out of serial numbers
MONTHS_MAX = 120
SEED_MAX = (1 << 63) - 1
SIMS_A_CHUNK = 1_000_000  # whose activations are held at a time
ROWS_A_GROUP = 100_000  # of a scratch file: small enough to skip those outside a stretch of time
HOUR_S = 3_600

ICCID_BODY_MIN = 8_914_800_000_000_000_000
ICCID_RANGES = (
    104_000_000,
    219_000_000,
    337_000_000,
    481_000_000,
    590_000_000,
    713_000_000,
    862_000_000,
)
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
MANUFACTURERS = (
    "Alder Modules",
    "Brightwater Telematics",
    "Corvid Wireless",
    "Dunmore Meters",
    "Eastlake Devices",
)
TAC_SERIALS = 1_000_000
FIRST_SERIAL_STEP = 28_411
SIMS_A_BATCH = 100  # put into devices of one model together
SIMS_A_DELIVERY_MAX = 500  # went to one account together
DELIVERIES_MIN = 200  # smaller fleets are delivered in smaller lots
ACCOUNTS = (
    "0342077109-00001", "0212398765-00001", "0342077109-00002", "0287640153-00001",
    "0319925508-00001", "0401187326-00001", "0455710092-00001", "0455710092-00002",
    "0520316647-00001", "0668402915-00001", "0773059481-00001", "0894123370-00001",
)  # fmt: skip
GROUPS = ("Meters", "Trackers", "Routers", "Kiosks")

WHOLE = 10_000  # what the shares below are parts of
SHARE_UNGROUPED = 3_500
SHARE_WITHOUT_MDN = 200
SHARE_WITHOUT_EXPECTATION = 300
SHARE_5G, SHARE_3G = 70, 30
SHARE_SWAPPED = 25
FATES = ((0, 60), (60, 100), (100, 180))  # draws of those stolen, borrowed and re-homed
SHARE_EARLY = 3_000  # of those re-homed: moved before their date
SHARE_LABEL = 120  # of each label, among the lots of a scenario
SHARE_DUAL = 2_000  # of lots whose units have two IMEIs
SHARE_POOLS = 4_000  # of lots without a label, and of thefts: units of one model in a pool
# Of wrong paperwork: three SIMs of a lot, each expected where the next one is.
SHARE_SHIFTED = 5_000
LOT = 6  # SIMs of a scenario to which at most one thing befalls
# Beyond it there is no second half of serial numbers.
SCENARIO_SIMS_MAX = TAC_SERIALS // 2 * len(HOME_TACS)
SHARE_IMEISV = 1_200  # of activations: reported with the software version
# From which draw on a SIM is seen once, twice, three and four times.
VISITS = (0, 3_000, 7_000, 9_000)
BORROWED_H_MAX = 150
EARLY_H_MAX = 72
LATE_H_MAX = 2
AGE_DAYS_MAX = 2_000

ICCID_BODY_DIGITS = 19
IMEI_BODY_DIGITS = 14
# Digits in the first, third, … place before the check digit.
LUHN_WEIGHED = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)
LUHN_SUMS = pl.Series(
    [
        LUHN_WEIGHED[four % 10] + four // 10 % 10 + LUHN_WEIGHED[four // 100 % 10] + four // 1000
        for four in range(10**4)
    ]
)
"""What four digits weigh in a Luhn sum."""

NEVER = (1 << 62) - 1
"""A second that does not come."""


class FleetFormat(StrEnum):
    """How the files are written."""

    CSV = "csv"
    PARQUET = "parquet"


class Scenario(StrEnum):
    """What befalls SIMs of a scenario; the values but the first are the labels."""

    ALL = "all"
    THEFT = "theft"
    REPLACEMENT = "replacement"
    SWAP_PAIR = "swap-pair"
    PAPERWORK = "paperwork"
    CLONE = "clone"
    SOFTWARE = "software-version"
    DUAL_IMEI = "dual-imei"
    POOL = "pool"
    STOCK = "stock"


LABELS = tuple(label for label in Scenario if label is not Scenario.ALL)


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


@dataclass(frozen=True, slots=True)
class Fleet:
    """What to make: so many SIMs, seen over so many months up to a moment."""

    sims: int
    months: int
    seed: int
    until: Moment
    scenario: Scenario | None = None

    @property
    def since(self) -> Moment:
        """The moment at which the network log begins."""
        return moment_of(months_later(in_zone(self.until, UTC), -self.months))

    @property
    def span_s(self) -> int:
        """How long the network log is."""
        return (self.until - self.since) // MICROSECONDS_A_SECOND


Progress = Callable[[int, int], None]
"""Told the steps that are done and the steps in all."""


class _Draws:
    """Everything of the SIM whose index is in the column `sim`, as expressions."""

    def __init__(self, fleet: Fleet) -> None:
        self.fleet = fleet
        self._delivery = max(1, min(SIMS_A_DELIVERY_MAX, fleet.sims // DELIVERIES_MIN))

    # The files

    def sims(self) -> pl.LazyFrame:
        """The device database's SIMs, in order of ICCID."""
        age = self._draw(Stream.AGE, AGE_DAYS_MAX * SECONDS_A_DAY)
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
        """Where the SIMs belong.

        Undated where they were delivered, dated where they were re-homed.
        """
        expected = (
            self._with_fates(_indices(0, self.fleet.sims))
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
            imei=_with_check_digit(pl.col("hardware"), IMEI_BODY_DIGITS),
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
            _indices(0, self.fleet.sims)
            .filter(~self._befalls(Stream.MEMBER, SHARE_UNGROUPED))
            .select(
                account=self._account(),
                group=_one_of(
                    GROUPS,
                    self._draw(Stream.GROUP, len(GROUPS), of=pl.col("sim") // self._delivery),
                ),
                iccid=self._iccid(),
            )
        )

    def visits(self, start: int, stop: int) -> pl.LazyFrame:
        """Give the visits of the SIMs of a range: `second` of the window, `sim`, `hardware`."""
        fated = self._with_fates(_indices(start, stop)).with_columns(
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
            .otherwise(_with_check_digit(hardware, IMEI_BODY_DIGITS)),
            activated_at=self._printed(pl.col("second")),
        )

    # One SIM

    def _iccid(self) -> pl.Expr:
        range_sims = -(-self.fleet.sims // len(ICCID_RANGES))
        within = pl.col("sim") % range_sims * ICCID_STRIDE + self._draw(Stream.ICCID, ICCID_STRIDE)
        body = ICCID_BODY_MIN + _one_of(ICCID_RANGES, pl.col("sim") // range_sims) + within
        return _with_check_digit(body, ICCID_BODY_DIGITS)

    def _mdn(self) -> pl.Expr:
        number = pl.col("sim") * AREA_NUMBERS_STEP % AREA_NUMBERS + 10**7 - AREA_NUMBERS
        return (_one_of(AREA_CODES, pl.col("sim") // AREA_NUMBERS) * 10**7 + number).cast(pl.String)

    def _account(self) -> pl.Expr:
        """Sizes fall off as 1, 1/2, 1/3 and so on."""
        sizes = list(accumulate(1 / nth for nth in range(1, len(ACCOUNTS))))
        whole = sizes[-1] + 1 / len(ACCOUNTS)
        drawn = self._draw(Stream.ACCOUNT, WHOLE, of=pl.col("sim") // self._delivery)
        return _one_of(
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
        early = self._draw(Stream.HASTE, WHOLE) < SHARE_EARLY
        ahead = self._draw(Stream.DATE, EARLY_H_MAX * HOUR_S)
        behind = self._draw(Stream.DATE, LATE_H_MAX * HOUR_S)
        stay = HOUR_S + self._draw(Stream.RETURN, BORROWED_H_MAX * HOUR_S)
        other = (
            pl.when(swapped).then(_home(pl.col("sim") ^ 1)).when(rehomed).then(self._new(HOME_TACS))
        )
        return sims.with_columns(
            home=_home(pl.col("sim")),
            other=other.otherwise(self._new(FOREIGN_TACS)),
            moved=pl.when(swapped | stolen | borrowed | rehomed).then(moved).otherwise(NEVER),
            returned=pl.when(borrowed).then(moved + stay).otherwise(NEVER),
            dated=pl.when(rehomed & early)
            .then(moved + ahead)
            .when(rehomed)
            .then(moved - behind)
            .otherwise(NEVER),
        )

    def _new(self, tacs: tuple[int, ...]) -> pl.Expr:
        tac = _one_of(tacs, self._draw(Stream.MODEL, len(tacs)))
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


class _ScenarioDraws(_Draws):
    """The same of a fleet in which what befalls the SIMs is labelled, lot by lot."""

    def sims(self) -> pl.LazyFrame:
        """All of them in 4G, which is what a report lists."""
        return super().sims().with_columns(generation=pl.lit("4G"))

    def expectations(self) -> pl.LazyFrame:
        """Where the SIMs belong, by papers that may be wrong."""
        paper = pl.col("paper")
        imei = _with_check_digit(paper, IMEI_BODY_DIGITS)
        second = _with_check_digit(_second(paper), IMEI_BODY_DIGITS)
        return self._with_fates(_indices(0, self.fleet.sims)).select(
            iccid=self._iccid(),
            imei=pl.when(self._lot_label() == Scenario.STOCK.value)
            .then(pl.lit(WORD_OF[NOWHERE]))
            .when(self._is_dual())
            .then(imei + SEPARATOR + second)
            .when(self._is_pooled())
            .then((paper // TAC_SERIALS).cast(pl.String))
            .otherwise(imei),
            effective_from=pl.lit(None, pl.String),
        )

    def labels(self) -> pl.LazyFrame:
        """What befell which SIM."""
        labelled = self._with_fates(_indices(0, self.fleet.sims)).filter(
            pl.col("label").is_not_null()
        )
        return labelled.select(iccid=self._iccid(), label="label")

    def visits(self, start: int, stop: int) -> pl.LazyFrame:
        """Each SIM in use is seen where it was delivered before anything can befall it."""
        first = _indices(start, stop).select(
            second=1 + self._draw(Stream.FIRST, self.fleet.span_s // 4 - 1),
            sim="sim",
            hardware=_home(pl.col("sim")),
        )
        in_stock = (self._lot_label() == Scenario.STOCK.value) & self._label().is_null()
        visits = pl.concat([super().visits(start, stop), first])
        return visits.filter(~in_stock.fill_null(value=False))

    def activations(self, visits: pl.LazyFrame) -> pl.LazyFrame:
        """The network's log; whoever has the label shows another software version each time."""
        label, version = self._label(), self._draw(Stream.SOFTWARE, 100, of=pl.col("second"))
        shown = (pl.col("hardware") * 100 + version).cast(pl.String)
        sighting = visits.select(imei=pl.when(label == Scenario.SOFTWARE.value).then(shown))
        return pl.concat(
            [super().activations(visits).rename({"imei": "plain"}), sighting], how="horizontal"
        ).select("iccid", imei=pl.coalesce("imei", "plain"), activated_at="activated_at")

    def _lot_label(self) -> pl.Expr:
        """What befalls SIMs of the lot; null for nothing."""
        lot = pl.col("sim") // LOT
        asked = LABELS if self.fleet.scenario is Scenario.ALL else (self.fleet.scenario,)
        nth = self._draw(Stream.LABEL, WHOLE, of=lot) // SHARE_LABEL
        is_whole = (lot + 1) * LOT <= self.fleet.sims
        return pl.when(is_whole & (nth < len(asked))).then(
            _one_of([str(each) for each in asked], nth.clip(0, len(asked) - 1))
        )

    def _label(self) -> pl.Expr:
        """What befalls a SIM; null for nothing."""
        label, place = self._lot_label(), pl.col("sim") % LOT
        sims_of = (
            pl.when(label.is_in([Scenario.SWAP_PAIR, Scenario.POOL]))
            .then(2)
            .when(self._is_shifted(label))
            .then(3)
            .otherwise(1)
        )
        return pl.when(place < sims_of).then(label)

    def _is_dual(self) -> pl.Expr:
        """Whether the units of the lot have two IMEIs."""
        label = self._lot_label()
        drawn = self._draw(Stream.DUAL, WHOLE, of=pl.col("sim") // LOT) < SHARE_DUAL
        of_label = label == Scenario.DUAL_IMEI.value
        is_other_kind = label.is_in([Scenario.POOL, Scenario.STOCK])
        return (of_label | (drawn & ~is_other_kind)).fill_null(drawn)

    def _is_pooled(self) -> pl.Expr:
        """Whether the units of the lot are in a pool, unless they have two IMEIs."""
        label = self._lot_label()
        drawn = self._draw(Stream.POOLED, WHOLE, of=pl.col("sim") // LOT) < SHARE_POOLS
        of_label = label == Scenario.POOL.value
        return (of_label | (drawn & (label == Scenario.THEFT.value))).fill_null(drawn)

    def _is_shifted(self, label: pl.Expr) -> pl.Expr:
        shifted = self._draw(Stream.SHIFTED, WHOLE, of=pl.col("sim") // LOT) < SHARE_SHIFTED
        return (label == Scenario.PAPERWORK.value) & shifted

    def _with_fates(self, sims: pl.LazyFrame) -> pl.LazyFrame:
        """Add `label`, and `paper`, the hardware that a SIM is expected in, to what befalls it."""
        label, lot, place = pl.col("label"), pl.col("sim") // LOT, pl.col("sim") % LOT
        home = _home(pl.col("sim"))
        same_model = home // TAC_SERIALS * TAC_SERIALS + (home + TAC_SERIALS // 2) % TAC_SERIALS
        foreign = _one_of(FOREIGN_TACS, lot % len(FOREIGN_TACS)) * TAC_SERIALS + lot // len(
            FOREIGN_TACS
        )
        changes_places = label.is_in([Scenario.SWAP_PAIR, Scenario.POOL])
        is_dual = label == Scenario.DUAL_IMEI.value
        moves = changes_places | label.is_in(
            [Scenario.THEFT, Scenario.REPLACEMENT, Scenario.CLONE, Scenario.DUAL_IMEI]
        )
        quarter = self.fleet.span_s // 4
        moved = quarter + self._draw(Stream.MOVE, 2 * quarter, of=lot)
        wrong = pl.when(lot % 2 == 0).then(same_model).otherwise(foreign)
        shifted = _home(lot * LOT + (place + 1) % 3)
        return sims.with_columns(label=self._label()).with_columns(
            home=home,
            other=pl.when(label == Scenario.REPLACEMENT.value)
            .then(same_model)
            .when(changes_places)
            .then(_home(pl.col("sim") ^ 1))
            .when(label == Scenario.CLONE.value)
            .then(_home(pl.col("sim") + 1))
            .when(is_dual)
            .then(_second(home))
            .otherwise(foreign),
            moved=pl.when(moves).then(moved).otherwise(NEVER),
            returned=pl.when(is_dual).then(moved + quarter // 2).otherwise(NEVER),
            paper=pl.when(self._is_shifted(label))
            .then(shifted)
            .when(label == Scenario.PAPERWORK.value)
            .then(wrong)
            .otherwise(home),
        )


def _indices(start: int, stop: int) -> pl.LazyFrame:
    return pl.LazyFrame().select(sim=pl.int_range(start, stop))


def _one_of(values: Sequence[int] | Sequence[str], index: pl.Expr) -> pl.Expr:
    return pl.lit(pl.Series(values)).gather(index)


def _home(sim: pl.Expr) -> pl.Expr:
    """The hardware that a SIM was delivered in, which no other SIM was."""
    batch = sim // SIMS_A_BATCH
    model = batch % len(HOME_TACS)
    serial = batch // len(HOME_TACS) * SIMS_A_BATCH + sim % SIMS_A_BATCH + model * FIRST_SERIAL_STEP
    return _one_of(HOME_TACS, model) * TAC_SERIALS + serial % TAC_SERIALS


def _second(hardware: pl.Expr) -> pl.Expr:
    """The other radio of a unit with two IMEIs, of a type of its own."""
    return hardware + TAC_SERIALS


def _with_check_digit(body: pl.Expr, digits: int) -> pl.Expr:
    """Print a number and its Luhn digit (ISO/IEC 7812-1, annex B)."""
    fours = (body // 10**place % 10**4 for place in range(0, digits, 4))
    luhn_sum = pl.sum_horizontal(pl.lit(LUHN_SUMS).gather(four) for four in fours)
    return body.cast(pl.String) + (luhn_sum * 9 % 10).cast(pl.String)


def write_fleet(
    fleet: Fleet, folder: Path, form: FleetFormat, progress: Progress
) -> dict[str, Path]:
    """Write the files of a fleet, one for each kind of facts; give their paths by kind.

    A scenario has `labels` too.
    The folder is made where it is missing; files of these names in it are replaced.
    """
    folder.mkdir(parents=True, exist_ok=True)
    draws = _Draws(fleet) if fleet.scenario is None else _ScenarioDraws(fleet)
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
    if isinstance(draws, _ScenarioDraws):
        paths["labels"] = folder / "labels.csv"
        _write(draws.labels(), paths["labels"], FleetFormat.CSV)
    progress(steps, steps)
    return paths


def _write(table: pl.LazyFrame, path: Path, form: FleetFormat) -> None:
    if form is FleetFormat.CSV:
        table.sink_csv(path)
    else:
        table.sink_parquet(path)


def _sort_log(draws: _Draws, scratch: Path, chunks: int) -> Iterator[None]:
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
