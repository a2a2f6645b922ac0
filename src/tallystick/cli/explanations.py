"""`tallystick explanations`: mismatches that need no correction, and why."""

from __future__ import annotations

from typing import Annotated

import msgspec
import typer

from tallystick.api.answers import explanations as answers
from tallystick.cli.command import Command, RecordedCommand
from tallystick.cli.ledger import Actor, actor_of
from tallystick.cli.output import AsJson, print_done, print_json, print_table
from tallystick.cli.scope import every_account
from tallystick.cli.stores import current_settings, store_of
from tallystick.clock import system_clock
from tallystick.core.explanations import note_of
from tallystick.core.identifiers import Iccid
from tallystick.core.moments import exact, moment_of, parse_named
from tallystick.fleet import explanations

COLUMNS = (
    "activated_at",
    "imei",
    "explained_by",
    "explained_at",
    "ticket",
    "note",
    "until",
    "ended_by",
    "ended_at",
)

commands = typer.Typer(
    help="Mismatches that need no correction: say why, take it back, list what was said.",
    no_args_is_help=True,
)

Sim = Annotated[str, typer.Argument(metavar="ICCID", help="The SIM of the mismatch.")]
SeenIn = Annotated[
    str, typer.Option("--imei", metavar="IMEI", help="The hardware that the SIM was seen in.")
]
SeenAt = Annotated[str, typer.Option("--at", metavar="MOMENT", help="When, as the report has it.")]


@commands.command(cls=RecordedCommand)
def add(
    iccid: Sim,
    imei: SeenIn,
    seen_at: SeenAt,
    ticket: Annotated[str, typer.Option(help="The ticket it rests on.", show_default=False)] = "",
    note: Annotated[str, typer.Option(help="What explains it.", show_default=False)] = "",
    until: Annotated[
        str | None,
        typer.Option(
            metavar="MOMENT",
            help="It holds until this moment; until the SIM is seen there again if absent.",
        ),
    ] = None,
    actor: Actor = None,
    as_json: AsJson = False,
) -> None:
    """Explain a mismatch, in the place of what was said of it before."""
    said = note_of(actor_of(actor), system_clock(), ticket, note)
    key = explanations.key_named(iccid, imei, seen_at)
    holds_until = None if until is None else moment_of(parse_named("--until", until))
    with (
        store_of(current_settings()) as store,
        store.transaction(sims=explanations.sims_of([key])) as writer,
    ):
        visible = every_account(writer)
        count = explanations.explain(writer, [key], visible, said, holds_until)
    how_long = "it is seen there again" if holds_until is None else exact(holds_until)
    message = f"the mismatch of SIM {iccid} is explained until {how_long}"
    print_done(message, {"explained": count}, as_json=as_json)


@commands.command(cls=RecordedCommand)
def end(
    iccid: Sim, imei: SeenIn, seen_at: SeenAt, actor: Actor = None, as_json: AsJson = False
) -> None:
    """Take back what was said of a mismatch; it stays on record."""
    key, by = explanations.key_named(iccid, imei, seen_at), actor_of(actor)
    with (
        store_of(current_settings()) as store,
        store.transaction(sims=explanations.sims_of([key])) as writer,
    ):
        count = explanations.take_back(writer, [key], every_account(writer), by, system_clock())
    message = (
        f"the mismatch of SIM {iccid} is not explained any more"
        if count
        else f"nothing was said of this mismatch of SIM {iccid}, or it was taken back"
    )
    print_done(message, {"ended": count}, as_json=as_json)


@commands.command("list", cls=Command)
def list_(
    iccid: Annotated[str, typer.Argument(metavar="ICCID", help="The SIM.")], as_json: AsJson = False
) -> None:
    """List what was ever said of a SIM's mismatches, ended or not."""
    settings = current_settings()
    with store_of(settings) as store, store.snapshot() as reader:
        kept = explanations.said_of_sim(reader, Iccid.parse(iccid), None)
    answer = answers.explanation_list(kept, settings.zone)
    if as_json:
        print_json(answer)
        return
    rows = [msgspec.to_builtins(each) for each in answer.explanations]
    print_table(COLUMNS, [[row[name] or "" for name in COLUMNS] for row in rows])
