"""Plain values recognised a column at a time, at the speed of Polars.

Each function gives the parsed column, null wherever a value is not of the plain form. It decides
nothing: what it leaves is parsed one by one by `core`, and what it gives must be what `core` would
have given, which the tests hold it to.
"""

from __future__ import annotations

import re
from datetime import UTC, timedelta
from typing import TYPE_CHECKING, NamedTuple

import polars as pl

from tallystick.core.identifiers import NAME_LENGTH_MAX, Iccid, Imei, Imsi, Mdn, Msisdn, Tac
from tallystick.core.moments import BEGINNING, EPOCH, LAST, MICROSECONDS_A_DAY
from tallystick.core.written_values import ABSENT, INLAND, NO_NAMES, NO_VALUE, PLAIN

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import tzinfo

    from tallystick.core.written_values import Conventions

# Neither a blank at an end nor a sign before it that core drops.
NAME = rf"^[!#-&(-<>-~](?:[ -~]{{0,{NAME_LENGTH_MAX - 2}}}[!-~])?$"
DAY = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}"
CLOCK = r"[0-9]{2}:[0-9]{2}:[0-5][0-9]"
SECOND = f"{DAY}T{CLOCK}"
MICROSECONDS = {"us": 1, "ms": 1000}
DATE = "%Y-%m-%d"
# An identifier marked as a text by `="…"` or quotes alone, and one with blanks around, signs
# within, padding behind or an apostrophe before.
MARKED = r"^\s*=?\"\s*([0-9][0-9 -]*[Ff]*)\s*\"\s*$"
BARE = r"^\s*'?([0-9][0-9 -]*[Ff]*)\s*$"


class MomentForm(NamedTuple):
    """How a moment looks, and how Polars reads it."""

    pattern: str
    reading: str
    is_local: bool = False
    """It names no zone."""
    unit: int = 0
    """It is a number since 1970, and one is so many microseconds."""


# Tried in turn while any is left.
MOMENT_FORMS = (
    MomentForm(SECOND + "Z$", "%Y-%m-%dT%H:%M:%SZ"),
    MomentForm(SECOND + r"[+-][0-9]{2}:[0-5][0-9]$", "%Y-%m-%dT%H:%M:%S%:z"),
    MomentForm(SECOND + r"\.[0-9]{1,6}Z$", "%Y-%m-%dT%H:%M:%S%.fZ"),
    MomentForm(SECOND + "$", "%Y-%m-%dT%H:%M:%S", is_local=True),
    MomentForm(f"{DAY} {CLOCK}$", "%Y-%m-%d %H:%M:%S", is_local=True),
    MomentForm(SECOND + r"\.[0-9]{1,6}[+-][0-9]{2}[0-5][0-9]$", "%Y-%m-%dT%H:%M:%S%.f%z"),
    MomentForm(DAY + "$", DATE, is_local=True),
    MomentForm(r"^(?:19|20)[0-9]{2}[0-9]{2}[0-9]{2}$", "%Y%m%d", is_local=True),
    MomentForm(r"^[0-9]{4}/[0-9]{2}/[0-9]{2}$", "%Y/%m/%d", is_local=True),
    MomentForm(f"^[0-9]{{4}}/[0-9]{{2}}/[0-9]{{2}} {CLOCK}$", "%Y/%m/%d %H:%M:%S", is_local=True),
    MomentForm(r"^1[0-9]{9}$", "", unit=1_000_000),
    MomentForm(r"^[0-9]{13}$", "", unit=1_000),
    MomentForm(r"^1[0-9]{15}$", "", unit=1),
    MomentForm(f"{DAY} {CLOCK}[+-][0-9]{{2}}:[0-5][0-9]$", "%Y-%m-%d %H:%M:%S%:z"),
    MomentForm(f"{DAY} {CLOCK}" + r"\.[0-9]{1,6}$", "%Y-%m-%d %H:%M:%S%.f", is_local=True),
)
# The parts of a given form that are read at once, and their digits; others are left to core.
DIRECTIVES = {
    "%Y": "[0-9]{4}",
    "%m": "[0-9]{2}",
    "%d": "[0-9]{2}",
    "%H": "[0-9]{2}",
    "%M": "[0-9]{2}",
    "%S": "[0-5][0-9]",
}
# From here on zones have changed at whole minutes.
MINUTES_FROM = 315_532_800_000_000
MICROSECONDS_A_MINUTE = 60_000_000


def _keys(column: pl.Series, kind: type[Iccid | Imei | Imsi | Mdn | Msisdn | Tac]) -> pl.Series:
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


def imsis(column: pl.Series) -> pl.Series:
    """IMSIs as compact integers."""
    return _keys(column, Imsi)


def msisdns(column: pl.Series) -> pl.Series:
    """MSISDNs as compact integers; what may be dialled before them is left to core."""
    text = column.cast(pl.String)
    return _keys(text.set(text.str.starts_with(INLAND), None), Msisdn)


def absent(column: pl.Series) -> pl.Series:
    """Which values say that there is none."""
    text = column.cast(pl.String).str.strip_chars().fill_null("")
    return text.str.to_lowercase().is_in([*ABSENT]) | text.is_in([*NO_VALUE])


def names(column: pl.Series) -> pl.Series:
    """Names in printable ASCII, as they are."""
    text = column.cast(pl.String).to_frame("text")
    is_plain = pl.col("text").str.contains(NAME) & ~pl.col("text").is_in([*NO_NAMES])
    return text.select(pl.when(is_plain).then(pl.col("text"))).to_series()


