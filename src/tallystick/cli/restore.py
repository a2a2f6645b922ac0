"""`tallystick restore`."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from tallystick.cli.output import AsJson, print_json, progress, say
from tallystick.cli.stores import current_settings
from tallystick.clock import system_clock
from tallystick.core.counted import counted
from tallystick.operations.backup import newest_in
from tallystick.operations.restore import drill as drill_with
from tallystick.operations.restore import restore as restore_from
from tallystick.store.backups import file_of
from tallystick.thingspace.rows import wire_row

if TYPE_CHECKING:
    from tallystick.operations.restore import Restored

Source = Annotated[
    Path,
    typer.Argument(
        metavar="FILE|DIR",
        help="A backup with its manifest beside it; or a folder, for the store's newest in it.",
    ),
]
StoreAddress = Annotated[
    str | None,
    typer.Option(
        "--store", metavar="ADDRESS", help="The store to make; the one of the settings otherwise."
    ),
]
Replace = Annotated[
    bool, typer.Option("--replace", help="Move a store that is there aside, which nobody has open.")
]
Drill = Annotated[
    bool,
    typer.Option("--drill", help="Restore into a folder for temporary files, prove, and delete."),
]


def restore(
    source: Source,
    store: StoreAddress = None,
    replace: Replace = False,
    drill: Drill = False,
    as_json: AsJson = False,
) -> None:
    """Restore a backup: compare it with its manifest, upgrade it, prove it, put it in place."""
    began = time.monotonic()
    database = current_settings().database
    place = None if drill else file_of(store or database)
    file = newest_in(source, file_of(database).stem).file if source.is_dir() else source
    with progress("Restoring") as advance:
        if place is None:
            restored = drill_with(file, wire_row, advance=advance)
        else:
            restored = restore_from(
                file, place, wire_row, system_clock(), replace=replace, advance=advance
            )
    seconds = time.monotonic() - began
    if as_json:
        print_json(_described(restored, place, seconds))
    else:
        _print(restored, place, seconds)


def _described(restored: Restored, place: Path | None, seconds: float) -> dict[str, Any]:
    return {
        "file": str(restored.backup.file),
        "store": place and str(place),
        "replaced": restored.replaced and str(restored.replaced),
        "steps": restored.steps,
        **restored.proof._asdict(),
        "seconds": round(seconds, 3),
        "manifest": msgspec.to_builtins(restored.backup.manifest),
    }


def _print(restored: Restored, place: Path | None, seconds: float) -> None:
    source = f"{restored.backup.file} of {restored.backup.manifest.taken_at}"
    done = f"{place}: restored from {source}" if place else f"{source} can be restored"
    proof = restored.proof
    sims = counted(proof.sims, "SIM", "SIMs")
    rows = counted(proof.rows, "row", "rows")
    say(f"{done}: {sims}, {rows} kept, every one as the rule has it")
    if restored.steps:
        say(f"The copy was upgraded in {counted(restored.steps, 'step', 'steps')}.")
    if restored.replaced:
        say(f"The store that was there is {restored.replaced}; delete it when nobody needs it.")
    say(f"It took {seconds:.1f} s.")
