"""`tallystick corrections summary` and `corrections export`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tallystick.cli.command import Command, ExportCommand
from tallystick.cli.output import AsJson, print_json, print_table, say, writing
from tallystick.cli.scope import Accounts, Earliest, Latest, every_account, span_named
from tallystick.cli.stores import current_settings, store_of
from tallystick.core.allowed import NOWHERE, WORD_OF
from tallystick.core.counted import counted
from tallystick.core.facts import SimExpectation
from tallystick.report.answer import Question
from tallystick.report.corrections import (
    NO_HARDWARE,
    By,
    as_csv,
    as_ndjson,
    as_parquet,
    exported,
    file_stem,
)
from tallystick.report.corrections import summary as summary_of

if TYPE_CHECKING:
    from tallystick.report.corrections import Counted, Exported, Hardware

commands = typer.Typer(
    help="Corrections: whom to tell of mismatches, and what.", no_args_is_help=True
)

UNKNOWN = "unknown"  # the file of SIMs in hardware of types that are not known


class CorrectionsFormat(StrEnum):
    """How files are written; each is the suffix of their names."""

    CSV = "csv"
    NDJSON = "ndjson"
    PARQUET = "parquet"


WRITERS: dict[CorrectionsFormat, Callable[[Sequence[SimExpectation]], bytes]] = {
    CorrectionsFormat.CSV: as_csv,
    CorrectionsFormat.NDJSON: as_ndjson,
    CorrectionsFormat.PARQUET: as_parquet,
}


@commands.command(cls=Command)
def summary(
    earliest: Earliest = None,
    latest: Latest = None,
    account: Accounts = None,
    by: Annotated[By, typer.Option(help="What to count by.")] = By.MANUFACTURER,
    as_json: AsJson = False,
) -> None:
    """Count mismatches by the hardware that SIMs were seen in and expected in."""
    settings = current_settings()
    question = Question(span_named(earliest, latest), tuple(account or ()))
    with store_of(settings) as store, store.snapshot() as reader:
        counts = summary_of(reader, every_account(reader), question, settings.generations, by)
    if as_json:
        print_json({"rows": [_described(each) for each in counts]})
        return
    if counts:
        columns = ("seen_in", "expected_in", "mismatches", "sims")
        print_table(
            columns,
            [(_named(c.seen), _named(c.expected), f"{c.mismatches}", f"{c.sims}") for c in counts],
        )
    mismatches = sum(each.mismatches for each in counts)
    say(counted(mismatches, "mismatch", "mismatches"), err=True)


def _described(counted: Counted) -> dict[str, Any]:
    return counted._asdict() | {"seen": _known(counted.seen), "expected": _known(counted.expected)}


def _known(hardware: Hardware) -> dict[str, str | None]:
    return {
        name: None if value is None else str(value) for name, value in hardware._asdict().items()
    }


def _named(hardware: Hardware) -> str:
    if hardware == NO_HARDWARE:
        return WORD_OF[NOWHERE]
    if hardware.manufacturer is None:
        return f"{UNKNOWN} (TAC {hardware.tac})"
    return " ".join(filter(None, (hardware.manufacturer, hardware.model)))


@commands.command(cls=ExportCommand)
def export(
    manufacturer: Annotated[
        str | None, typer.Option(help="Of SIMs seen in hardware of this manufacturer.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option(help="The file: .csv, .ndjson or .parquet.")
    ] = None,
    all_: Annotated[
        bool, typer.Option("--all", help="A file for each manufacturer instead.")
    ] = False,
    dir_: Annotated[
        Path | None, typer.Option("--dir", file_okay=False, help="The folder of these files.")
    ] = None,
    format_: Annotated[
        CorrectionsFormat | None,
        typer.Option("--format", help="How these files are written; as CSV if nothing is named."),
    ] = None,
    earliest: Earliest = None,
    latest: Latest = None,
    account: Accounts = None,
    as_json: AsJson = False,
) -> None:
    """Write what the network saw as expectations, to review and to `import expectations`."""
    _require_one_way(manufacturer, output, dir_, all_=all_)
    if output and format_:
        message = "goes with --all; the name of --output says how that file is written"
        raise typer.BadParameter(message, param_hint="--format")
    form = _form_of(output) if output else format_ or CorrectionsFormat.CSV
    settings = current_settings()
    question = Question(span_named(earliest, latest), tuple(account or ()))
    with store_of(settings) as store, store.snapshot() as reader:
        exports = exported(
            reader, every_account(reader), question, settings.generations, manufacturer
        )
    if dir_:
        dir_.mkdir(parents=True, exist_ok=True)
    files = []
    for maker, path in _paths(exports, form, output, dir_):
        with writing(path) as file:
            file.write(WRITERS[form](exports[maker].facts))
        if not as_json:
            _print_file(maker, path, exports[maker])
        files.append(_described_file(maker, path, exports[maker]))
    if as_json:
        print_json({"files": files})


def _require_one_way(
    manufacturer: str | None, output: Path | None, folder: Path | None, *, all_: bool
) -> None:
    one, every = bool(manufacturer and output), bool(all_ and folder)
    if one == every or bool(manufacturer or output) == bool(all_ or folder):
        message = "name either --manufacturer and --output, or --all and --dir"
        raise typer.BadParameter(message)


def _form_of(output: Path) -> CorrectionsFormat:
    suffix = output.suffix.removeprefix(".").lower()
    if suffix not in list(CorrectionsFormat):
        suffixes = ", ".join(f".{suffix}" for suffix in CorrectionsFormat)
        message = f"the name must end in one of {suffixes}, not {output.name}"
        raise typer.BadParameter(message, param_hint="--output")
    return CorrectionsFormat(suffix)


def _paths(
    makers: dict[str | None, Exported],
    form: CorrectionsFormat,
    output: Path | None,
    folder: Path | None,
) -> Iterator[tuple[str | None, Path]]:
    """The file of each manufacturer: the one named, or one in the folder, named after them."""
    taken: set[str] = set()
    for maker in sorted(makers, key=lambda name: (name is not None, name or "")):
        stem = UNKNOWN if maker is None else file_stem(maker)
        while stem in taken:
            stem += "-more"
        taken.add(stem)
        yield maker, output or (folder or Path()) / f"{stem}.{form}"


def _print_file(maker: str | None, path: Path, export: Exported) -> None:
    say(
        f"{maker or UNKNOWN}: {counted(len(export.facts), 'correction', 'corrections')} of "
        f"{counted(export.sims, 'SIM', 'SIMs')} in {path}; left out: "
        f"{export.moved_back:,} that are expected where they are by now, "
        f"{export.moved_on:,} in other hardware by now"
    )


def _described_file(maker: str | None, path: Path, export: Exported) -> dict[str, Any]:
    return {
        "manufacturer": maker,
        "path": str(path),
        "corrections": len(export.facts),
        "sims": export.sims,
        "moved_back": export.moved_back,
        "moved_on": export.moved_on,
    }
