from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick.core.allowed import LIST_MAX, MEMBERS_MAX, NONE, NOWHERE, Allowed
from tallystick.core.errors import InvalidValue
from tallystick.core.identifiers import Imei

HOME, FOREIGN = "352099001761481", "990003420535573"
imeis = st.from_regex(r"[0-9]{14,16}", fullmatch=True)
members = st.one_of(imeis, st.from_regex(r"[0-9]{8}", fullmatch=True))


def fits(value: str, imei: str) -> bool:
    """Whether a value allows an IMEI."""
    return Allowed.parse(value).fits(Imei.parse(imei))


@given(st.one_of(members, st.lists(members, min_size=2, max_size=MEMBERS_MAX).map("|".join)))
def test_a_value_prints_as_it_was_given(text: str) -> None:
    value = Allowed.parse(text)
    assert str(value) == text
    assert str(Allowed.read(int(value), value.listed)) == text


@given(imeis)
def test_one_imei_is_the_integer_that_it_always_was(text: str) -> None:
    assert int(Allowed.parse(text)) == int(Imei.parse(text))


@given(st.lists(members, min_size=2, max_size=5), imeis)
def test_several_members_allow_what_one_of_them_allows(several: list[str], imei: str) -> None:
    assert fits("|".join(several), imei) == any(fits(member, imei) for member in several)


def test_a_model_allows_its_hardware_and_no_other() -> None:
    assert fits("35209900", HOME)
    assert not fits("35209900", FOREIGN)


def test_the_check_digit_and_the_software_version_do_not_matter() -> None:
    assert fits("35209900176148", HOME)
    assert fits("3520990017614899|" + FOREIGN, HOME)


def test_nowhere_allows_nothing_and_none_says_nothing() -> None:
    assert Allowed.parse("nowhere") == NOWHERE
    assert not fits("nowhere", HOME)
    assert Allowed.parse("none") == NONE
    assert fits("none", HOME)


def test_the_first_imei_is_passed_over_models() -> None:
    assert Allowed.parse("35209900|" + FOREIGN).first_imei == Imei.parse(FOREIGN)
    assert Allowed.parse("35209900").first_imei is None
    assert Allowed.parse("nowhere").first_imei is None


def test_the_order_of_members_makes_another_value() -> None:
    one, other = Allowed.parse(f"{HOME}|{FOREIGN}"), Allowed.parse(f"{FOREIGN}|{HOME}")
    assert one != other
    assert max(one, other) <= LIST_MAX


@pytest.mark.parametrize(
    "text",
    [
        "35209900176",
        "|",
        HOME + "|",
        f"{HOME}|nowhere",
        f"{HOME} | {FOREIGN}",
        "somewhere",
        "|".join([HOME] * (MEMBERS_MAX + 1)),
    ],
)
def test_what_is_no_value_is_refused_with_what_it_may_be(text: str) -> None:
    with pytest.raises(InvalidValue, match="imei must be"):
        Allowed.parse(text)
