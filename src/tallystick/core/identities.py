"""Identities: which SIM an activation belongs to that names it by its IMSI or MSISDN.

A network names SIMs by IMSI or MSISDN. From a moment on such a number is one SIM's, until it is
another's: `attributed` says which SIM had it at the moment of an activation. Its answer depends on
the two sets alone, whatever the order in which they came.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple, Self

from tallystick.core.identifiers import Iccid, Imsi, Msisdn, masked

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tallystick.core.facts import Identity
    from tallystick.core.identifiers import Imei
    from tallystick.core.moments import Moment


class Subscriber(int):
    """What a network calls a SIM: an IMSI or an MSISDN, as one integer below -1.

    An ICCID is never negative, so that one column holds either:

        an IMSI      -2 - 2 * its compact integer
        an MSISDN    -3 - 2 * its compact integer
    """

    IMSI_MAX = -2
    MSISDN_MAX = -3

    @classmethod
    def of_imsi(cls, imsi: int) -> Self:
        """The subscriber that has an IMSI."""
        return cls(cls.IMSI_MAX - 2 * imsi)

    @classmethod
    def of_msisdn(cls, msisdn: int) -> Self:
        """The subscriber that has an MSISDN."""
        return cls(cls.MSISDN_MAX - 2 * msisdn)

    @property
    def kind(self) -> Literal["imsi", "msisdn"]:
        """Which of the two it is."""
        return "msisdn" if self % 2 else "imsi"

    def __str__(self) -> str:
        """The digits, as they were given."""
        if self.kind == "imsi":
            return Imsi.digits((self.IMSI_MAX - int(self)) // 2)
        return Msisdn.digits((self.MSISDN_MAX - int(self)) // 2)

    @property
    def imsi(self) -> str | None:
        """The digits, if it is an IMSI."""
        return str(self) if self.kind == "imsi" else None

    @property
    def msisdn(self) -> str | None:
        """The digits, if it is an MSISDN."""
        return str(self) if self.kind == "msisdn" else None

    @property
    def masked(self) -> str:
        """The digits in part, for logs and for people."""
        return masked(str(self))


class Statement(NamedTuple):
    """From `valid_from` on, this SIM has this IMSI or MSISDN; keyed by the other two."""

    subscriber: Subscriber
    valid_from: Moment
    iccid: Iccid


class NamedActivation(NamedTuple):
    """The network saw the SIM that has this IMSI or MSISDN in this hardware at this moment."""

    subscriber: Subscriber
    activated_at: Moment
    imei: Imei


def statements_in(identity: Identity) -> Iterator[Statement]:
    """What an identity says: of its IMSI, and of its MSISDN."""
    iccid, imsi, msisdn, valid_from = identity
    if imsi is not None:
        yield Statement(Subscriber.of_imsi(imsi), valid_from, iccid)
    if msisdn is not None:
        yield Statement(Subscriber.of_msisdn(msisdn), valid_from, iccid)


def attributed(
    activations: Iterable[NamedActivation], statements: Iterable[Statement]
) -> dict[NamedActivation, Iccid | None]:
    """Give the SIM that each activation belongs to, None for one that waits for its identity.

    Of several statements with one key the last one counts.
    """
    by_key = {
        (statement.subscriber, statement.valid_from): statement.iccid for statement in statements
    }
    owners: dict[NamedActivation, Iccid | None] = {}
    for activation in activations:
        moments = [
            valid_from
            for subscriber, valid_from in by_key
            if subscriber == activation.subscriber and valid_from <= activation.activated_at
        ]
        owners[activation] = by_key[activation.subscriber, max(moments)] if moments else None
    return owners
