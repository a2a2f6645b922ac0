"""`tallystick imports`: list, show and rejects."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from tallystick.api.answers import imports as answers
from tallystick.cli.command import Command, ExportCommand
from tallystick.cli.output import AsJson, print_json, print_table, say, writing
from tallystick.cli.stores import current_settings, store_of
from tallystick.clock import system_clock
from tallystick.core.imports import doubts_in
from tallystick.core.ledger import BEHIND_ALL
from tallystick.intake import listed, listed_one, rejects_of

COUNTS = ("read", "accepted", "duplicate", "rejected")
COLUMNS = ("id", "state", "kind", "file", "actor", "begun_at")

commands = typer.Typer(
    help="Files that were taken in, by whom, and what became of their lines.",
    no_args_is_help=True,
)
Number = Annotated[
    int, typer.Argument(metavar="ID", min=1, help="The import, as `imports list` numbers it.")
]


@commands.command("list", cls=Command)
def list_(
    before: Annotated[
        int, typer.Option(min=1, max=BEHIND_ALL, help="Imports before this one.")
    ] = BEHIND_ALL,
    at_most: Annotated[int, typer.Option(min=1, help="Show no more than so many.")] = 20,
    as_json: AsJson = False,
) -> None:
    """List imports of files, the last first, those that are under way among them."""
    settings = current_settings()
    with store_of(settings) as store, store.snapshot() as reader:
        records = listed(reader, before, at_most, system_clock())
    answered = [answers.import_answer(each, settings.zone) for each in records]
    if as_json:
        print_json({"imports": answered})
        return
    print_table((*COLUMNS, *COUNTS, "doubts"), [_row(each) for each in answered])


def _row(answer: dict[str, Any]) -> list[str]:
    """An import as the table has it; an import without a receipt has no counts."""
    receipt = answer["receipt"]
    counts = [f"{receipt[name]:,}" if receipt else "" for name in COUNTS]
    doubts = doubts_in(receipt)
    return [str(answer[name]) for name in COLUMNS] + counts + [f"{doubts:,}" if doubts else ""]


@commands.command(cls=Command)
def show(number: Number, as_json: AsJson = False) -> None:
    """Show how far an import is, or its receipt."""
    settings = current_settings()
    with store_of(settings) as store, store.snapshot() as reader:
        record = listed_one(reader, number, system_clock())
    answer = answers.import_answer(record, settings.zone)
    if as_json:
        print_json(answer)
        return
    for name, value in answer.items():
        if name != "receipt" and value not in (None, ""):
            say(f"{name}: {value}")
    for name, value in (answer["receipt"] or {}).items():
        if value and not isinstance(value, list | dict):
            say(f"{name}: {value}")
    for reject in (answer["receipt"] or {}).get("rejects", ()):
        say(f"line {reject['line']}: {reject['reason']}")
    for doubt, said in (answer["receipt"] or {}).get("doubts", {}).items():
        say(f"doubt: {doubt}: {said['count']:,}: {said['advice']}")


@commands.command(cls=ExportCommand)
def rejects(
    number: Number,
    output: Annotated[Path | None, typer.Option(help="Write to this file.")] = None,
) -> None:
    """Write the refused lines that are kept of an import as CSV, which can be corrected."""
    with store_of(current_settings()) as store, store.snapshot() as reader:
        text = rejects_of(reader, number, system_clock())
    with writing(output) as file:
        file.write(text)
