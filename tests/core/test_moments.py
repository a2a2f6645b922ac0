"""Timestamps in every form that clients send, and as they are printed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick.core.errors import InvalidValue
from tallystick.core.moments import (
    BEGINNING,
    Moment,
    exact,
    in_zone,
    moment_of,
    parse,
    parse_moment,
    wire,
)

if TYPE_CHECKING:
    from datetime import tzinfo

LOS_ANGELES = ZoneInfo("America/Los_Angeles")
SECOND = 1_000_000
LAST = Moment(253_402_300_799_999_999)  # 9999-12-31T23:59:59.999999Z

moments = st.integers(BEGINNING, LAST).map(Moment)
offsets = st.integers(-(24 * 60 - 1), 24 * 60 - 1).map(
    lambda minutes: timezone(timedelta(minutes=minutes))
)


def pacific(*parts: int) -> datetime:
    """A wall clock at -08:00."""
    return datetime(*parts, tzinfo=timezone(timedelta(hours=-8)))  # type: ignore[arg-type, misc] # parts of a date


FORMS = {
    "2026-03-01T00:00:00Z": datetime(2026, 3, 1, tzinfo=UTC),
    "2026-03-01T00:00:00z": datetime(2026, 3, 1, tzinfo=UTC),
    "2026-03-01t00:00:00z": datetime(2026, 3, 1, tzinfo=UTC),
    "2026-03-01 00:00:00Z": datetime(2026, 3, 1, tzinfo=UTC),
    "2026-03-01T00:00Z": datetime(2026, 3, 1, tzinfo=UTC),
    "2026-03-01T12:34:56": datetime(2026, 3, 1, 12, 34, 56, tzinfo=UTC),
    "2026-03-01": datetime(2026, 3, 1, tzinfo=UTC),
    "2020-05-01T15:00:00-08:00": pacific(2020, 5, 1, 15),
    "2020-05-01T15:00:00-08:00Z": pacific(2020, 5, 1, 15),
    "2020-05-01t15:00:00-08:00z": pacific(2020, 5, 1, 15),
    "2020-05-01T15:00:00-0800": pacific(2020, 5, 1, 15),
    "2020-05-01T15:00:00-08": pacific(2020, 5, 1, 15),
    "2020-05-01T15:00:00+05:45": datetime(
        2020, 5, 1, 15, tzinfo=timezone(timedelta(hours=5, minutes=45))
    ),
    "2020-05-01T15:00:00-00:30": datetime(2020, 5, 1, 15, tzinfo=timezone(timedelta(minutes=-30))),
    "2020-05-01T15:00:00+00:00": datetime(2020, 5, 1, 15, tzinfo=UTC),
    "2020-05-01T15:00:00.5Z": datetime(2020, 5, 1, 15, 0, 0, 500_000, tzinfo=UTC),
    "2020-05-01T15:00:00,5Z": datetime(2020, 5, 1, 15, 0, 0, 500_000, tzinfo=UTC),
    "2020-05-01T15:00:00.000001Z": datetime(2020, 5, 1, 15, 0, 0, 1, tzinfo=UTC),
    "2020-05-01T15:00:00.123456789-08:00Z": pacific(2020, 5, 1, 15, 0, 0, 123_456),
    "2020-05-01T15:00:00.000000999": datetime(2020, 5, 1, 15, tzinfo=UTC),
    "2024-02-29T23:59:59Z": datetime(2024, 2, 29, 23, 59, 59, tzinfo=UTC),
    "0001-01-01T00:00:00Z": datetime(1, 1, 1, tzinfo=UTC),
    "0001-01-01T00:00:00-08:00": pacific(1, 1, 1),
    "9999-12-31T23:59:59Z": datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC),
}


@pytest.mark.parametrize(("text", "expected"), FORMS.items())
def test_every_form_is_read_with_the_offset_it_was_written_in(
    text: str, expected: datetime
) -> None:
    read = parse(text)
    assert read == expected
    assert read.utcoffset() == expected.utcoffset()


def test_the_offset_wins_over_a_z_behind_it() -> None:
    assert parse_moment("2020-05-01T15:00:00-08:00Z") == parse_moment("2020-05-01T23:00:00Z")


WRONG_FORM = [
    "",
    " ",
    "now",
    "2026",
    "2026-03",
    "20260301T000000Z",
    "2026-3-01T00:00:00Z",
    "2026-3-005T00:00:00Z",
    "2026-060",
    "2026-W10-1",
    "26-03-01T00:00:00Z",
    "12026-03-01T00:00:00Z",
    "000000002026-03-01T00:00:00Z",
    "+2026-03-01T00:00:00Z",
    "-001-03-01T00:00:00Z",
    "2026-03-01T",
    "2026-03-01T25:00:00Z",
    "2026-03-01T24:00:00Z",
    "2026-03-01Z",
    "2026-03-01T00Z",
    "2026-03-01T0:00:00Z",
    "2026-03-01T00:00:00ZZ",
    "2026-03-01T00:00:00Z+01:00",
    "2026-03-01T00:00:00.Z",
    "2026-03-01T00:00:00.1234567890Z",
    "2026-03-01T00:00:00+1:00",
    "2026-03-01T00:00:00+01:0",
    "2026-03-01T00:00:00+01:00:00",
    "2026-03-01T00:00:00 +01:00",
    "2026-03-01T00:00:00UTC",
    "2026-03-01_00:00:00Z",
    "2026-03-01T00:00:00Z\n",
    "\n2026-03-01T00:00:00Z",
    " 2026-03-01T00:00:00Z",
    "2026-03-01T00:00:00Z ",
    "2026/03/01T00:00:00Z",
    "2026-03-01T00:00:00\u22128:00",  # a typographic minus
    "\u0662\u0660\u0662\u0666-03-01T00:00:00Z",  # Arabic digits
    "2026-03-01T00:00:0\uff10Z",  # a full-width zero
    "1772323200",
]
NO_MOMENT = [
    "2026-00-01T00:00:00Z",
    "2026-13-01T00:00:00Z",
    "2026-03-00T00:00:00Z",
    "2026-03-32T00:00:00Z",
    "2026-02-29T00:00:00Z",
    "2100-02-29",
    "2026-03-01T00:60:00Z",
    "2026-03-01T00:00:60Z",
    "0000-01-01T00:00:00Z",
    "2026-03-01T00:00:00+24:00",
    "2026-03-01T00:00:00-99:00",
    "2026-03-01T00:00:00+01:60",
    "0001-01-01T00:00:00+00:01",
    "9999-12-31T23:59:59-00:01",
]


@pytest.mark.parametrize("text", WRONG_FORM)
def test_another_form_is_refused_with_an_example_and_the_value(text: str) -> None:
    with pytest.raises(InvalidValue) as refusal:
        parse(text)
    assert refusal.value.message.startswith("must be a timestamp like 2026-03-01T00:00:00Z, not ")
    assert repr(text)[:20] in refusal.value.message


@pytest.mark.parametrize("text", NO_MOMENT)
def test_a_moment_that_does_not_exist_is_refused(text: str) -> None:
    with pytest.raises(InvalidValue, match="no moment that exists") as refusal:
        parse(text)
    assert text in refusal.value.message


@given(st.text("0123456789-+:.,TtZz \u0663", max_size=32))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        read = parse(text)
    except InvalidValue:
        return
    assert BEGINNING <= moment_of(read) <= LAST


def test_the_beginning_is_the_first_moment_there_is() -> None:
    assert parse_moment("0001-01-01T00:00:00Z") == BEGINNING


def test_moments_count_microseconds_from_1970() -> None:
    assert parse_moment("1970-01-01") == 0
    assert parse_moment("1970-01-02T00:00:00.000001Z") == 86_400 * SECOND + 1
    assert parse_moment("1969-12-31T23:59:59.999999Z") == -1


@given(st.datetimes(datetime(2, 1, 1), datetime(9998, 12, 31)), offsets, st.booleans())  # noqa: DTZ001 - zones are drawn beside them
def test_what_is_written_with_an_offset_is_read_with_it(
    clock: datetime, offset: timezone, both: bool
) -> None:
    aware = clock.replace(tzinfo=offset)
    read = parse(aware.isoformat() + ("Z" if both else ""))
    assert read == aware
    assert read.replace(tzinfo=None) == clock
    assert moment_of(read) == (
        aware.astimezone(UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    ) // timedelta(microseconds=1)


@given(moments)
def test_a_moment_printed_in_utc_is_read_back_to_the_second(moment: Moment) -> None:
    printed = wire(moment, UTC)
    assert len(printed) == len("2026-03-01T00:00:00Z")
    assert printed.endswith("Z")
    assert parse_moment(printed) == moment // SECOND * SECOND


@given(
    st.integers(parse_moment("1950-01-01"), parse_moment("2200-01-01")).map(Moment),
    st.sampled_from(
        [
            LOS_ANGELES,
            ZoneInfo("Asia/Kathmandu"),
            ZoneInfo("Australia/Lord_Howe"),
            ZoneInfo("Europe/London"),
        ]
    ),
)
def test_a_moment_printed_in_a_zone_is_read_back_to_the_second_also_where_clocks_go_back(
    moment: Moment, zone: tzinfo
) -> None:
    printed = wire(moment, zone)
    assert len(printed) == len("2026-03-01T00:00:00-08:00")
    assert parse_moment(printed) == moment // SECOND * SECOND


@pytest.mark.parametrize(
    ("utc", "zone", "printed"),
    [
        ("2017-12-02T00:00:00Z", "America/Los_Angeles", "2017-12-01T16:00:00-08:00"),
        ("2026-07-01T00:00:00Z", "America/Los_Angeles", "2026-06-30T17:00:00-07:00"),
        ("2026-03-08T09:59:59Z", "America/Los_Angeles", "2026-03-08T01:59:59-08:00"),
        ("2026-03-08T10:00:00Z", "America/Los_Angeles", "2026-03-08T03:00:00-07:00"),
        ("2026-11-01T08:30:00Z", "America/Los_Angeles", "2026-11-01T01:30:00-07:00"),
        ("2026-11-01T09:30:00Z", "America/Los_Angeles", "2026-11-01T01:30:00-08:00"),
        ("2026-01-01T00:00:00Z", "Asia/Kathmandu", "2026-01-01T05:45:00+05:45"),
        ("2026-01-01T00:00:00Z", "Europe/London", "2026-01-01T00:00:00+00:00"),
        ("2026-01-01T00:00:00.999999Z", "Europe/London", "2026-01-01T00:00:00+00:00"),
        ("0050-06-01T00:00:00Z", "Europe/London", "0050-05-31T23:58:45-00:01"),
    ],
)
def test_another_zone_prints_its_offset_of_that_moment(utc: str, zone: str, printed: str) -> None:
    assert wire(parse_moment(utc), ZoneInfo(zone)) == printed


def test_utc_prints_a_z_and_cuts_the_fraction() -> None:
    assert wire(parse_moment("2026-01-01T00:00:00.999999Z"), UTC) == "2026-01-01T00:00:00Z"
    assert wire(parse_moment("1969-12-31T23:59:59.999999Z"), UTC) == "1969-12-31T23:59:59Z"
    assert wire(BEGINNING, UTC) == "0001-01-01T00:00:00Z"


@pytest.mark.parametrize(
    ("moment", "zone"), [(BEGINNING, "America/Los_Angeles"), (LAST, "Asia/Kathmandu")]
)
def test_where_a_zones_calendar_ends_the_clock_is_utc(moment: Moment, zone: str) -> None:
    assert in_zone(moment, ZoneInfo(zone)).utcoffset() == timedelta(0)
    assert parse_moment(wire(moment, ZoneInfo(zone))) == moment // SECOND * SECOND


@given(moments)
def test_what_is_printed_exactly_reads_back_as_the_same_moment(moment: Moment) -> None:
    assert parse_moment(exact(moment)) == moment


def test_only_a_fraction_that_is_there_is_printed_exactly() -> None:
    assert exact(parse_moment("2026-03-01")) == "2026-03-01T00:00:00Z"
    assert exact(parse_moment("2026-03-01T00:00:00.05-08:00")) == "2026-03-01T08:00:00.050000Z"
