"""The inventory: what is known of a SIM, and where it has been."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tallystick.core.errors import InvalidValue, SimNotFound
from tallystick.core.identifiers import Iccid, Mdn, shown
from tallystick.core.pairing import pairings

if TYPE_CHECKING:
    from tallystick.core.facts import Sim
    from tallystick.core.pairing import Expectation, Pairing
    from tallystick.store import Reader


@dataclass(frozen=True, slots=True)
class SimHistory:
    """One SIM: its facts, and its pairings in order of time.

    `sim` is None while its other facts wait for it to be loaded; until then none of them is reported.
    """

    iccid: Iccid
    sim: Sim | None
    expectations: list[Expectation]
    pairings: list[Pairing]


def history(reader: Reader, iccid_or_mdn: str) -> list[SimHistory]:
    """The SIM with this ICCID, or every SIM with this MDN. Raises `InvalidValue` or `SimNotFound`."""
    found = [_history(reader, iccid) for iccid in _iccids(reader, iccid_or_mdn)]
    known = [each for each in found if each.sim or each.expectations or each.pairings]
    if not known:
        message = f"there is no SIM with the ICCID or MDN {shown(iccid_or_mdn)}"
        raise SimNotFound(message)
    return known


def _iccids(reader: Reader, iccid_or_mdn: str) -> list[Iccid]:
    """The lengths tell the two apart: an ICCID has at least 18 digits, an MDN at most 15."""
    if len(iccid_or_mdn) <= Mdn.LENGTH_MAX:
        try:
            return reader.iccids_of([Mdn.parse(iccid_or_mdn)])
        except InvalidValue as refusal:
            message = f"neither an ICCID nor an MDN: {refusal}"
            raise InvalidValue(message) from refusal
    return [Iccid.parse(iccid_or_mdn)]


def _history(reader: Reader, iccid: Iccid) -> SimHistory:
    expectations = reader.expectations_of(iccid)
    stays = pairings(reader.activations_of(iccid), expectations)
    return SimHistory(iccid, reader.sim(iccid), expectations, stays)
