"""Plausible identifiers of synthetic SIMs and hardware, as expressions over columns."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from tallystick.core.identifiers import DOUBLED, Imei

if TYPE_CHECKING:
    from collections.abc import Sequence

TAC_SERIALS = Imei.SERIALS_A_TYPE
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
FIRST_SERIAL_STEP = 28_411
SIMS_A_BATCH = 100  # put into devices of one model together
ACCOUNTS = (
    "0342077109-00001", "0212398765-00001", "0342077109-00002", "0287640153-00001",
    "0319925508-00001", "0401187326-00001", "0455710092-00001", "0455710092-00002",
    "0520316647-00001", "0668402915-00001", "0773059481-00001", "0894123370-00001",
)  # fmt: skip
GROUPS = ("Meters", "Trackers", "Routers", "Kiosks")
ICCID_BODY_DIGITS = 19
IMEI_BODY_DIGITS = 14
LUHN_SUMS = pl.Series(
    [
        DOUBLED[four % 10] + four // 10 % 10 + DOUBLED[four // 100 % 10] + four // 1000
        for four in range(10**4)
    ]
)
"""What four digits weigh in a Luhn sum."""


def indices(start: int, stop: int) -> pl.LazyFrame:
    """The SIMs of a range, by their indices in the column `sim`."""
    return pl.LazyFrame().select(sim=pl.int_range(start, stop))


def value_at(values: Sequence[int] | Sequence[str], index: pl.Expr) -> pl.Expr:
    """The value at an index."""
    return pl.lit(pl.Series(values)).gather(index)


def home_of(sim: pl.Expr) -> pl.Expr:
    """The hardware that a SIM was delivered in, which no other SIM was."""
    batch = sim // SIMS_A_BATCH
    model = batch % len(HOME_TACS)
    serial = batch // len(HOME_TACS) * SIMS_A_BATCH + sim % SIMS_A_BATCH + model * FIRST_SERIAL_STEP
    return value_at(HOME_TACS, model) * TAC_SERIALS + serial % TAC_SERIALS


def same_model_as(hardware: pl.Expr) -> pl.Expr:
    """Another unit of the same model, half of its serial numbers away."""
    serial = (hardware + TAC_SERIALS // 2) % TAC_SERIALS
    return hardware // TAC_SERIALS * TAC_SERIALS + serial


def second_of(hardware: pl.Expr) -> pl.Expr:
    """The other radio of a unit with two IMEIs, of a type of its own."""
    return hardware + TAC_SERIALS


def with_check_digit(body: pl.Expr, digits: int) -> pl.Expr:
    """Print a number and its Luhn digit (ISO/IEC 7812-1, annex B)."""
    fours = (body // 10**place % 10**4 for place in range(0, digits, 4))
    luhn_sum = pl.sum_horizontal(pl.lit(LUHN_SUMS).gather(four) for four in fours)
    return body.cast(pl.String) + (luhn_sum * 9 % 10).cast(pl.String)
