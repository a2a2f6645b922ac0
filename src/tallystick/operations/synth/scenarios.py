"""What a fleet of a scenario draws instead: SIMs in lots, each labelled by what befalls them."""

from __future__ import annotations

import polars as pl

from tallystick.core.allowed import NOWHERE, SEPARATOR, WORD_OF
from tallystick.operations.synth.draws import NEVER, WHOLE, Draws, Stream
from tallystick.operations.synth.fleet import LABELS, Scenario
from tallystick.operations.synth.identifiers import (
    FOREIGN_TACS,
    HOME_TACS,
    IMEI_BODY_DIGITS,
    TAC_SERIALS,
    home_of,
    indices,
    same_model_as,
    second_of,
    value_at,
    with_check_digit,
)

SHARE_LABEL = 120  # of each label, among the lots of a scenario
SHARE_DUAL = 2_000  # of lots whose units have two IMEIs
SHARE_POOLS = 4_000  # of lots without a label, and of thefts: units of one model in a pool
# Of wrong paperwork: three SIMs of a lot, each expected where the next one is.
SHARE_SHIFTED = 5_000
LOT = 6  # SIMs of a scenario to which at most one thing befalls
CHANGING_PLACES = (Scenario.SWAP_PAIR, Scenario.POOL)
"""What befalls two neighbours: each moves to the hardware of the other."""
MOVING = (
    *CHANGING_PLACES,
    Scenario.THEFT,
    Scenario.REPLACEMENT,
    Scenario.CLONE,
    Scenario.DUAL_IMEI,
)
"""What befalls a SIM that is seen in other hardware by that."""
# Beyond it there is no second half of serial numbers.
SCENARIO_SIMS_MAX = TAC_SERIALS // 2 * len(HOME_TACS)


class ScenarioDraws(Draws):
    """The same of a fleet in which what befalls the SIMs is labelled, lot by lot."""

    def sims(self) -> pl.LazyFrame:
        """All of them in 4G, which is what a report lists."""
        return super().sims().with_columns(generation=pl.lit("4G"))

    def expectations(self) -> pl.LazyFrame:
        """Where the SIMs belong, by papers that may be wrong."""
        paper = pl.col("paper")
        imei = with_check_digit(paper, IMEI_BODY_DIGITS)
        second = with_check_digit(second_of(paper), IMEI_BODY_DIGITS)
        return self._with_fates(indices(0, self.fleet.sims)).select(
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
        labelled = self._with_fates(indices(0, self.fleet.sims)).filter(
            pl.col("label").is_not_null()
        )
        return labelled.select(iccid=self._iccid(), label="label")

    def visits(self, start: int, stop: int) -> pl.LazyFrame:
        """Each SIM in use is seen where it was delivered before anything can befall it."""
        first = indices(start, stop).select(
            second=1 + self._draw(Stream.FIRST, self.fleet.span_s // 4 - 1),
            sim="sim",
            hardware=home_of(pl.col("sim")),
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
            value_at([str(each) for each in asked], nth.clip(0, len(asked) - 1))
        )

    def _label(self) -> pl.Expr:
        """What befalls a SIM; null for nothing."""
        label, place = self._lot_label(), pl.col("sim") % LOT
        sims_of = (
            pl.when(label.is_in(CHANGING_PLACES))
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
        label, home = pl.col("label"), home_of(pl.col("sim"))
        quarter = self.fleet.span_s // 4
        moved = quarter + self._draw(Stream.MOVE, 2 * quarter, of=pl.col("sim") // LOT)
        is_dual = label == Scenario.DUAL_IMEI.value
        return sims.with_columns(label=self._label()).with_columns(
            home=home,
            other=_other(label, home),
            moved=pl.when(label.is_in(MOVING)).then(moved).otherwise(NEVER),
            returned=pl.when(is_dual).then(moved + quarter // 2).otherwise(NEVER),
            paper=self._paper(label, home),
        )

    def _paper(self, label: pl.Expr, home: pl.Expr) -> pl.Expr:
        """The hardware that a SIM is expected in."""
        lot, place = pl.col("sim") // LOT, pl.col("sim") % LOT
        shifted = home_of(lot * LOT + (place + 1) % 3)
        wrong = pl.when(lot % 2 == 0).then(same_model_as(home)).otherwise(_foreign())
        return (
            pl.when(self._is_shifted(label))
            .then(shifted)
            .when(label == Scenario.PAPERWORK.value)
            .then(wrong)
            .otherwise(home)
        )


def _other(label: pl.Expr, home: pl.Expr) -> pl.Expr:
    """The hardware that a SIM moves to, if it moves."""
    return (
        pl.when(label == Scenario.REPLACEMENT.value)
        .then(same_model_as(home))
        .when(label.is_in(CHANGING_PLACES))
        .then(home_of(pl.col("sim") ^ 1))
        .when(label == Scenario.CLONE.value)
        .then(home_of(pl.col("sim") + 1))
        .when(label == Scenario.DUAL_IMEI.value)
        .then(second_of(home))
        .otherwise(_foreign())
    )


def _foreign() -> pl.Expr:
    """Hardware of a foreign model, the same for all SIMs of a lot."""
    lot = pl.col("sim") // LOT
    tac = value_at(FOREIGN_TACS, lot % len(FOREIGN_TACS))
    return tac * TAC_SERIALS + lot // len(FOREIGN_TACS)
