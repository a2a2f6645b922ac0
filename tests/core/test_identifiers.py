"""ICCID, IMEI, MDN and names: what is one, what is none, and what their integers promise."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick.core.errors import InvalidValue
from tallystick.core.identifiers import (
    VALUE_SHOWN_MAX,
    Iccid,
    Imei,
    Imsi,
    Mdn,
    Tac,
    masked,
    parse_name,
    shown,
)
from tallystick.core.written_values import (
    read_iccid,
    read_imei,
    read_imsi,
    read_mdn,
    read_msisdn,
)

if TYPE_CHECKING:
    from collections.abc import Callable

DIGITS = "0123456789"
INT64_MAX = 2**63 - 1

Identifier = type[Iccid] | type[Imei] | type[Mdn]

iccid_texts = st.builds("89{}".format, st.text(DIGITS, min_size=16, max_size=18))
imei_texts = st.text(DIGITS, min_size=14, max_size=16)
mdn_texts = st.text(DIGITS, min_size=10, max_size=15)
identifiers = st.one_of(
    st.tuples(st.just(Iccid), iccid_texts),
    st.tuples(st.just(Imei), imei_texts),
    st.tuples(st.just(Mdn), mdn_texts),
)


@st.composite
def near_pairs(draw: st.DrawFn) -> tuple[Identifier, str, str]:
    """Two texts of one kind that share a beginning, so that length and padding decide often."""
    kind, first = draw(identifiers)
    longest = kind.LENGTH_MAX
    shared = draw(st.integers(len(kind.PREFIX), len(first)))
    tail = draw(st.text("019", max_size=longest - shared))
    second = first[:shared] + tail
    return kind, first, second.ljust(kind.LENGTH_MIN, draw(st.sampled_from("09")))


@given(identifiers)
def test_digits_come_back_as_they_were_given(example: tuple[Identifier, str]) -> None:
    kind, text = example
    assert str(kind.parse(text)) == text


@given(near_pairs())
def test_integers_are_ordered_as_the_digits_are_as_text(pair: tuple[Identifier, str, str]) -> None:
    kind, first, second = pair
    one, other = kind.parse(first), kind.parse(second)
    assert (int(one) < int(other), int(one) == int(other)) == (first < second, first == second)


@given(identifiers)
def test_every_integer_fits_a_signed_64_bit_column_and_is_not_negative(
    example: tuple[Identifier, str],
) -> None:
    kind, text = example
    assert 0 <= int(kind.parse(text)) <= INT64_MAX


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (Iccid, "89" + "9" * 18),
        (Imei, "9" * 16),
        (Mdn, "9" * 15),
        (Iccid, "89" + "0" * 16),
        (Imei, "0" * 14),
    ],
)
def test_the_largest_and_the_smallest_fit_too(kind: Identifier, text: str) -> None:
    assert 0 <= int(kind.parse(text)) <= INT64_MAX
    assert str(kind.parse(text)) == text


def test_leading_zeros_are_kept() -> None:
    assert str(Imei.parse("01020304050607")) == "01020304050607"
    assert str(Mdn.parse("0000000000")) == "0000000000"
    assert str(Iccid.parse("890000000000000000")) == "890000000000000000"


def test_the_published_identifiers_are_accepted_although_their_check_digits_are_wrong() -> None:
    assert str(Iccid.parse("89148000000800784259")) == "89148000000800784259"
    assert str(Imei.parse("990003420535573")) == "990003420535573"
    assert str(Imei.parse("987603420573553")) == "987603420573553"
    assert str(Mdn.parse("5096300587")) == "5096300587"


def test_zeros_at_the_end_and_a_shorter_number_are_different() -> None:
    assert (
        len(
            {
                Imei.parse("35209900176148"),
                Imei.parse("352099001761480"),
                Imei.parse("3520990017614800"),
            }
        )
        == 3
    )


WRONG = [
    (Iccid, "89" + "0" * 15),
    (Iccid, "89" + "0" * 19),
    (Iccid, "88" + "0" * 18),
    (Iccid, "0" * 20),
    (Imei, "1" * 13),
    (Imei, "1" * 17),
    (Mdn, "1" * 9),
    (Mdn, "1" * 16),
    *[
        (kind, text)
        for kind, good in (
            (Iccid, "8914800000080078425"),
            (Imei, "352099001761481"),
            (Mdn, "50963005871"),
        )
        for text in (
            "",
            " " + good[1:],
            good[:-1] + " ",
            good + "\n",
            "+" + good[1:],
            "-" + good[1:],
            good[:4] + "_" + good[5:],
            good[:4] + "." + good[5:],
            good[:-1] + "a",
            good[:-1] + "\x00",
            good[:-1] + "\u0663",  # an Arabic three, which int() would take
            good[:-1] + "\u00b2",  # a superscript two, which str.isdigit() would take
            good.translate({ord(digit): 0xFF10 + int(digit) for digit in DIGITS}),  # full width
        )
    ],
]


@pytest.mark.parametrize(("kind", "text"), WRONG)
def test_anything_else_is_refused_with_its_kind_and_the_value(kind: Identifier, text: str) -> None:
    with pytest.raises(InvalidValue) as refusal:
        kind.parse(text)
    assert refusal.value.message.startswith(f"{kind.LABEL} must ")
    assert shown(text) in refusal.value.message


@given(st.text(max_size=24))
def test_any_text_is_parsed_whole_or_refused(text: str) -> None:
    for kind in (Iccid, Imei, Mdn):
        fits = (
            kind.LENGTH_MIN <= len(text) <= kind.LENGTH_MAX
            and set(text) <= set(DIGITS)
            and text.startswith(kind.PREFIX)
        )
        if fits:
            assert str(kind.parse(text)) == text
        else:
            with pytest.raises(InvalidValue):
                kind.parse(text)


@given(st.text(DIGITS, min_size=14, max_size=14), st.text(DIGITS, max_size=2))
def test_check_digit_and_software_version_are_no_part_of_the_hardware(
    hardware: str, rest: str
) -> None:
    assert Imei.parse(hardware + rest).identity == int(hardware)


def test_the_fourteenth_digit_is_a_part_of_the_hardware() -> None:
    assert Imei.parse("352099001761481").identity != Imei.parse("352099001761491").identity


def test_the_model_is_the_first_eight_digits_zeros_included() -> None:
    assert Imei.parse("01020304050607").tac == Tac.parse("01020304")


def test_a_long_refused_value_is_cut_in_the_message() -> None:
    with pytest.raises(InvalidValue) as refusal:
        Imei.parse("7" * 5000)
    assert len(refusal.value.message) < VALUE_SHOWN_MAX + 50
    assert "…'" in refusal.value.message


def test_repr_says_how_to_make_it_again() -> None:
    assert repr(Imei.parse("01020304050607")) == "Imei.parse('01020304050607')"


@pytest.mark.parametrize(
    "text", ["a", "0342077109-00001", "x" * 64, 'Ünïcode "quoted" \\', "日本", " "]
)
def test_names_are_printable_text(text: str) -> None:
    assert parse_name("account", text) == text


@pytest.mark.parametrize(
    "text", ["", "x" * 65, "a\nb", "a\tb", "a\x00", "\x7f", "\u2028", "\ud800", "a\u200bb"]
)
def test_names_without_characters_too_long_or_with_control_characters_are_refused(
    text: str,
) -> None:
    with pytest.raises(InvalidValue, match="account must be 1-64 printable characters"):
        parse_name("account", text)


def test_a_tac_is_eight_digits_and_the_number_they_are() -> None:
    tac = Tac.parse("01020304")
    assert (int(tac), str(tac)) == (1020304, "01020304")
    assert Imei.parse("0102030405060708").tac == tac
    for text in ("1020304", "010203045", "0102030a", ""):
        with pytest.raises(InvalidValue, match=r"^tac must be 8 digits, not "):
            Tac.parse(text)
    with pytest.raises(InvalidValue, match="leading zeros may have been stripped"):
        Tac.parse("1020304")


@pytest.mark.parametrize(
    ("read", "text", "digits"),
    [
        (read_iccid, "8934013132319434302F", "8934013132319434302"),
        (read_iccid, "891480000008000000ff", "891480000008000000"),
        (read_imei, "35-209900-176148-1", "352099001761481"),
        (read_imei, "35 209900 176148", "35209900176148"),
        (read_mdn, "+1 (310) 997-62.24", "13109976224"),
        (read_msisdn, "+290 8000", "2908000"),
        (read_imsi, "295050900000011", "295050900000011"),
    ],
)
def test_identifiers_are_read_as_files_from_elsewhere_write_them(
    read: Callable[[str], int], text: str, digits: str
) -> None:
    assert str(read(text)) == digits


@pytest.mark.parametrize(
    ("read", "text"),
    [
        (read_iccid, "F8934013132319434302"),
        (read_imei, "-35209900176148"),
        (read_imei, "35_209900_176148"),
        (read_mdn, "13109976224 ext. 5"),
        (read_imsi, "+295050900000011"),
        (read_msisdn, "123456"),
    ],
)
def test_what_is_no_sign_of_an_identifier_is_refused(read: Callable[[str], int], text: str) -> None:
    with pytest.raises(InvalidValue):
        read(text)


def test_a_subscribers_number_is_shown_in_part() -> None:
    assert masked("295050900000011") == "29505…0011"
    assert masked("2908000") == "…8000"
    with pytest.raises(
        InvalidValue, match=r"^imsi must be 10-15 digits, not '29505…0019' \(as long as an ICCID"
    ):
        Imsi.parse("2950509000000110019")
