"""`tallystick copy`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from tallystick.cli.command import EXIT_DIFFERENT
from tallystick.cli.output import AsJson, print_json, progress, say
from tallystick.cli.stores import current_settings, store_of
from tallystick.core.errors import SettingRefused
from tallystick.operations.copied_kinds import FACT_KINDS, KEPT, WHOLE_KINDS
from tallystick.operations.copying import (
    Comparison,
    Copied,
    described,
)
from tallystick.operations.copying import copy as copy_store
from tallystick.store import Store, open_store
from tallystick.thingspace.rows import wire_row

if TYPE_CHECKING:
    from tallystick.operations.copying import Side

DIGITS_SHOWN = 12  # of a digest
COPIED_KINDS = {kind.name: kind for kind in (*WHOLE_KINDS, *FACT_KINDS, KEPT)}

To = Annotated[
    str,
    typer.Option(
        "--to", metavar="ADDRESS", help="The other store, as TALLYSTICK_DATABASE names one."
    ),
]


def copy(to: To, as_json: AsJson = False) -> None:
    """Copy the store into another, made where there is none, and exit with 1 where they differ."""
    with (
        store_of(current_settings()) as source,
        _target(to) as target,
        progress("Copying") as advance,
    ):
        copied = copy_store(source, target, advance)
        names = (source.name, target.name)
    if as_json:
        print_json(_as_json(copied))
    else:
        _print(copied, *names)
    if not copied.is_same:
        raise typer.Exit(EXIT_DIFFERENT)


def _target(address: str) -> Store:
    try:
        return open_store(address, wire_row)
    except SettingRefused:
        # The address may hold a password, so that it is not repeated.
        message = (
            "must be sqlite:///relative.db, sqlite:////absolute/path.db or "
            "postgresql://user@host/database"
        )
        raise typer.BadParameter(message, param_hint="--to") from None


def _as_json(copied: Copied) -> dict[str, Any]:
    kinds = {
        name: {
            "copied": copied.taken.get(name, 0),
            "source": _side(compared.source),
            "target": _side(compared.target),
            "first_difference": _first_difference(name, compared),
        }
        for name, compared in copied.compared.items()
    }
    return {"same": copied.is_same, "kinds": kinds, "not_compared": copied.taken_only}


def _side(side: Side) -> dict[str, Any]:
    return {"count": side.count, "sha256": side.sha256}


def _first_difference(name: str, compared: Comparison) -> str | None:
    if compared.first_difference is None:
        return None
    return described(COPIED_KINDS[name].key, compared.first_difference)


def _print(copied: Copied, source: str, target: str) -> None:
    for name, compared in copied.compared.items():
        count, digest = compared.source.count, compared.source.sha256[:DIGITS_SHOWN]
        if compared.is_same:
            say(
                f"{name}: {count:,} in both, {copied.taken.get(name, 0):,} of them copied now, "
                f"sha256 {digest}"
            )
        else:
            say(f"{name}: {count:,} here and {compared.target.count:,} there differ")
            say(f"    first at {_first_difference(name, compared)}")
    for name, count in copied.taken_only.items():
        say(f"{name}: {count:,} copied now; they come and go, and are not compared")
    if copied.is_same:
        say(f"{target} holds what {source} holds")
    else:
        say(
            f"error: {target} differs from {source}; run the same again if either was written to",
            err=True,
        )
