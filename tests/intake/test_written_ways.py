"""However a file writes its facts, they are read as the same facts."""

from __future__ import annotations

import csv
import io
from datetime import datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import msgspec
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tallystick.core.errors import InvalidValue
from tallystick.core.facts import Sim
from tallystick.core.identifiers import Iccid
from tallystick.core.moments import moment_of
from tallystick.core.written_values import (
    Conventions,
    read_allowed,
    read_iccid,
    read_imei,
    read_mdn,
    read_moment,
    unwrapped,
    with_check_digit,
)
from tallystick.intake import ANY, KINDS, fast_parse
from tallystick.intake.check_digits import checked_iccids
from tallystick.intake.checking import check_source
from tallystick.intake.sources import open_source

if TYPE_CHECKING:
    from collections.abc import Callable

KIND = KINDS["activations"]
ZONES = ("UTC", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe")
NOTE = 'Größe "1", Überschrift'  # in a column that is passed over


iccids = st.integers(0, 10**17 - 1).map(lambda number: f"89{number:017d}")
imeis = st.integers(0, 10**15 - 1).map(lambda number: f"{number:015d}")
clocks = st.datetimes(datetime(1990, 1, 1), datetime(2037, 12, 31)).map(  # noqa: DTZ001 - a zone follows
    lambda clock: clock.replace(microsecond=0)
)
facts = st.lists(st.tuples(iccids, imeis, clocks), min_size=1, max_size=8)
dressings = st.sampled_from(["{}", " {} ", "'{}", '="{}"', "{}F"])
HEADERS = (
    ("iccid", "imei", "activated_at"),
    ("SIM ICCID", "Device-IMEI", "Timestamp"),
    ("sim", "IMEISV", "ACTIVATED AT"),
)


@settings(deadline=None, max_examples=60)
@given(
    facts=facts,
    separator=st.sampled_from(",;\t|"),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "windows-1252"]),
    quoting=st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL]),
    header=st.sampled_from(HEADERS),
    zone=st.sampled_from(ZONES),
    form=st.sampled_from(["%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%Y%m%d%H%M%S"]),
    end=st.sampled_from(["\n", "\r\n"]),
    before=st.sampled_from(["", "Export 7\n\n"]),
    dressing=dressings,
)
def test_what_is_written_in_any_way_is_read_as_the_same_facts(
    tmp_path_factory: pytest.TempPathFactory,
    *,
    facts: list[tuple[str, str, datetime]],
    separator: str,
    encoding: str,
    quoting: int,
    header: tuple[str, str, str],
    zone: str,
    form: str,
    end: str,
    before: str,
    dressing: str,
) -> None:
    text = io.StringIO()
    writer = csv.writer(text, delimiter=separator, quoting=quoting, lineterminator=end)  # type: ignore[arg-type] # a way of quoting
    writer.writerow(["note", *header])
    for iccid, imei, clock in facts:
        writer.writerow([NOTE, dressing.format(iccid), imei, clock.strftime(form)])
    path = tmp_path_factory.mktemp("ways") / "a.txt"
    path.write_bytes((before + text.getvalue()).encode(encoding))
    mapping = msgspec.structs.replace(ANY, zone=zone)
    with open_source(str(path), KIND, mapping=mapping) as source:
        checked = list(check_source(source, KIND))
        assert source.notes.passed_over == ("note",)
    assert [each.rejects for each in checked if each.rejects] == []
    expected = [
        (read_iccid(iccid), moment_of(clock.replace(tzinfo=ZoneInfo(zone))), read_imei(imei))
        for iccid, imei, clock in facts
    ]
    assert sorted(row for each in checked for row in each.facts.rows()) == sorted(expected)


# The rule and its columns


