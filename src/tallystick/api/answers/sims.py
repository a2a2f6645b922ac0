"""What SIMs and their histories read like in JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from tallystick.core.identifiers import text_or_none
from tallystick.core.moments import since, wire, wire_or_none
from tallystick.core.selection import UNASSIGNED
from tallystick.fleet import histories

if TYPE_CHECKING:
    from datetime import tzinfo

    from tallystick.core.pairing import Expectation, Pairing
    from tallystick.fleet import inventory
    from tallystick.store.devices import Device


class ListedSim(msgspec.Struct):
    """A SIM in a list; what is not known is null.

    `last_seen_at` and `last_imei` say when and where it was last seen, `expected_imei` where it is
    expected now.
    """

    iccid: str
    account: str
    group: str
    mdn: str | None
    activation_date: str | None
    generation: str
    last_seen_at: str | None
    last_imei: str | None
    expected_imei: str | None


class SimPage(msgspec.Struct):
    """Some SIMs in order of ICCID; `next` is null, or what to ask for those behind them with."""

    sims: list[ListedSim]
    next: str | None


class SimAnswer(msgspec.Struct):
    """A SIM in short. While it waits to be loaded, only its ICCID and the counts are known."""

    iccid: str
    waiting: bool
    account: str | None
    group: str | None
    mdn: str | None
    activation_date: str | None
    generation: str | None
    expectations: int
    activations: int
    mismatches: int


def sim_page(page: inventory.SimPage, zone: tzinfo) -> SimPage:
    """Some SIMs, as they read in a zone."""
    sims = [_listed_sim(sim, page, zone) for sim in page.sims]
    return SimPage(sims, sims[-1].iccid if page.has_more else None)


def _listed_sim(sim: Device, page: inventory.SimPage, zone: tzinfo) -> ListedSim:
    last = page.last_seen.get(sim.iccid)
    return ListedSim(
        iccid=str(sim.iccid),
        account=sim.account,
        group=sim.group or UNASSIGNED,
        mdn=text_or_none(sim.mdn),
        activation_date=wire_or_none(sim.activation_date, zone),
        generation=sim.generation,
        last_seen_at=None if last is None else wire(last.activated_at, zone),
        last_imei=None if last is None else str(last.imei),
        expected_imei=text_or_none(page.expected.get(sim.iccid)),
    )


def sim_answer(record: inventory.SimRecord, zone: tzinfo) -> SimAnswer:
    """A SIM, as it reads in a zone."""
    sim = record.sim
    return SimAnswer(
        iccid=str(record.iccid),
        waiting=sim is None,
        account=sim and sim.account,
        group=record.group,
        mdn=sim and text_or_none(sim.mdn),
        activation_date=sim and wire_or_none(sim.activation_date, zone),
        generation=sim and sim.generation,
        expectations=record.expectations,
        activations=record.activations,
        mismatches=record.mismatches,
    )


def sim_history(page: histories.SimHistory, zone: tzinfo) -> dict[str, Any]:
    """A page of a SIM's history, as it reads in a zone."""
    sim = page.sim
    return {
        "iccid": str(page.iccid),
        "waiting": sim is None,
        "account": sim and sim.account,
        "mdn": sim and text_or_none(sim.mdn),
        "activation_date": sim and wire_or_none(sim.activation_date, zone),
        "generation": sim and sim.generation,
        "expectations": [_expectation(put, zone) for put in page.expectations],
        "pairings": [_pairing(stay, zone) for stay in page.stays],
        "next": histories.next_of(page),
    }


def _expectation(expectation: Expectation, zone: tzinfo) -> dict[str, Any]:
    return {
        "effective_from": since(expectation.effective_from, zone),
        "imei": str(expectation.imei),
    }


def _pairing(pairing: Pairing, zone: tzinfo) -> dict[str, Any]:
    return {
        "imei": str(pairing.imei),
        "opened_at": wire(pairing.opened_at, zone),
        "last_seen_at": wire(pairing.last_seen_at, zone),
        "activations": pairing.activations,
        "expected_imei": text_or_none(pairing.expected),
        "verdict": _verdict(pairing),
    }


def _verdict(pairing: Pairing) -> str:
    """Say in one word how a stay was judged.

    `unexpected` is a stay that goes on in the same hardware, so that no new row opens.
    """
    if pairing.expected is None:
        return "unjudged"
    if pairing.reported:
        return "mismatch"
    return "unexpected" if pairing.unexpected else "expected"
