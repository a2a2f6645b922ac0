"""Plain values recognised a column at a time, at the speed of Polars.

Each function gives the parsed column, null wherever a value is not of the plain form. It decides
nothing: what it leaves is parsed one by one by `core`, and what it gives must be what `core` would
have given, which the tests hold it to.
"""

from __future__ import annotations

import polars as pl

from tallystick.core.identifiers import NAME_LENGTH_MAX, Iccid, Imei, Mdn, Tac
from tallystick.core.moments import BEGINNING, LAST
from tallystick.core.suspicious_values import TIME_OF_DAY, ZONE

NAME = rf"^[ -~]{{1,{NAME_LENGTH_MAX}}}$"
SECOND = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-5][0-9]"
MICROSECONDS_A_DAY = 86_400_000_000
MICROSECONDS = {"us": 1, "ms": 1000}
# What a moment looks like, and how Polars reads it; tried in turn while any is left.
MOMENT_FORMS = (
    (SECOND + "Z$", "%Y-%m-%dT%H:%M:%SZ"),
    (SECOND + r"[+-][0-9]{2}:[0-5][0-9]$", "%Y-%m-%dT%H:%M:%S%:z"),
    (SECOND + r"\.[0-9]{1,6}Z$", "%Y-%m-%dT%H:%M:%S%.fZ"),
    (SECOND + "$", "%Y-%m-%dT%H:%M:%S"),
)


def _keys(column: pl.Series, kind: type[Iccid | Imei | Mdn | Tac]) -> pl.Series:
    """The compact integers of digits of one of several lengths.

    What Polars reads as a number is digits, with at most a sign before them. Where there is a
    prefix, its last digit stands before the rest, so that no sign can, and 20 digits fit 64 bits.
    """
    text = pl.col("text")
    skipped, last = len(kind.PREFIX[:-1]), int(kind.PREFIX[-1:] or 0)
    read = column.cast(pl.String).to_frame("text")
    read = read.select(
        number=text.str.slice(skipped).cast(pl.UInt64, strict=False),
        length=text.str.len_bytes().cast(pl.Int64),
        plain=text.str.starts_with(kind.PREFIX) & ~text.str.starts_with("+"),
    )
    key = pl.lit(None, dtype=pl.Int64)
    for length in range(kind.LENGTH_MIN, kind.LENGTH_MAX + 1):
        body = (pl.col("number") - last * 10 ** (length - skipped - 1)).cast(pl.Int64, strict=False)
        padded = body * 10 ** (kind.LENGTH_MAX - length) * kind.LENGTHS + (length - kind.LENGTH_MIN)
        key = pl.when(pl.col("plain") & (pl.col("length") == length)).then(padded).otherwise(key)
    return read.select(key).to_series()


def iccids(column: pl.Series) -> pl.Series:
    """ICCIDs as compact integers."""
    return _keys(column, Iccid)


def imeis(column: pl.Series) -> pl.Series:
    """IMEIs as compact integers."""
    return _keys(column, Imei)


def mdns(column: pl.Series) -> pl.Series:
    """Phone numbers as compact integers."""
    return _keys(column, Mdn)


def tacs(column: pl.Series) -> pl.Series:
    """TACs as integers."""
    return _keys(column, Tac)


def names(column: pl.Series) -> pl.Series:
    """Names in printable ASCII, as they are."""
    text = column.cast(pl.String).to_frame("text")
    return text.select(pl.when(pl.col("text").str.contains(NAME)).then(pl.col("text"))).to_series()


def moments(column: pl.Series) -> pl.Series:
    """Moments as microseconds since 1970."""
    if isinstance(column.dtype, pl.Datetime | pl.Date):
        return _moments_of_dates(column, column.dtype)
    text = column.cast(pl.String)
    moment = pl.Series([None], dtype=pl.Int64).new_from_index(0, len(text))
    for form, reading in MOMENT_FORMS:
        left = moment.is_null() & text.is_not_null()
        if not left.any():
            break
        frame = text.to_frame("text").with_columns(moment.alias("moment"))
        plain = pl.col("text").str.contains(form)
        read = (
            pl.when(plain)
            .then(pl.col("text"))
            .str.to_datetime(reading, time_unit="us", strict=False)
        )
        moment = frame.select(pl.coalesce("moment", read.cast(pl.Int64))).to_series()
    # The offset may carry a text of the year 0, which core refuses, into the first day: core reads
    # that day's texts.
    return _between(moment, BEGINNING + MICROSECONDS_A_DAY, LAST)


def without_zone(column: pl.Series) -> pl.Series:
    """Which texts have a time of day and no zone; a date alone is none of them."""
    text = pl.col("text")
    lacking = text.str.contains(TIME_OF_DAY.pattern) & ~text.str.contains(ZONE.pattern)
    texts_given = column.cast(pl.String).to_frame("text")
    if texts_given.select(text.str.ends_with("Z").all()).item():
        return pl.Series([False]).new_from_index(0, len(column))
    return texts_given.select(lacking.fill_null(value=False)).to_series()


def _moments_of_dates(column: pl.Series, dtype: pl.Datetime | pl.Date) -> pl.Series:
    """Counted in whole numbers: Polars panics where its own calendar ends."""
    count = column.to_physical().cast(pl.Int64)
    if isinstance(dtype, pl.Datetime) and dtype.time_unit == "ns":
        return count // 1000
    unit = pl.lit(
        MICROSECONDS_A_DAY if isinstance(dtype, pl.Date) else MICROSECONDS[dtype.time_unit]
    )
    moment = pl.col("count").cast(pl.Int128) * unit
    return _between(count.to_frame("count").select(moment).to_series(), BEGINNING, LAST).cast(
        pl.Int64
    )


def _between(moment: pl.Series, first: int, last: int) -> pl.Series:
    inside = pl.col("moment").is_between(first, last)
    return moment.to_frame("moment").select(pl.when(inside).then(pl.col("moment"))).to_series()


def texts(column: pl.Series) -> pl.Series:
    """A column of any type as `core` is to read it.

    A date that the calendar does not have as its count.
    """
    if not column.dtype.is_temporal():
        return column.cast(pl.String)
    known = moments(column)
    return (
        known.cast(pl.Datetime("us"))
        .cast(pl.String)
        .zip_with(known.is_not_null(), column.to_physical().cast(pl.String))
    )
