"""`tallystick backup`."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from tallystick.cli.command import record_export
from tallystick.cli.output import AsJson, print_json, progress, say
from tallystick.cli.stores import current_settings, store_of
from tallystick.clock import system_clock
from tallystick.core.durations import parse_duration
from tallystick.core.errors import Refusal
from tallystick.operations.backup import back_up, back_up_into, forget_oldest, stem_of
from tallystick.thingspace.rows import wire_row

if TYPE_CHECKING:
    from tallystick.operations.backup import Backup
    from tallystick.store import Store

Target = Annotated[
    Path,
    typer.Argument(
        metavar="FILE|DIR", help="A file that is not there yet, or a folder to make one in."
    ),
]
Check = Annotated[
    bool, typer.Option("--check", help="Compare the kept answer of the copy with the rule, too.")
]
Every = Annotated[
    str | None,
    typer.Option(metavar="T", help="Go on, with a backup into the folder every 90s, 15m, 6h, 1d."),
]
Keep = Annotated[
    int | None,
    typer.Option(
        min=1, metavar="N", help="After a backup, delete all of this store in the folder but N."
    ),
]


def backup(
    target: Target,
    check: Check = False,
    every: Every = None,
    keep: Keep = None,
    as_json: AsJson = False,
) -> None:
    """Back up a store on SQLite, while others read and write, with a manifest beside the file.

    The manifest has the digest, the schema, the position of the ledger and the moment.
    """
    pause_s = None if every is None else parse_duration("--every", every)
    if not target.is_dir() and (pause_s or keep):
        message = f"--every and --keep need a folder that is there, and {target} is none"
        raise typer.BadParameter(message)
    with store_of(current_settings()) as store:
        if pause_s is None:
            _back_up_once(store, target, check=check, keep=keep, as_json=as_json)
        else:
            _back_up_again_and_again(
                store, target, pause_s, check=check, keep=keep, as_json=as_json
            )


def _back_up_again_and_again(
    store: Store, folder: Path, pause_s: int, *, check: bool, keep: int | None, as_json: bool
) -> None:
    """Back up until interrupted; one that fails is said, and the next one is tried in time."""
    while True:
        began = time.monotonic()
        try:
            _back_up_once(store, folder, check=check, keep=keep, as_json=as_json)
        except (Refusal, OSError) as error:
            say(f"error: no backup was made: {error}", err=True)
        else:
            record_export(store)
        time.sleep(max(0.0, pause_s - (time.monotonic() - began)))


def _back_up_once(
    store: Store, target: Path, *, check: bool, keep: int | None, as_json: bool
) -> None:
    make = back_up_into if target.is_dir() else back_up
    with progress("Backing up") as advance:
        made = make(store, wire_row, system_clock(), target, check=check, advance=advance)
    _print(made, as_json=as_json)
    if keep is not None:
        for file in forget_oldest(target, stem_of(store), keep):
            say(f"{file}: deleted, as an old backup", err=as_json)


def _print(made: Backup, *, as_json: bool) -> None:
    manifest = made.manifest
    if as_json:
        print_json({"file": str(made.file), **msgspec.to_builtins(manifest)})
        return
    checked = "checked, and compared with the rule" if manifest.verified else "checked"
    say(
        f"{made.file}: a backup of {manifest.taken_at}, {manifest.bytes:,} bytes, {checked};"
        f" SHA-256 {manifest.sha256}"
    )
