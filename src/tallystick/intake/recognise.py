"""Plain values recognised a column at a time, at the speed of Polars.

Each function gives the parsed column, null wherever a value is not of the plain form. It decides nothing:
what it leaves is parsed one by one by `core`, and what it gives must be what `core` would have given, which
the tests hold it to.
"""

from __future__ import annotations

import polars as pl

from tallystick.core.identifiers import NAME_LENGTH_MAX, Iccid, Imei, Mdn
from tallystick.core.moments import BEGINNING, LAST

ICCID_PREFIX_VALUE = 89 * 10**18  # of 20 digits
ICCID_DIGITS = rf"^89[0-9]{{{Iccid.LENGTH_MIN - 2},{Iccid.LENGTH_MAX - 2}}}$"
IMEI_DIGITS = rf"^[0-9]{{{Imei.LENGTH_MIN},{Imei.LENGTH_MAX}}}$"
MDN_DIGITS = rf"^[0-9]{{{Mdn.LENGTH_MIN},{Mdn.LENGTH_MAX}}}$"
NAME = rf"^[ -~]{{1,{NAME_LENGTH_MAX}}}$"
SECOND = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-5][0-9]"
MICROSECONDS_A_DAY = 86_400_000_000
MICROSECONDS = {"us": 1, "ms": 1000}
MOMENT_FORMS = (  # what a moment looks like, and how Polars reads it; tried in turn while any is left
    (SECOND + "Z$", "%Y-%m-%dT%H:%M:%SZ"),
    (SECOND + r"[+-][0-9]{2}:[0-5][0-9]$", "%Y-%m-%dT%H:%M:%S%:z"),
    (SECOND + r"\.[0-9]{1,6}Z$", "%Y-%m-%dT%H:%M:%S%.fZ"),
    (SECOND + "$", "%Y-%m-%dT%H:%M:%S"),
)


def _keys(column: pl.Series, form: str, length_min: int, length_max: int, lengths: int) -> pl.Series:
    """The compact integers of digits of one of several lengths."""
    text = pl.col("text")
    length = text.str.len_bytes()
    padded = text.str.pad_end(length_max, "0") if length_min < length_max else text
    value = padded.cast(pl.Int128, strict=False)
    if length_max == Iccid.LENGTH_MAX:
        value -= ICCID_PREFIX_VALUE
    key = (value * lengths + (length - length_min).cast(pl.Int128)).cast(pl.Int64, strict=False)
    frame = pl.DataFrame({"text": column.cast(pl.String)})
    return frame.select(pl.when(text.str.contains(form)).then(key)).to_series()


def iccids(column: pl.Series) -> pl.Series:
    """ICCIDs as compact integers."""
    return _keys(column, ICCID_DIGITS, Iccid.LENGTH_MIN, Iccid.LENGTH_MAX, Iccid.LENGTHS)


def imeis(column: pl.Series) -> pl.Series:
    """IMEIs as compact integers."""
    return _keys(column, IMEI_DIGITS, Imei.LENGTH_MIN, Imei.LENGTH_MAX, Imei.LENGTHS)


def mdns(column: pl.Series) -> pl.Series:
    """Phone numbers as compact integers."""
    return _keys(column, MDN_DIGITS, Mdn.LENGTH_MIN, Mdn.LENGTH_MAX, Mdn.LENGTHS)


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
        read = pl.when(plain).then(pl.col("text")).str.to_datetime(reading, time_unit="us", strict=False)
        moment = frame.select(pl.coalesce("moment", read.cast(pl.Int64))).to_series()
    # The offset may carry a text of the year 0, which core refuses, into the first day: core reads that day's texts.
    return _between(moment, BEGINNING + MICROSECONDS_A_DAY, LAST)


def _moments_of_dates(column: pl.Series, dtype: pl.Datetime | pl.Date) -> pl.Series:
    """Counted in whole numbers: Polars panics where its own calendar ends."""
    count = column.to_physical().cast(pl.Int64)
    if isinstance(dtype, pl.Datetime) and dtype.time_unit == "ns":
        return count // 1000
    unit = pl.lit(MICROSECONDS_A_DAY if isinstance(dtype, pl.Date) else MICROSECONDS[dtype.time_unit])
    moment = pl.col("count").cast(pl.Int128) * unit
    return _between(count.to_frame("count").select(moment).to_series(), BEGINNING, LAST).cast(pl.Int64)


def _between(moment: pl.Series, first: int, last: int) -> pl.Series:
    inside = pl.col("moment").is_between(first, last)
    return moment.to_frame("moment").select(pl.when(inside).then(pl.col("moment"))).to_series()


def texts(column: pl.Series) -> pl.Series:
    """A column of any type as `core` is to read it; a date that the calendar does not have as its count."""
    if not column.dtype.is_temporal():
        return column.cast(pl.String)
    known = moments(column)
    return (
        known.cast(pl.Datetime("us"))
        .cast(pl.String)
        .zip_with(known.is_not_null(), column.to_physical().cast(pl.String))
    )
