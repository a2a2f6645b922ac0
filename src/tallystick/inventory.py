"""The inventory: what is known of a SIM, and where it has been."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tallystick.core.errors import InvalidValue, SimNotFound
from tallystick.core.identifiers import Iccid, Mdn, shown
from tallystick.core.moments import BEGINNING, Moment, wire
from tallystick.core.pairing import FirstUse, pairings, with_first_use

if TYPE_CHECKING:
    from datetime import tzinfo

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
    sim, activations, expectations = reader.sim(iccid), reader.activations_of(iccid), reader.expectations_of(iccid)
    first_use = reader.first_uses()[sim.account] if sim else FirstUse.OFF
    stays = pairings(activations, with_first_use(activations, expectations, first_use))
    return SimHistory(iccid, sim, expectations, stays)


def described(found: SimHistory, zone: tzinfo) -> dict[str, Any]:
    """A history as plain values under our own names, with times printed in a zone."""
    sim = found.sim
    return {
        "iccid": str(found.iccid),
        "waiting": sim is None,
        "account": sim and sim.account,
        "mdn": str(sim.mdn) if sim and sim.mdn is not None else None,
        "activation_date": sim and wire(sim.activation_date, zone),
        "generation": sim and sim.generation,
        "expectations": [
            {"effective_from": _since(each.effective_from, zone), "imei": str(each.imei)} for each in found.expectations
        ],
        "pairings": [
            {
                "imei": str(each.imei),
                "opened_at": wire(each.opened_at, zone),
                "last_seen_at": wire(each.last_seen_at, zone),
                "activations": each.activations,
                "expected_imei": None if each.expected is None else str(each.expected),
                "verdict": _verdict(each),
            }
            for each in found.pairings
        ],
    }


def _since(moment: Moment, zone: tzinfo) -> str | None:
    return None if moment == BEGINNING else wire(moment, zone)


def _verdict(pairing: Pairing) -> str:
    """One word; `unexpected` is a stay that goes on in the same hardware, so that no new row opens."""
    if pairing.expected is None:
        return "unjudged"
    if pairing.reported:
        return "mismatch"
    return "unexpected" if pairing.unexpected else "expected"
