"""Check digits of a whole column at once: the rule of `core.written_values`, and what is left over.

Columns are of compact integers (core/identifiers.py). Tests hold them to the rules.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import polars as pl

from tallystick.core.identifiers import Iccid, luhn_remainder

if TYPE_CHECKING:
    from tallystick.core.written_values import CheckDigit

CHUNK = 1_000_000  # digits are looked up six at a time: an even number, so that weights repeat
HALF_CHUNK = 1_000


def checked_iccids(iccids: pl.Series, rule: CheckDigit) -> pl.Series:
    """ICCIDs with their check digit added or taken off.

    Nothing can be added to 20 digits. Null where core has to say what becomes of it.
    """
    changed = _shortened(iccids) if rule == "strip" else _extended(iccids)
    return changed.rename(iccids.name)


def _shortened(iccids: pl.Series) -> pl.Series:
    """ICCIDs without their last digit; null where too few would be left."""
    iccid = pl.col("iccid")
    excess = iccid % Iccid.LENGTHS
    last = pl.when(excess == 1).then(100).otherwise(10) * Iccid.LENGTHS
    shorter = iccid // last * last + excess - 1
    return iccids.rename("iccid").to_frame().select(pl.when(excess > 0).then(shorter)).to_series()


def _extended(iccids: pl.Series) -> pl.Series:
    """ICCIDs with their check digits behind them, where there is room for one."""
    iccid = pl.col("iccid")
    longer = iccids.rename("iccid").to_frame().select(iccid + 1)  # one more digit, a zero
    remainder = remainders(longer["iccid"]).cast(pl.Int64).rename("remainder")
    place = pl.when(iccid % Iccid.LENGTHS == 1).then(10).otherwise(1) * Iccid.LENGTHS
    digit = (10 - pl.col("remainder")) % 10
    has_room = iccid % Iccid.LENGTHS <= Iccid.LENGTH_MAX - Iccid.LENGTH_MIN
    made = longer.with_columns(remainder)
    changed = pl.when(has_room).then(iccid + digit * place).otherwise(iccid - 1)
    return made.select(changed).to_series()


def remainders(iccids: pl.Series) -> pl.Series:
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
    return (weighted_sums(both["number"]) + both["prefix"]) % 10


def weighted_sums(numbers: pl.Series) -> pl.Series:
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