MOMENTS = (
    "2026-03-08 02:30:00",  # New York has no such time of day, and the next one twice
    "2026-11-01 01:30:00",
    "2026-03-05",
    "20260305",
    "2026/03/05",
    "2026/03/05 10:30:00",
    "1772704800",
    "1772704800000",
    "2017-10-26T07:28:00.000+0000",
    "1960-01-01 00:00:00",
    "20260305103000",
    "1772704800.5",
    "05/03/2026",
    "05/03/2026 10:30",
    "99999999999",
    "2026-02-30",
    "2026/03/05\n",
)


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("forms", [(), ("%d/%m/%Y", "%d/%m/%Y %H:%M"), ("%d/%m/%y",)])
def test_a_column_of_moments_is_recognised_as_core_reads_it(
    zone: str, forms: tuple[str, ...]
) -> None:
    conventions = Conventions(ZoneInfo(zone), forms)
    values = fast_parse.moments_by(pl.Series(MOMENTS), conventions).values.to_list()
    for text, value in zip(MOMENTS, values, strict=True):
        if value is not None:
            assert value == read_moment(text, conventions), text
    assert sum(value is not None for value in values) >= (9 if "%y" not in "".join(forms) else 0)


@settings(deadline=None)
@given(st.datetimes(datetime(1980, 1, 1), datetime(2040, 1, 1)), st.sampled_from(ZONES))  # noqa: DTZ001 - a zone follows
def test_any_local_time_is_moved_as_core_moves_it(clock: datetime, zone: str) -> None:
    text = clock.replace(microsecond=0).isoformat(sep=" ")
    conventions = Conventions(ZoneInfo(zone))
    (value,) = fast_parse.moments_by(pl.Series([text]), conventions).values
    assert value == read_moment(text, conventions)


@settings(deadline=None)
@given(st.lists(iccids.flatmap(lambda text: st.sampled_from([text, text[:-1], text + "3"]))))
@pytest.mark.parametrize("rule", ["add", "strip"])
def test_check_digits_of_a_column_are_those_of_core(rule: str, texts: list[str]) -> None:
    values = [Iccid.parse(text) for text in texts]
    column = pl.Series(values, dtype=pl.Int64)
    for value, changed in zip(values, checked_iccids(column, rule), strict=True):  # type: ignore[arg-type] # a rule
        try:
            expected: int | None = with_check_digit(value, rule)  # type: ignore[arg-type] # the same
        except InvalidValue:
            expected = None
        assert changed == expected


def test_a_check_digit_that_is_added_is_the_one_that_the_card_has() -> None:
    assert str(with_check_digit(Iccid.parse("8914800000080000001"), "add")).endswith("00011")


READERS: dict[str, tuple[Callable[[pl.Series], pl.Series], Callable[[str], int]]] = {
    "iccids": (fast_parse.iccids, read_iccid),
    "imeis": (fast_parse.imeis, read_imei),
    "allowed": (fast_parse.imeis, read_allowed),
    "mdns": (fast_parse.mdns, read_mdn),
}


@pytest.mark.parametrize("name", READERS)
@settings(deadline=None)
@given(
    texts=st.lists(
        st.text("0123456789", min_size=13, max_size=20).flatmap(
            lambda digits: st.sampled_from(
                [f" {digits}\t", f"'{digits}", f"'{digits}'", f'="{digits}"', f'="{digits}',
                 f"{digits[:2]}-{digits[2:8]} {digits[8:]}", f"{digits}Ff", f"-{digits}",
                 f"89{digits[:16]}F", f"+{digits}", f"89'{digits}", f"\x1f{digits}"]
            )
        ),
        max_size=12,
    )
)  # fmt: skip
def test_a_tidied_column_is_what_core_reads(name: str, texts: list[str]) -> None:
    recognise, read = READERS[name]
    values = recognise(fast_parse.tidied(pl.Series(texts, dtype=pl.String))).to_list()
    for text, value in zip(texts, values, strict=True):
        if value is not None:
            assert value == read(unwrapped(text)), text


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ('"Acme" and "Co"', '"Acme" and "Co"'),
        ('"Acme"', '"Acme"'),
        ('="Acme"', "Acme"),
        (' "Acme"', "Acme"),
    ],
)
def test_quotes_are_taken_off_a_name_where_they_only_mark_it(text: str, name: str) -> None:
    fact = KINDS["sims"].parse({"iccid": "89148000000800000011", "account": text})
    assert isinstance(fact, Sim)
    assert fact.account == name


def test_a_moment_that_utc_has_no_year_for_is_refused_like_any_that_does_not_exist() -> None:
    with pytest.raises(InvalidValue):
        read_moment("9999-12-31 23:59:59", Conventions(ZoneInfo("America/New_York")))
