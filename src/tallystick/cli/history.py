"""`tallystick history`."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from tallystick.api import answers
from tallystick.cli.shared import AsJson, current_settings, print_json, print_table, say, store_of
from tallystick.fleet import inventory


def history(
    iccid_or_mdn: Annotated[
        str, typer.Argument(metavar="ICCID|MDN", help="The SIM, or its phone number.")
    ],
    as_json: AsJson = False,
) -> None:
    """Show where a SIM has been, where it was expected, and which of its moves the report lists."""
    settings = current_settings()
    with store_of(settings) as store, store.snapshot() as reader:
        found = [
            answers.sim_history(each, settings.zone)
            for each in inventory.history(reader, iccid_or_mdn)
        ]
    if as_json:
        print_json({"sims": found})
    else:
        for sim in found:
            _print(sim)


def _print(sim: dict[str, Any]) -> None:
    if sim["waiting"]:
        say(f"SIM {sim['iccid']} is not loaded yet: what is known of it waits, and is not reported")
    else:
        number = f", number {sim['mdn']}" if sim["mdn"] else ""
        say(
            f"SIM {sim['iccid']}{number}, {sim['generation']}, of account {sim['account']}, "
            f"last activated {sim['activation_date']}"
        )
    for each in sim["expectations"]:
        say(f"expected in {each['imei']} from {each['effective_from'] or 'the beginning'}")
    names = ("opened_at", "last_seen_at", "activations", "imei", "expected_imei", "verdict")
    if sim["pairings"]:
        print_table(names, [[str(each[name] or "") for name in names] for each in sim["pairings"]])
