"""What hardware and its SIMs read like in JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from tallystick.core.moments import since, wire, wire_or_none
from tallystick.fleet import hardware

if TYPE_CHECKING:
    from datetime import tzinfo


class HardwareClaim(msgspec.Struct):
    """An expectation that allows the hardware; `until` is null while no other came after it.

    `effective_from` null is from the beginning. `by` says what names the hardware: `imei`, `tac`
    for its model, or `list` for a value of several.
    """

    effective_from: str | None
    until: str | None
    imei: str
    by: str


class HardwareSim(msgspec.Struct):
    """A SIM of hardware: when it was seen there, and the newest expectations that allow it.

    The times are null and `activations` is 0 where it was never seen there; `account` is null while
    it waits to be loaded.
    """

    iccid: str
    account: str | None
    first_seen_at: str | None
    last_seen_at: str | None
    activations: int
    expectations: list[HardwareClaim]


class HardwareType(msgspec.Struct):
    """Who makes the hardware, and as what; both are null where its TAC is not known."""

    tac: str
    manufacturer: str | None
    model: str | None


class HardwarePage(msgspec.Struct):
    """Some SIMs of hardware, the one that was seen last first.

    `next` is null, or what to ask for the others with. `is_cut` is whether there may be SIMs that
    were not looked at, because so many of other accounts show this number.
    """

    imei: str
    type: HardwareType
    sims: list[HardwareSim]
    next: str | None
    is_cut: bool


def hardware_page(page: hardware.HardwarePage, zone: tzinfo) -> HardwarePage:
    """Some SIMs of hardware, as they read in a zone."""
    known = page.type
    return HardwarePage(
        str(page.imei),
        HardwareType(
            str(page.imei.tac), known and known.manufacturer, (known and known.model) or None
        ),
        [_hardware_sim(sim, zone) for sim in page.sims],
        page.next_page and hardware.place_text(page.next_page),
        page.is_cut,
    )


def _hardware_sim(sim: hardware.HardwareSim, zone: tzinfo) -> HardwareSim:
    times = sim.times
    return HardwareSim(
        str(sim.iccid),
        sim.account,
        times and wire(times.first_seen_at, zone),
        times and wire(times.last_seen_at, zone),
        times.activations if times else 0,
        [
            HardwareClaim(
                since(claim.effective_from, zone),
                wire_or_none(claim.until, zone),
                claim.imei,
                claim.by,
            )
            for claim in sim.claims
        ],
    )
