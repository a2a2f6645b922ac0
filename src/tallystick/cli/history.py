"""`tallystick history`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from tallystick.api.answers import hardware as hardware_answers
from tallystick.api.answers import sims as sim_answers
from tallystick.cli.output import AsJson, print_json, print_table, say
from tallystick.cli.stores import current_settings, store_of
from tallystick.core.errors import InvalidValue
from tallystick.core.identifiers import shown
from tallystick.core.selection import identifier, imei_asked_for
from tallystick.core.written_values import pasted
from tallystick.fleet import hardware, histories
from tallystick.fleet.histories import BEHIND_ALL, STAYS_A_PAGE, STAYS_A_PAGE_MAX, parse_before

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import tzinfo

    from tallystick.core.identifiers import Imei
    from tallystick.fleet.hardware import HardwarePage
    from tallystick.store import Reader

HARDWARE_COLUMNS = (
    "iccid",
    "account",
    "first_seen_at",
    "last_seen_at",
    "activations",
    "expected_from",
    "expected_until",
    "by",
)
NOBODY = (
    "no SIM is expected in this hardware, and none that is judged was seen in it; --scan also "
    "finds SIMs that were seen in it while nothing was expected of them"
)
NOBODY_AT_ALL = "no SIM is expected in this hardware, and none was seen in it"


Named = Annotated[
    str,
    typer.Argument(metavar="ICCID|MDN|IMEI", help="The SIM, its phone number, or the hardware."),
]
Before = Annotated[
    str | None,
    typer.Option(
        metavar="MOMENT", help="Stays before this moment, or before where a page has ended."
    ),
]
After = Annotated[
    str | None,
    typer.Option(metavar="PLACE", help="SIMs of hardware behind where a page has ended."),
]
AtMost = Annotated[
    int,
    typer.Option(
        min=1, max=STAYS_A_PAGE_MAX, help="Show no more stays, or SIMs of hardware, than this."
    ),
]
Everything = Annotated[
    bool, typer.Option("--all", help="Show all pages; with --json, one page a line.")
]


Scan = Annotated[
    bool,
    typer.Option(
        "--scan",
        help="Of hardware: read every activation, and so find SIMs, too, that were seen in it "
        "while nothing was expected of them.",
    ),
]


def history(
    named: Named,
    before: Before = None,
    after: After = None,
    at_most: AtMost = STAYS_A_PAGE,
    everything: Everything = False,
    scan: Scan = False,
    as_json: AsJson = False,
) -> None:
    """Show where a SIM has been, newest first, and which of its moves the report lists.

    And where it was expected meanwhile. Of an IMEI: the SIMs that were seen in that hardware and
    when, and those that are or were expected in it.
    """
    settings = current_settings()
    named = pasted(named)
    place = parse_before(before) if before else BEHIND_ALL
    with store_of(settings) as store, store.snapshot() as reader:
        if hardware.names_hardware(reader, named):
            imei = imei_asked_for(named)
            sims_max = None if everything else at_most
            pages_of_it = _pages_of_hardware(reader, imei, after, sims_max, scan=scan)
            nobody = NOBODY_AT_ALL if scan else NOBODY
            _print_hardware(pages_of_it, settings.zone, nobody, as_json=as_json)
            return
        _refuse_no_name(named)
        if everything:
            for page in histories.whole_history(reader, named, place):
                _print_pages([sim_answers.sim_history(page, settings.zone)], as_json=as_json)
            return
        pages = histories.history(reader, named, None, place, at_most)
    read = [sim_answers.sim_history(page, settings.zone) for page in pages]
    _print_pages(read, as_json=as_json)
    for each in read:
        if each["next"] and not as_json:
            say(f"SIM {each['iccid']} has older stays: --before {each['next']}", err=True)


def _refuse_no_name(named: str) -> None:
    """Refuse what can name neither a SIM nor hardware. Raises `InvalidValue`."""
    try:
        identifier(named)
    except InvalidValue as refusal:
        message = (
            f"{shown(named)} is no ICCID (89 and 16-18 digits), no MDN (10-15 digits) and no IMEI "
            "(14-16 digits)"
        )
        raise InvalidValue(message) from refusal


def _pages_of_hardware(
    reader: Reader, imei: Imei, after: str | None, sims_max: int | None, *, scan: bool
) -> Iterator[HardwarePage]:
    """The page of so many SIMs of hardware behind a place; every page where there is no number."""
    begin = hardware.parse_place(after) if after else hardware.FIRST
    also = reader.sims_activated_in(imei.identity) if scan else []
    if sims_max is None:
        return hardware.whole(reader, imei, begin, also)
    return iter([hardware.page(reader, imei, None, begin, sims_max, also)])


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


def _print_hardware(
    pages: Iterator[HardwarePage], zone: tzinfo, nobody: str, *, as_json: bool
) -> None:
    """Print pages of hardware; `nobody` is said where there is no SIM on them."""
    read = (hardware_answers.hardware_page(page, zone) for page in pages)
    if as_json:
        for page in read:
            print_json(page)
        return
    last = first = next(read)
    say(f"hardware {first.imei}, {_model(first.type)}")
    _print_sims(first)
    for last in read:
        _print_sims(last)
    if not first.sims and last is first:
        say(nobody, err=True)
    if last.next:
        say(f"hardware {first.imei} may have more SIMs: --after {last.next}", err=True)


def _print_sims(page: hardware_answers.HardwarePage) -> None:
    if page.sims:
        print_table(HARDWARE_COLUMNS, [_hardware_row(sim) for sim in page.sims])


def _model(known: hardware_answers.HardwareType) -> str:
    if known.manufacturer is None:
        return f"of a model that is not known (TAC {known.tac})"
    return f"{known.manufacturer} {known.model or ''}".strip() + f" (TAC {known.tac})"


def _hardware_row(sim: hardware_answers.HardwareSim) -> list[str]:
    """A SIM, and the newest of the expectations that allow the hardware."""
    claim = sim.expectations[0] if sim.expectations else None
    expected = ["", "", ""] if claim is None else _claim(claim)
    times = [sim.first_seen_at or "", sim.last_seen_at or "", str(sim.activations)]
    return [sim.iccid, sim.account or "(not loaded)", *times, *expected]


def _claim(claim: hardware_answers.HardwareClaim) -> list[str]:
    until = claim.until or "further notice"
    return [claim.effective_from or "the beginning", until, claim.by]
