"""The window of a report: its floor, its three calendar months, and its order."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tallystick.core.errors import WindowRefused
from tallystick.core.moments import BEGINNING, LAST, parse, parse_moment
from tallystick.core.window import Window, months_later, span_between, window_between

offsets = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
clocks = st.datetimes(datetime(2017, 11, 1), datetime(9998, 12, 31))  # noqa: DTZ001 - zones are drawn beside them


def window(earliest: str, latest: str) -> Window:
    """A window from two wire timestamps."""
    return window_between(parse(earliest), parse(latest))


def test_a_window_keeps_both_moments() -> None:
    kept = window("2020-05-01T15:00:00-08:00Z", "2020-07-30T15:00:00-08:00Z")
    assert kept == Window(
        parse_moment("2020-05-01T23:00:00Z"), parse_moment("2020-07-30T23:00:00Z")
    )


@pytest.mark.parametrize(
    "earliest",
    [
        "2017-11-01",
        "2017-11-01T00:00:00Z",
        "2017-11-01T00:00:00+14:00",
        "2017-11-01T00:00:00-11:00Z",
    ],
)
def test_the_floor_is_allowed_in_every_offset(earliest: str) -> None:
    assert window(earliest, "2017-12-01").earliest == parse_moment(earliest)


@pytest.mark.parametrize(
    "earliest",
    [
        "2017-10-31T23:59:59Z",
        "2017-10-31T23:59:59.999999Z",
        "2017-10-31T23:59:59-08:00",  # later than the floor in UTC: its own clock counts
        "2016-02-29",
        "0001-01-01",
    ],
)
def test_before_the_floor_on_its_own_clock_is_refused(earliest: str) -> None:
    with pytest.raises(
        WindowRefused, match="earliest must not lie before 2017-11-01T00:00:00, not "
    ):
        window(earliest, "2017-11-02")


@pytest.mark.parametrize(
    ("earliest", "limit"),
    [
        ("2026-01-15T10:20:30Z", "2026-04-15T10:20:30Z"),
        ("2025-11-30T00:00:00Z", "2026-02-28T00:00:00Z"),
        ("2023-11-30T00:00:00Z", "2024-02-29T00:00:00Z"),
        ("2023-11-29T00:00:00Z", "2024-02-29T00:00:00Z"),
        ("2025-11-28T00:00:00Z", "2026-02-28T00:00:00Z"),
        ("2026-01-31T12:00:00Z", "2026-04-30T12:00:00Z"),
        ("2026-08-31T23:59:59Z", "2026-11-30T23:59:59Z"),
        ("2026-10-01T00:00:00Z", "2027-01-01T00:00:00Z"),
        ("2026-12-31T00:00:00Z", "2027-03-31T00:00:00Z"),
        # counted on earliest's own wall clock, whatever latest is written in
        ("2026-01-31T20:00:00-08:00", "2026-05-01T04:00:00Z"),
        ("2025-11-30T20:00:00-08:00", "2026-03-01T04:00:00Z"),
        ("2026-02-01T01:00:00+05:45", "2026-04-30T11:15:00-08:00"),
        ("2026-01-15T10:20:30.5Z", "2026-04-15T10:20:30.5Z"),
    ],
)
def test_latest_may_reach_three_calendar_months_and_not_a_moment_more(
    earliest: str, limit: str
) -> None:
    assert window(earliest, limit).latest == parse_moment(limit)
    for more in (timedelta(microseconds=1), timedelta(seconds=1), timedelta(days=1)):
        with pytest.raises(
            WindowRefused, match="latest must not lie more than 3 calendar months after earliest"
        ):
            window_between(parse(earliest), parse(limit) + more)


def test_three_months_may_have_an_hour_more_or_less_where_clocks_change() -> None:
    """Offsets are written, not zones: the wall clock at -08:00 knows no summer time."""
    latest = "2026-04-01T01:00:00-07:00"
    assert window("2026-01-01T00:00:00-08:00", latest).latest == parse_moment(latest)
    with pytest.raises(WindowRefused):
        window("2026-01-01T00:00:00-08:00", "2026-04-01T01:00:01-07:00")


@pytest.mark.parametrize(
    ("earliest", "latest"),
    [
        ("2026-03-01T00:00:01Z", "2026-03-01T00:00:00Z"),
        ("2026-03-01T00:00:00.000001Z", "2026-03-01T00:00:00Z"),
        ("2026-03-01T00:00:00-08:00", "2026-03-01T07:59:59Z"),
        ("2026-03-01", "2017-01-01"),
    ],
)
def test_latest_before_earliest_is_refused(earliest: str, latest: str) -> None:
    with pytest.raises(WindowRefused, match="latest must not lie before earliest"):
        window(earliest, latest)


def test_latest_before_earliest_as_text_is_fine_when_the_moments_are_in_order() -> None:
    kept = window("2026-03-01T08:00:00+08:00", "2026-03-01T00:00:01Z")
    assert kept.latest - kept.earliest == 1_000_000


@pytest.mark.parametrize(
    ("earliest", "latest"),
    [("2026-03-01", "2026-03-01"), ("2026-03-01T00:00:00-08:00", "2026-03-01T08:00:00Z")],
)
def test_equal_ends_are_an_empty_window(earliest: str, latest: str) -> None:
    kept = window(earliest, latest)
    assert kept.earliest == kept.latest


@pytest.mark.parametrize(
    ("earliest", "latest"),
    [
        ("9999-09-30T00:00:00Z", "9999-12-30T00:00:00Z"),
        ("9999-10-01T00:00:00Z", "9999-12-31T23:59:59.999999Z"),
        ("9999-12-31T23:59:59Z", "9999-12-31T23:59:59.999999Z"),
        ("9999-12-31T00:00:00+14:00", "9999-12-31T23:59:59.999999Z"),
        ("9999-12-31T00:00:00-14:00", "9999-12-31T23:59:59Z"),
    ],
)
def test_the_last_year_has_windows_too(earliest: str, latest: str) -> None:
    assert window(earliest, latest).latest == parse_moment(latest)


def test_the_last_year_has_a_limit_as_long_as_the_calendar_does() -> None:
    with pytest.raises(WindowRefused):
        window("9999-09-29T00:00:00Z", "9999-12-29T00:00:01Z")


def test_messages_name_the_value_at_fault() -> None:
    with pytest.raises(WindowRefused, match="2017-01-01T00:00:00"):
        window("2017-01-01", "2017-01-02")
    with pytest.raises(WindowRefused, match=r"2026-02-28T00:00:00\+00:00 at most, not 2026-03-01"):
        window("2025-11-30", "2026-03-01")


@given(clocks, offsets, offsets, st.integers(0, 100 * 86_400))
def test_the_limit_is_that_of_the_calendar(
    clock: datetime, offset: timezone, other: timezone, seconds: int
) -> None:
    """Restated: walk on from the 28th, three months later, as long as there is such a day."""
    earliest = clock.replace(tzinfo=offset)
    month = (clock.month + 2) % 12 + 1
    year = clock.year + (1 if month <= 3 else 0)
    limit = earliest.replace(year=year, month=month, day=min(clock.day, 28))
    while limit.day < clock.day and (limit + timedelta(days=1)).month == month:
        limit += timedelta(days=1)
    latest = (earliest + timedelta(seconds=seconds)).astimezone(other)
    if latest <= limit:
        assert (
            window_between(earliest, latest).latest - window_between(earliest, latest).earliest
            == seconds * 10**6
        )
    else:
        with pytest.raises(WindowRefused):
            window_between(earliest, latest)


@given(clocks, st.integers(0, 24))
def test_months_later_is_that_month_at_the_same_time_of_day(clock: datetime, months: int) -> None:
    assume(clock.year < 9990)
    later = months_later(clock.replace(tzinfo=UTC), months)
    assert (later.year - clock.year) * 12 + later.month - clock.month == months
    assert later.timetz() == clock.replace(tzinfo=UTC).timetz()
    assert later.day == clock.day or (
        later.day < clock.day and (later + timedelta(days=1)).day == 1
    )


def test_a_span_may_be_of_any_length_and_open() -> None:
    always = span_between(None, None)
    assert always.earliest < BEGINNING < LAST < always.latest
    assert span_between(parse("1999-01-01"), parse("2999-01-01")).earliest == parse_moment(
        "1999-01-01"
    )
    assert span_between(None, parse("2026-01-01")).latest == parse_moment("2026-01-01")


def test_a_span_does_not_end_before_it_begins() -> None:
    with pytest.raises(WindowRefused, match=r"latest must not lie before earliest, not 2025-12-31"):
        span_between(parse("2026-01-01"), parse("2025-12-31"))
