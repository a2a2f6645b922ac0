"""How `tallystick import` tells what it has read and done, for people and for programs."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from tallystick.cli.output import print_json, say
from tallystick.core.counted import counted
from tallystick.core.errors import FileRefused
from tallystick.core.identifiers import printable
from tallystick.intake import WORDINGS, Notes, Preview, Receipt

UNATTRIBUTED = (
    "name a SIM by an IMSI or MSISDN that no identity tells of at that moment, and wait: import "
    "the identities, or see `tallystick coverage --list unattributed`"
)
PASSED_OVER_SHOWN_MAX = 12
ENCODING_USUAL = "utf-8"


class Done(NamedTuple):
    """What became of a file: its receipt, all of it for programs, and more lines for people."""

    receipt: Receipt
    described: dict[str, Any]
    lines: Sequence[str] = ()


def print_file(path: str, done: Done) -> None:
    """Tell of one file: its counts, its first rejects, and what to look at."""
    receipt = done.receipt
    _print_counts(path, receipt)
    if receipt.notes:
        for line in _notes_lines(receipt.notes):
            say(line)
    for line in done.lines:
        say(line)
    for reject in receipt.rejects:
        say(f"{path}:{reject.line}: {reject.reason}", err=True)
    if receipt.rejected > len(receipt.rejects):
        say(
            f"{path}: and {receipt.rejected - len(receipt.rejects):,} more rejected lines", err=True
        )
    for sentence in receipt.doubts.sentences():
        say(f"doubt: {path}: {sentence}", err=True)
    if receipt.unattributed:
        say(
            f"warning: {path}: {receipt.unattributed:,} activations {UNATTRIBUTED}",
            err=True,
        )


def print_end(
    done: Mapping[str, Done],
    total: Receipt,
    refused: Mapping[str, FileRefused],
    *,
    as_json: bool,
) -> None:
    """Tell of all files together, for programs of each of them, and of those that were refused."""
    if as_json:
        files = {printable(path): each.described for path, each in done.items()}
        print_json(total.described() | {"files": files | _refusals(refused)})
        return
    if len(done) > 1:
        _print_counts("in all", total)
    _say_refused(refused)
    sys.stdout.flush()


def _refusals(refused: Mapping[str, FileRefused]) -> dict[str, Any]:
    """Why files cannot be read, for programs."""
    return {
        printable(path): {"error": {"code": refusal.code, "message": printable(refusal.message)}}
        for path, refusal in refused.items()
    }


def _say_refused(refused: Mapping[str, FileRefused]) -> None:
    for refusal in refused.values():
        say(f"error: {refusal.message}", err=True)


def _print_counts(name: str, receipt: Receipt) -> None:
    counts = (
        f"{receipt.accepted:,} accepted, {receipt.duplicate:,} duplicate, "
        f"{receipt.rejected:,} rejected"
    )
    say(f"{name}: {receipt.read:,} read: {counts} in {receipt.seconds:.1f} s")
    if receipt.doubts.by_name:
        doubtful = (
            f"{doubt.count:,} {WORDINGS[name].of}" for name, doubt in receipt.doubts.by_name.items()
        )
        say(f"  taken, but doubtful: {', '.join(doubtful)}")
    if receipt.unattributed:
        waiting = counted(receipt.unattributed, "activation waits", "activations wait")
        say(f"  {waiting} until the SIM of their IMSI or MSISDN is known")
    if receipt.accounts_made:
        say(f"  new accounts: {', '.join(receipt.accounts_made)}")


def _notes_lines(notes: Notes) -> Iterator[str]:
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
    previews: Mapping[str, Preview], refused: Mapping[str, FileRefused], *, as_json: bool
) -> None:
    """Show how files would be read, and which cannot be."""
    if as_json:
        files = {printable(path): preview.described() for path, preview in previews.items()}
        print_json({"files": files | _refusals(refused)})
    else:
        for path, preview in previews.items():
            for line in _preview_lines(path, preview):
                say(line)
        _say_refused(refused)
    sys.stdout.flush()


def _preview_lines(path: str, preview: Preview) -> Iterator[str]:
    notes = preview.notes
    separator = f", {notes.separator!r} between values" if notes.separator else ""
    header = f", columns named in line {notes.header}" if notes.header else ""
    yield f"{printable(path)}: {notes.encoding}{separator}{header}; nothing is taken in"
    yield from (line for line in _notes_lines(notes) if not line.startswith("  encoding"))
    for fact in preview.facts:
        values = (f"{column}={value}" for column, value in fact.items() if value)
        yield f"  {printable(' '.join(values))}"
    for reject in preview.rejects:
        yield f"  line {reject.line} is refused: {printable(reject.reason)}"
    for sentence in preview.doubts.sentences():
        yield f"  doubtful among the first {preview.lines:,} lines: {sentence}"
