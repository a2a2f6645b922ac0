"""`tallystick serve`."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import typer

from tallystick.cli.output import say
from tallystick.cli.stores import current_settings
from tallystick.settings import PORT_MAX

Port = Annotated[int | None, typer.Option(min=1, max=PORT_MAX, help="Listen on this port.")]


def serve(
    host: Annotated[str | None, typer.Option(help="Listen on this address.")] = None,
    port: Port = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Serve with so many processes.")
    ] = None,
    create: Annotated[
        bool, typer.Option("--create", help="Make the store if there is none.")
    ] = False,
) -> None:
    """Serve, until interrupted. Options go before the settings of the same names."""
    current = current_settings()
    from tallystick import server  # noqa: PLC0415 - only who serves should wait for it to load

    settings = replace(
        current,
        host=host or current.host,
        port=port or current.port,
        workers=workers or current.workers,
    )

    def announce(store: str) -> None:
        say(f"Serving {store} at {settings.url}, workers: {settings.workers}. Stop with Ctrl-C.")

    server.serve(settings, announce, create=create)
