"""How files are to be read, as `tallystick import` is asked, and how it tells how they were."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from typing import TYPE_CHECKING, Literal

import msgspec
import typer

from tallystick.cli.shared import counted, current_settings, print_json, say, store_of
from tallystick.clock import system_clock
from tallystick.core.errors import FileRefused, Refusal
from tallystick.core.identifiers import printable
from tallystick.intake import ANY, KINDS, KindName, Mapping, checked, mapping_of, preview_file

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tallystick.intake import Notes, Preview

CheckDigitChoice = Literal["add", "strip", "keep"]
PASSED_OVER_SHOWN_MAX = 12
ENCODING_USUAL = "utf-8"


def mapping_asked(
    kind: KindName,
    name: str | None,
    columns: str | None,
    zone: str | None,
    time_formats: Sequence[str],
    sheet: str | None,
    check_digit: CheckDigitChoice | None,
    account: str | None,
) -> Mapping:
    """The mapping that the options name, with what the others say in its place.

    Raises wrong usage.
    """
    said = {
        "names": tuple(each.strip() for each in columns.split(",")) if columns else None,
        "zone": zone,
        "time_formats": tuple(time_formats) or None,
        "sheet": sheet,
        "check_digit": check_digit,
        "account": account,
    }
    changes = {field: value for field, value in said.items() if value is not None}
    try:
        mapping = ANY if name is None else mapping_of(name)
        mapping = checked(msgspec.structs.replace(mapping, **changes))
    except Refusal as refusal:
        hint = "--map, --zone, --time-format or --account"
        raise typer.BadParameter(refusal.message, param_hint=hint) from refusal
    if account is not None and "account" not in KINDS[kind].column_names:
        message = "goes with sims and groups only; other facts are of the account of their SIM"
        raise typer.BadParameter(message, param_hint="--account")
    if mapping.kinds and kind not in mapping.kinds:
        message = f"{name} is of {' and '.join(mapping.kinds)}, not of {kind}"
        raise typer.BadParameter(message, param_hint="--map")
    return mapping


def notes_lines(notes: Notes) -> Iterator[str]:
    """What is worth saying about how a file was read, for people; nothing of a plain one."""
    if notes.encoding != ENCODING_USUAL:
        yield f"  encoding: {notes.encoding}"
    if notes.read_as:
        pairs = (f"{name} as {column}" for column, name in notes.read_as.items())
        yield f"  read: {printable(', '.join(pairs))}"
    if notes.passed_over:
        shown = [name[:64] for name in notes.passed_over[:PASSED_OVER_SHOWN_MAX]]
        more = len(notes.passed_over) - len(shown)
        rest = f" and {more} more" if more else ""
        yield f"  columns passed over: {printable(', '.join(shown))}{rest}"
    yield from (f"  note: {printable(hint)}" for hint in notes.hints)
    if notes.left_out:
        rows = counted(notes.left_out, "row", "rows")
        yield f"  {rows} left out, which the mapping does not keep"


def print_previews(
    kind: KindName, paths: Sequence[str], mapping: Mapping, *, as_json: bool
) -> None:
    """Show how files would be read. Raises `Exit` where one cannot be."""
    previews: dict[str, Preview] = {}
    refused: dict[str, FileRefused] = {}
    with store_of(current_settings()) as store:
        for path in paths:
            try:
                with nullcontext() if store.is_empty() else store.snapshot() as reader:
                    previews[path] = preview_file(kind, path, mapping, system_clock(), reader)
            except FileRefused as refusal:
                refused[path] = refusal
    if as_json:
        files = {printable(path): preview.described() for path, preview in previews.items()}
        errors = {
            printable(path): {"error": {"code": refusal.code, "message": refusal.message}}
            for path, refusal in refused.items()
        }
        print_json({"files": files | errors})
    else:
        for path, preview in previews.items():
            for line in _preview_lines(path, preview):
                say(line)
        for each in refused.values():
            say(f"error: {each.message}", err=True)
    sys.stdout.flush()
    if refused:
        raise typer.Exit(1)


def _preview_lines(path: str, preview: Preview) -> Iterator[str]:
    notes = preview.notes
    separator = f", {notes.separator!r} between values" if notes.separator else ""
    header = f", columns named in line {notes.header}" if notes.header else ""
    yield f"{printable(path)}: {notes.encoding}{separator}{header}; nothing is taken in"
    yield from (line for line in notes_lines(notes) if not line.startswith("  encoding"))
    for fact in preview.facts:
        values = (f"{column}={value}" for column, value in fact.items() if value)
        yield f"  {printable(' '.join(values))}"
    for reject in preview.rejects:
        yield f"  line {reject.line} is refused: {printable(reject.reason)}"
    for sentence in preview.doubts.sentences():
        yield f"  doubtful among the first {preview.lines:,} lines: {sentence}"
