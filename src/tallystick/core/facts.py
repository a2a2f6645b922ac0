"""The facts that are taken in, as plain values in the order of their columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from tallystick.core.allowed import Allowed
    from tallystick.core.identifiers import Iccid, Imei, Imsi, Mdn, Msisdn, Tac
    from tallystick.core.identities import Subscriber
    from tallystick.core.moments import Moment

GENERATION_DEFAULT = "4G"


class Sim(NamedTuple):
    """A subscription in the device database; keyed by ICCID."""

    iccid: Iccid
    mdn: Mdn | None
    account: str
    activation_date: Moment | None  # when it was last activated, where known
    generation: str


class SimExpectation(NamedTuple):
    """From `effective_from` on, this SIM belongs in this hardware; keyed by both."""

    iccid: Iccid
    effective_from: Moment
    imei: Imei | Allowed


class SimActivation(NamedTuple):
    """The network saw this SIM in this hardware at this moment; the whole of it is the key.

    A network may name the SIM by its IMSI or MSISDN; which SIM that is follows from identities.
    """

    iccid: Iccid | Subscriber
    activated_at: Moment
    imei: Imei


class Identity(NamedTuple):
    """From `valid_from` on, this SIM has this IMSI, this MSISDN, or both.

    It is one statement about the IMSI and one about the MSISDN; each is keyed by the number and
    `valid_from`.
    """

    iccid: Iccid
    imsi: Imsi | None
    msisdn: Msisdn | None
    valid_from: Moment


class GroupMember(NamedTuple):
    """This SIM is in this group of this account; keyed by account and ICCID."""

    account: str
    group: str
    iccid: Iccid


class HardwareType(NamedTuple):
    """Who makes the hardware whose IMEIs begin with this TAC, and as what; keyed by TAC."""

    tac: Tac
    manufacturer: str
    model: str  # empty where it is not known


class MismatchRow(NamedTuple):
    """One row of the report, before it is put on the wire."""

    account: str
    mdn: Mdn | None
    activation_date: Moment | None
    iccid: Iccid
    pre_imei: Imei | None
    post_imei: Imei
    activated_at: Moment
