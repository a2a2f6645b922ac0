"""The rules of `core.suspicious_values`, a column at a time; tests hold them to each other.

Columns are of compact integers (core/identifiers.py).
"""

from __future__ import annotations

from functools import cache

import polars as pl

from tallystick.core.allowed import FORM_BITS, HARDWARE, TAC_FORM
from tallystick.core.identifiers import Iccid, Imei, luhn_remainder
from tallystick.core.suspicious_values import (
    A_BODY,
    COUNTED_UP,
    ONES,
    ROUNDED_DIVISOR,
    STRIPPED_FIRST,
    STRIPPED_LAST,
    TEST_BODIES,
)

CHUNK = 1_000_000  # digits are looked up six at a time: an even number, so that weights repeat
HALF_CHUNK = 1_000


def stripped_zeros(imeis: pl.Series) -> pl.Series:
    """Which IMEIs have lost their leading zero."""
    imei = pl.col("imei")
    frame = imeis.rename("imei").to_frame()
    begins_with_1 = imei.is_between(STRIPPED_FIRST, STRIPPED_LAST) & (imei % Imei.LENGTHS == 0)
    suspects = frame.select(begins_with_1).to_series()
    if not suspects.any():
        return suspects
    number = imei // (Imei.LENGTHS * 10 ** (Imei.LENGTH_MAX - Imei.LENGTH_MIN))
    return suspects & (_luhn(frame.select(number).to_series()) == 0)


def placeholders(imeis: pl.Series) -> pl.Series:
    """Which values are an IMEI that is no device's own; TACs and words are none."""
    imei, hardware = pl.col("imei"), pl.col("imei") // HARDWARE
    no_device = (
        (hardware // A_BODY).is_in(sorted(TEST_BODIES))
        | (hardware % ONES == 0)
        | (hardware == COUNTED_UP)
    )
    is_one = (imei >= 0) & ((imei & FORM_BITS) != TAC_FORM)
    return imeis.rename("imei").to_frame().select(is_one & no_device).to_series()


def rounded(iccids: pl.Series) -> pl.Series:
    """Which ICCIDs end in zeros behind their 15th digit."""
    rest: pl.Series = iccids % ROUNDED_DIVISOR
    return rest < Iccid.LENGTHS


def lacking_check_digits(iccids: pl.Series) -> pl.Series:
    """Which ICCIDs do not end with their check digit."""
    return _remainders(iccids) != 0


def with_check_digits(iccids: pl.Series) -> pl.Series:
    """ICCIDs with their check digits behind them; null where there is no room for one."""
    iccid = pl.col("iccid")
    longer = iccids.rename("iccid").to_frame().select(iccid + 1)  # one more digit, a zero
    remainder = _remainders(longer["iccid"]).cast(pl.Int64).rename("remainder")
    place = pl.when(iccid % Iccid.LENGTHS == 1).then(10).otherwise(1) * Iccid.LENGTHS
    digit = (10 - pl.col("remainder")) % 10
    has_room = iccid % Iccid.LENGTHS <= Iccid.LENGTH_MAX - Iccid.LENGTH_MIN
    made = longer.with_columns(remainder).select(pl.when(has_room).then(iccid + digit * place))
    return made.to_series()


def without_check_digits(iccids: pl.Series) -> pl.Series:
    """ICCIDs without their check digits; null where the last digit is none, or is needed."""
    iccid = pl.col("iccid")
    lacks = lacking_check_digits(iccids).rename("lacks")
    excess = iccid % Iccid.LENGTHS
    last = pl.when(excess == 1).then(100).otherwise(10) * Iccid.LENGTHS
    shorter = iccid // last * last + excess - 1
    frame = iccids.rename("iccid").to_frame().with_columns(lacks)
    return frame.select(pl.when((excess > 0) & ~pl.col("lacks")).then(shorter)).to_series()


def _remainders(iccids: pl.Series) -> pl.Series:
    """What is left of the weighted sum of each ICCID's digits, by ten; 0 where the last is right.

    The digits behind 89, without the zeros that pad them, are at most three chunks of six.
    """
    iccid = pl.col("iccid")
    excess = iccid % Iccid.LENGTHS
    body = iccid // Iccid.LENGTHS
    unpadded = pl.when(excess == 2).then(body).when(excess == 1).then(body // 10)  # noqa: PLR2004 - of 0, 1 and 2 digits
    prefix = pl.when(excess == 1).then(7).otherwise(6)  # the weighted sum of 89, of its last digit
    frame = iccids.rename("iccid").to_frame()
    both = frame.select(number=unpadded.otherwise(body // 100), prefix=prefix.cast(pl.UInt8))
    return (_luhn(both["number"]) + both["prefix"]) % 10


def _luhn(numbers: pl.Series) -> pl.Series:
    """The weighted sum of the digits of numbers of up to 18 digits, by ten."""
    number = pl.col("number")
    chunks = (
        numbers.rename("number")
        .to_frame()
        .select(low=number % CHUNK, middle=number // CHUNK % CHUNK, high=number // CHUNK**2)
    )
    sums = _sums_of_chunks()
    low, middle, high = (sums.gather(chunks[name]) for name in chunks.columns)
    return (low + middle + high) % 10


@cache
def _sums_of_chunks() -> pl.Series:
    """The weighted sum, by ten, of each number of six digits."""
    texts = [f"{number:03d}" for number in range(HALF_CHUNK)]
    own = pl.Series([luhn_remainder(text) for text in texts], dtype=pl.UInt8)
    shifted = pl.Series([luhn_remainder(f"{text}0") for text in texts], dtype=pl.UInt8)
    numbers = pl.int_range(0, CHUNK, eager=True)
    return (shifted.gather(numbers // HALF_CHUNK) + own.gather(numbers % HALF_CHUNK)) % 10
