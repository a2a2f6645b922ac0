"""The fast parser of a column gives what `core` gives, or nothing; nothing where `core` refuses."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, NamedTuple

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tallystick.core.errors import InvalidValue
from tallystick.core.identifiers import Tac
from tallystick.core.moments import BEGINNING, LAST, parse_moment, wire
from tallystick.core.written_values import (
    NO_NAMES,
    read_iccid,
    read_imei,
    read_imsi,
    read_mdn,
    read_msisdn,
    read_name,
)
from tallystick.intake import fast_parse

if TYPE_CHECKING:
    from collections.abc import Callable

DIGITS = "0123456789"
STRANGE = (
    "\u0663",
    "\u00b2",
    "\uff10",
    "é",
    "\u2028",
    "\x00",
    "\x7f",
    "\n",
    "\r",
    "\t",
    " ",
    "_",
    "+",
    "-",
    ".",
    ",",
    ":",
    "T",
    "Z",
    "e",
)


class Pair(NamedTuple):
    """A recogniser, the parser it has to agree with, and texts that it should mostly fast_parse."""

    recognise: Callable[[pl.Series], pl.Series]
    parse: Callable[[str], Any]
    plain: st.SearchStrategy[str]


two = st.integers(0, 99).map("{:02d}".format)
years = st.one_of(st.integers(1990, 2040), st.sampled_from([0, 1, 1969, 1970, 9999])).map(
    "{:04d}".format
)
dates = st.builds(
    "{}-{}-{}".format,
    years,
    st.integers(0, 13).map("{:02d}".format),
    st.integers(0, 32).map("{:02d}".format),
)
clocks = st.builds(
    "{}:{}:{}".format,
    st.integers(0, 24).map("{:02d}".format),
    st.integers(0, 60).map("{:02d}".format),
    st.integers(0, 61).map("{:02d}".format),
)
fractions = st.one_of(st.just(""), st.text(DIGITS, min_size=1, max_size=10).map(".{}".format))
zones = st.one_of(
    st.sampled_from(
        ["", "Z", "z", "+00:00", "-00:00", "+24:00", "-23:59", "+05:45Z", "-08:00Z", "+0530", "-08"]
    ),
    st.builds("{}{}:{}".format, st.sampled_from("+-"), two, two),
)

PAIRS = {
    "iccids": Pair(
        fast_parse.iccids,
        read_iccid,
        st.builds("89{}".format, st.text(DIGITS, min_size=15, max_size=19)),
    ),
    "imeis": Pair(fast_parse.imeis, read_imei, st.text(DIGITS, min_size=13, max_size=17)),
    "mdns": Pair(fast_parse.mdns, read_mdn, st.text(DIGITS, min_size=9, max_size=16)),
    "imsis": Pair(fast_parse.imsis, read_imsi, st.text(DIGITS, min_size=9, max_size=16)),
    "msisdns": Pair(fast_parse.msisdns, read_msisdn, st.text(DIGITS, min_size=6, max_size=16)),
    "tacs": Pair(fast_parse.tacs, Tac.parse, st.text(DIGITS, min_size=7, max_size=9)),
    "names": Pair(
        fast_parse.names,
        lambda text: read_name("account", text),
        st.text(st.characters(min_codepoint=30, max_codepoint=130), max_size=66)
        | st.sampled_from(sorted(NO_NAMES)),
    ),
    "moments": Pair(
        fast_parse.moments,
        parse_moment,
        st.builds("{}T{}{}{}".format, dates, clocks, fractions, zones),
    ),
}


@st.composite
def nearly(draw: st.DrawFn, plain: st.SearchStrategy[str]) -> str:
    """A plain text with up to two characters put in, taken out or replaced."""
    text = draw(plain)
    for _ in range(draw(st.integers(0, 2))):
        at = draw(st.integers(0, len(text)))
        text = (
            text[:at]
            + draw(st.sampled_from(["", *STRANGE, *DIGITS]))
            + text[at + draw(st.integers(0, 1)) :]
        )
    return text


def agrees(pair: Pair, texts: list[str | None]) -> None:
    """Hold a recogniser to its parser over one column."""
    values = pair.recognise(pl.Series(texts, dtype=pl.String)).to_list()
    assert len(values) == len(texts)
    for text, value in zip(texts, values, strict=True):
        if value is not None:
            assert text is not None
            assert value == pair.parse(text), text  # raises where core refuses


@pytest.mark.parametrize("pair", PAIRS.values(), ids=PAIRS)
@settings(deadline=None)
@given(data=st.data())
def test_what_is_recognised_is_what_core_parses(pair: Pair, data: st.DataObject) -> None:
    agrees(
        pair, data.draw(st.lists(st.one_of(st.none(), nearly(pair.plain)), min_size=1, max_size=30))
    )


@pytest.mark.parametrize("pair", PAIRS.values(), ids=PAIRS)
@settings(deadline=None)
@given(texts=st.lists(st.text(max_size=30), max_size=10))
def test_so_it_is_of_any_text(pair: Pair, texts: list[str]) -> None:
    agrees(pair, list(texts))


HARD = [
    "",
    " ",
    "2026-03-01T00:00:60Z",
    "2026-03-01T00:00:59Z",
    "2026-03-01T00:60:00Z",
    "2026-03-01T24:00:00Z",
    "2026-02-29T00:00:00Z",
    "2026-13-01T00:00:00Z",
    "2026-3-005T00:00:00Z",
    "2026-03-5T00:00:00Z",
    "+2026-03-01T00:00:00Z",
    "-001-03-01T00:00:00Z",
    "0000-01-01T00:00:00Z",
    "0000-12-31T23:59:59-01:00",
    "0001-01-01T00:00:00Z",
    "0001-01-01T00:00:00+00:01",
    "0001-01-01T00:00:00-00:01",
    "9999-12-31T23:59:59Z",
    "9999-12-31T23:59:59.999999Z",
    "9999-12-31T23:59:59-00:01",
    "9999-12-31T23:59:59+00:01",
    "123456789012-03-01T00:00:00Z",
    "12026-03-01T00:00:00Z",
    "2026-03-01T00:00:00+24:00",
    "2026-03-01T00:00:00-99:59",
    "2026-03-01T00:00:00+23:60",
    "2026-03-01T00:00:00-08:00Z",
    "1969-12-31T23:59:59.1Z",
    "1600-01-01T00:00:00.000001Z",
    "2026-03-01T00:00:00.Z",
    "2026-03-01T00:00:00.1234567Z",
    "2026-03-01T00:00:00Z\n",
    "٢٠٢٦-03-01T00:00:00Z",
    "2026-03-01 00:00:00",
    "2026-03-01",
    "8914800000080000000",
    "8914800000080000000\n",
    "+914800000080000000",
    "-914800000080000000",
    "8_14800000080000000",
    "891480000008000000٣",
    "89999999999999999999",
    "890000000000000000",
    " 8914800000080000000",
    "8914800000080000000 ",
    "0x89148000000800000",
    "1e17",
    "00000000000000",
    "99999999999999999",
    "9999999999999999",
    "9" * 60,
    "name\x7f",
    "nam\u0000e",
    "ñame",
    "x" * 64,
    "x" * 65,
]


@pytest.mark.parametrize("pair", PAIRS.values(), ids=PAIRS)
def test_hard_texts_are_recognised_right_or_not_at_all(pair: Pair) -> None:
    agrees(pair, list(HARD))
    for text in HARD:
        agrees(pair, [text])


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("iccids", "89148000000800784259"),
        ("iccids", "891480000008007842"),
        ("imeis", "01020304050607"),
        ("imeis", "0102030405060708"),
        ("mdns", "5096300587"),
        ("mdns", "050963005870000"),
        ("imsis", "295050900000011"),
        ("msisdns", "2908000"),
        ("names", "0342077109-00001"),
        ("moments", "2026-03-01T00:00:00Z"),
        ("moments", "2020-05-01T15:00:00-08:00"),
        ("moments", "2020-05-01T15:00:00"),
        ("moments", "1969-12-31T23:59:59.999999Z"),
        ("moments", "0001-01-02T00:00:00Z"),
        ("moments", "9999-12-31T23:59:59Z"),
    ],
)
def test_plain_forms_are_recognised(name: str, text: str) -> None:
    """A recogniser that recognises nothing would agree with everything above."""
    pair = PAIRS[name]
    assert pair.recognise(pl.Series([None, text, "?\n"])).to_list() == [
        None,
        pair.parse(text),
        None,
    ]


@settings(deadline=None)
@given(st.lists(st.integers(BEGINNING + 86_400_000_000, LAST), min_size=1, max_size=20))
def test_printed_moments_are_all_recognised_from_the_second_day_on(moments: list[int]) -> None:
    printed = [wire(moment, UTC) for moment in moments]  # type: ignore[arg-type] # moments by their bounds
    assert fast_parse.moments(pl.Series(printed)).to_list() == [
        parse_moment(text) for text in printed
    ]


def test_a_column_of_nulls_stays_one() -> None:
    for pair in PAIRS.values():
        assert pair.recognise(pl.Series([None, None], dtype=pl.String)).to_list() == [None, None]
        assert pair.recognise(pl.Series([None], dtype=pl.Null)).to_list() == [None]


# Columns of dates, as Parquet has them

some_days = st.dates(date(1, 1, 1), date(9999, 12, 31))


@settings(deadline=None)
@given(st.lists(st.one_of(st.none(), some_days), min_size=1, max_size=10))
def test_a_date_is_its_midnight_in_utc(days: list[date | None]) -> None:
    expected = [None if day is None else parse_moment(day.isoformat()) for day in days]
    assert fast_parse.moments(pl.Series(days, dtype=pl.Date)).to_list() == expected


@pytest.mark.parametrize("unit", ["ms", "us"])
@settings(deadline=None)
@given(st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31)))  # noqa: DTZ001 - a column without zone is UTC
def test_a_datetime_without_zone_is_utc(unit: str, clock: datetime) -> None:
    whole = clock.replace(microsecond=clock.microsecond // 1000 * 1000)
    column = pl.Series([whole], dtype=pl.Datetime(unit))  # type: ignore[arg-type] # a time unit
    assert fast_parse.moments(column).to_list() == [parse_moment(whole.isoformat())]


def test_a_datetime_with_zone_is_its_moment() -> None:
    pacific = datetime(2026, 1, 1, tzinfo=timezone(timedelta(hours=-8)))
    column = pl.Series([pacific], dtype=pl.Datetime("us", "UTC")).dt.convert_time_zone(
        "Asia/Kathmandu"
    )
    assert fast_parse.moments(column).to_list() == [parse_moment("2026-01-01T08:00:00Z")]


def test_nanoseconds_are_cut_to_microseconds() -> None:
    column = pl.Series([1_500, -1], dtype=pl.Int64).cast(pl.Datetime("ns"))
    assert fast_parse.moments(column).to_list() == [1, -1]


OUTSIDE = {
    "days": pl.Series([2**31 - 1, -(2**31), 2_932_897, -719_163], dtype=pl.Int32).cast(pl.Date),
    "milliseconds": pl.Series([2**63 - 1, LAST // 1000 + 1, BEGINNING // 1000 - 1]).cast(
        pl.Datetime("ms")
    ),
    "microseconds": pl.Series([2**63 - 1, -(2**63), LAST + 1, BEGINNING - 1]).cast(
        pl.Datetime("us")
    ),
    "zoned": pl.Series([2**63 - 1, LAST + 1]).cast(pl.Datetime("us", "America/Los_Angeles")),
}


@pytest.mark.parametrize("column", OUTSIDE.values(), ids=OUTSIDE)
def test_dates_outside_the_calendar_are_not_recognised_and_their_texts_are_refused(
    column: pl.Series,
) -> None:
    assert fast_parse.moments(column).to_list() == [None] * len(column)
    for text in fast_parse.texts(column).to_list():
        with pytest.raises(InvalidValue):
            parse_moment(text)


def test_texts_of_dates_are_read_by_core_as_they_are_recognised() -> None:
    columns = [
        pl.Series([date(2026, 3, 1), None]),
        pl.Series([datetime(2026, 3, 1, 12, 0, 0, 5)]),  # noqa: DTZ001 - a column without zone is UTC
        pl.Series([datetime(2026, 3, 1, 12, tzinfo=UTC)]).dt.convert_time_zone(
            "America/Los_Angeles"
        ),
    ]
    for column in columns:
        read = [
            None if text is None else parse_moment(text)
            for text in fast_parse.texts(column).to_list()
        ]
        assert read == fast_parse.moments(column).to_list()