class Moments(NamedTuple):
    """Moments as microseconds since 1970, null where they were not recognised.

    `without_zone` is where they name a time of day and their zone has to be guessed; None: nowhere.
    """

    values: pl.Series
    without_zone: pl.Series | None = None


def moments(column: pl.Series) -> pl.Series:
    """Moments as microseconds since 1970."""
    return moments_by(column, PLAIN).values


def moments_by(column: pl.Series, conventions: Conventions) -> Moments:
    """Moments by a source's zone and its forms."""
    if isinstance(column.dtype, pl.Datetime | pl.Date):
        moment = _moments_of_dates(column, column.dtype)
        if isinstance(column.dtype, pl.Datetime) and column.dtype.time_zone is not None:
            return Moments(moment)
        is_guessed = isinstance(column.dtype, pl.Datetime) and not conventions.is_zone_known
        guessed = moment.is_not_null() if is_guessed else None
        return Moments(_at_home(moment, conventions.zone), guessed)
    is_zone_known = conventions.is_zone_known
    given = _given(conventions)
    text = column.cast(pl.String)
    moment = pl.Series("moment", [None], dtype=pl.Int64).new_from_index(0, len(text))
    if given is None:
        return Moments(moment)
    without_zone: pl.Series | None = None
    forms = [*given, *MOMENT_FORMS]
    while forms and (left := text.filter(moment.is_null() & text.is_not_null())).len():
        form = given.pop(0) if given else _likeliest(forms, left[0])
        forms.remove(form)
        read = _read(text.to_frame("text"), moment, form, conventions.zone)
        if form.is_local and "%H" in form.reading and not is_zone_known:
            fresh = moment.is_null() & read.is_not_null()
            without_zone = fresh if without_zone is None else without_zone | fresh
        moment = read
    # The offset may carry a text of the year 0, which core refuses, into the first day: core reads
    # that day's texts.
    return Moments(_between(moment, BEGINNING + MICROSECONDS_A_DAY, LAST), without_zone)


def _given(conventions: Conventions) -> list[MomentForm] | None:
    """The given forms, of which all have a fixed width; None where core has to try them."""
    forms = []
    for reading in conventions.time_formats:
        pattern = re.escape(reading)
        for directive, digits in DIRECTIVES.items():
            pattern = pattern.replace(directive, digits)
        if "%" in pattern or not all(part in reading for part in ("%Y", "%m", "%d")):
            return None
        forms.append(MomentForm(f"^{pattern}$", reading, is_local=True))
    return forms


def _likeliest(forms: Sequence[MomentForm], text: str) -> MomentForm:
    """The form of this text, or the first: columns mostly have one form from end to end."""
    return next((form for form in forms if re.match(form.pattern, text)), forms[0])


def _read(texts: pl.DataFrame, moment: pl.Series, form: MomentForm, zone: tzinfo) -> pl.Series:
    """The moments with those of one form among the rest."""
    text = pl.when(pl.col("text").str.contains(form.pattern)).then(pl.col("text"))
    if form.unit:
        read = text.cast(pl.Int64, strict=False) * form.unit
    elif "%H" in form.reading:
        read = text.str.to_datetime(form.reading, time_unit="us", strict=False).cast(pl.Int64)
    else:
        date = text.str.to_date(form.reading, strict=False)
        read = date.cast(pl.Datetime("us")).cast(pl.Int64)
    fresh = texts.select(read).to_series()
    if form.is_local:
        fresh = _at_home(fresh, zone)
    both = pl.DataFrame({"moment": moment, "fresh": fresh})
    return both.select(pl.coalesce("moment", "fresh")).to_series()


def _at_home(moment: pl.Series, zone: tzinfo) -> pl.Series:
    """Moments read as if in UTC, moved to the zone whose clock they were read from.

    The offset is asked for once a minute. What lies before zones changed at whole minutes is left
    to core.
    """
    if zone is UTC or moment.null_count() == len(moment):
        return moment
    name = moment.name
    minute = (moment // MICROSECONDS_A_MINUTE).alias("minute")
    minutes = [each for each in minute.unique().to_list() if each is not None]
    offsets = pl.DataFrame(
        {"minute": minutes, "offset": [_offset(each, zone) for each in minutes]},
        schema={"minute": pl.Int64, "offset": pl.Int64},
    )
    offset = minute.to_frame().join(offsets, on="minute", how="left", maintain_order="left")
    return (moment - offset["offset"]).rename(name)


def _offset(minute: int, zone: tzinfo) -> int | None:
    """By how many microseconds a zone's clock is ahead of UTC when it shows this minute."""
    if minute * MICROSECONDS_A_MINUTE < MINUTES_FROM:
        return None
    clock = EPOCH + timedelta(minutes=minute)
    offset = clock.replace(tzinfo=zone).utcoffset()
    return None if offset is None else offset // timedelta(microseconds=1)


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


def tidied(column: pl.Series) -> pl.Series:
    """Identifiers without what core drops around and within them; null where it may see more.

    `recognise` decides about them like about any other text.
    """
    text = pl.col("text")
    signs = text.str.replace_all("[ -]|[Ff]+$", "")
    bare = pl.coalesce(text.str.extract(MARKED), text.str.extract(BARE))
    frame = column.cast(pl.String).to_frame("text").select(bare.alias("text"))
    return frame.select(signs).to_series()


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
