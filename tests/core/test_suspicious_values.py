"""What is taken in and still looks wrong."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick.core.errors import InvalidValue
from tallystick.core.identifiers import Imei
from tallystick.core.moments import Moment
from tallystick.core.suspicious_values import has_stripped_zeros, is_in_future

DIGITS = "0123456789"


def check_digit(digits: str) -> str:
    """The check digit as 3GPP TS 23.003 annex B works it out."""
    doubled = "".join(
        str(2 * int(digit)) if place % 2 else digit for place, digit in enumerate(digits)
    )
    return str(-sum(map(int, doubled)) % 10)


def test_the_check_digit_of_the_tests_is_that_of_a_published_imei() -> None:
    assert check_digit("49015420323751") == "8"


@given(st.builds("01{}".format, st.text(DIGITS, min_size=12, max_size=12)))
def test_a_whole_imei_of_reporting_body_01_is_suspected_once_its_zero_is_gone(digits: str) -> None:
    whole = digits + check_digit(digits)
    assert not has_stripped_zeros(Imei.parse(whole))
    assert has_stripped_zeros(Imei.parse(whole.removeprefix("0")))


@given(st.builds("1{}".format, st.text(DIGITS, min_size=13, max_size=13)))
def test_of_fourteen_digits_that_begin_with_1_those_are_suspected_whose_check_digit_is_right(
    digits: str,
) -> None:
    assert has_stripped_zeros(Imei.parse(digits)) == (check_digit(f"0{digits[:-1]}") == digits[-1])


@given(st.text(DIGITS, min_size=14, max_size=16))
def test_no_other_imei_is_suspected(digits: str) -> None:
    if len(digits) != 14 or not digits.startswith("1"):
        assert not has_stripped_zeros(Imei.parse(digits))


@pytest.mark.parametrize(
    ("text", "hinted"),
    [
        ("3520990017614", True),
        ("352099001761", False),
        ("35209900176148x", False),
        ("x" * 13, False),
    ],
)
def test_a_number_too_short_by_one_digit_is_refused_with_a_hint_at_leading_zeros(
    text: str, hinted: bool
) -> None:
    with pytest.raises(InvalidValue) as refusal:
        Imei.parse(text)
    assert ("leading zeros may have been stripped" in refusal.value.message) == hinted


def test_an_activation_is_in_the_future_only_after_now() -> None:
    assert [is_in_future(Moment(moment), Moment(5)) for moment in (4, 5, 6)] == [False, False, True]
