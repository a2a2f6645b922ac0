"""`tallystick init`."""

from __future__ import annotations

import typer

from tallystick.cli.shared import current_settings, store_of


def init() -> None:
    """Create the store, or bring it to this program's schema and the setting of the time zone."""
    settings = current_settings()
    with store_of(settings) as store:
        is_new = store.is_empty()
        steps = store.init(settings.time_zone)
        with store.transaction() as writer:
            is_moved = writer.set_wire_zone(settings.time_zone)
        if is_new:
            typer.echo(f"{store.name}: made a new store")
        elif steps:
            typer.echo(f"{store.name}: upgraded the store in {steps} steps")
        else:
            typer.echo(f"{store.name}: the store is up to date")
        if is_moved:
            typer.echo(f"{store.name}: the kept rows now print their times in {settings.time_zone}")
