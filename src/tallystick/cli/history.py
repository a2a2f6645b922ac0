"""`tallystick history`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from tallystick import inventory
from tallystick.cli.shared import AsJson, current_settings, print_json, print_table, store_of
from tallystick.core.moments import BEGINNING, Moment, wire

if TYPE_CHECKING:
    from datetime import tzinfo

    from tallystick.core.pairing import Pairing
    from tallystick.inventory import SimHistory


def history(
    iccid_or_mdn: Annotated[str, typer.Argument(metavar="ICCID|MDN", help="The SIM, or its phone number.")],
    as_json: AsJson = False,
) -> None:
    """Show where a SIM has been, where it was expected, and which of its moves the report lists."""
    settings = current_settings()
    with store_of(settings) as store, store.snapshot() as reader:
        found = [_described(each, settings.zone) for each in inventory.history(reader, iccid_or_mdn)]
    if as_json:
        print_json({"sims": found})
    else:
        for sim in found:
            _print(sim)


def _described(found: SimHistory, zone: tzinfo) -> dict[str, Any]:
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


def _print(sim: dict[str, Any]) -> None:
    if sim["waiting"]:
        typer.echo(f"SIM {sim['iccid']} is not loaded yet: what is known of it waits, and is not reported")
    else:
        number = f", number {sim['mdn']}" if sim["mdn"] else ""
        typer.echo(
            f"SIM {sim['iccid']}{number}, {sim['generation']}, of account {sim['account']}, "
            f"last activated {sim['activation_date']}"
        )
    for each in sim["expectations"]:
        typer.echo(f"expected in {each['imei']} from {each['effective_from'] or 'the beginning'}")
    names = ("opened_at", "last_seen_at", "activations", "imei", "expected_imei", "verdict")
    if sim["pairings"]:
        print_table(names, [[str(each[name] or "") for name in names] for each in sim["pairings"]])
