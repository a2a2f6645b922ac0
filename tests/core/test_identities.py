"""Which SIM an activation belongs to that names it by its IMSI or MSISDN."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tallystick.core.facts import Identity
from tallystick.core.identifiers import Iccid, Imei, Imsi, Msisdn
from tallystick.core.identities import (
    NamedActivation,
    Statement,
    Subscriber,
    attributed,
    statements_in,
)
from tallystick.core.moments import BEGINNING, Moment

DIGITS = "0123456789"
ONE, OTHER = Iccid.parse("89148000000800000001"), Iccid.parse("8914800000080000000")
IMEI = Imei.parse("352099001761481")
IMSI = Imsi.parse("295050900000011")
MSISDN = Msisdn.parse("295050900000011")


@given(st.text(DIGITS, min_size=10, max_size=15))
def test_a_subscriber_is_a_number_that_no_iccid_can_be_and_keeps_its_digits(text: str) -> None:
    by_imsi, by_msisdn = (
        Subscriber.of_imsi(Imsi.parse(text)),
        Subscriber.of_msisdn(Msisdn.parse(text)),
    )
    assert -(2**63) <= min(by_imsi, by_msisdn) <= max(by_imsi, by_msisdn) < -1
    assert (str(by_imsi), by_imsi.kind) == (text, "imsi")
    assert (str(by_msisdn), by_msisdn.kind) == (text, "msisdn")


def test_an_identity_says_one_thing_of_the_imsi_and_one_of_the_msisdn() -> None:
    both = Identity(ONE, IMSI, MSISDN, BEGINNING)
    assert list(statements_in(both)) == [
        Statement(Subscriber.of_imsi(IMSI), BEGINNING, ONE),
        Statement(Subscriber.of_msisdn(MSISDN), BEGINNING, ONE),
    ]
    assert len(list(statements_in(both._replace(imsi=None)))) == 1


def test_an_activation_belongs_to_the_sim_that_had_the_number_at_that_moment() -> None:
    subscriber = Subscriber.of_imsi(IMSI)
    seen = [NamedActivation(subscriber, Moment(at), IMEI) for at in (9, 10, 19, 20)]
    statements = [Statement(subscriber, Moment(20), OTHER), Statement(subscriber, Moment(10), ONE)]
    assert list(attributed(seen, statements).values()) == [None, ONE, ONE, OTHER]
    corrected = [*statements, Statement(subscriber, Moment(10), OTHER)]
    assert list(attributed(seen, corrected).values()) == [None, OTHER, OTHER, OTHER]
    by_msisdn = [each._replace(subscriber=Subscriber.of_msisdn(MSISDN)) for each in seen]
    assert set(attributed(by_msisdn, statements).values()) == {None}
