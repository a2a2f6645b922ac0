"""`tallystick history`."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from tallystick.api import answers
from tallystick.cli.shared import AsJson, current_settings, print_json, print_table, say, store_of
from tallystick.fleet import histories
from tallystick.fleet.histories import BEHIND_ALL, STAYS_A_PAGE, STAYS_A_PAGE_MAX, parse_before


def history(
    iccid_or_mdn: Annotated[
        str, typer.Argument(metavar="ICCID|MDN", help="The SIM, or its phone number.")
    ],
    before: Annotated[
        str | None,
        typer.Option(
            metavar="MOMENT", help="Stays before this moment, or before where a page has ended."
        ),
    ] = None,
    at_most: Annotated[
        int, typer.Option(min=1, max=STAYS_A_PAGE_MAX, help="Show no more stays than this.")
    ] = STAYS_A_PAGE,
    everything: Annotated[
        bool, typer.Option("--all", help="Show all pages; with --json, one page a line.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show where a SIM has been, newest first, and which of its moves the report lists.

    And where it was expected meanwhile.
    """
    settings = current_settings()
    place = parse_before(before) if before else BEHIND_ALL
    with store_of(settings) as store, store.snapshot() as reader:
        if everything:
            for page in histories.whole_history(reader, iccid_or_mdn, place):
                _print_pages([answers.sim_history(page, settings.zone)], as_json=as_json)
            return
        pages = histories.history(reader, iccid_or_mdn, None, place, at_most)
    read = [answers.sim_history(page, settings.zone) for page in pages]
    _print_pages(read, as_json=as_json)
    for each in read:
        if each["next"] and not as_json:
            say(f"SIM {each['iccid']} has older stays: --before {each['next']}", err=True)


def _print_pages(pages: list[dict[str, Any]], *, as_json: bool) -> None:
    if as_json:
        print_json({"sims": pages})
        return
    for page in pages:
        _print(page)


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
