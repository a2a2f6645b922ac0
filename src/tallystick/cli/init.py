"""`tallystick init`."""

from __future__ import annotations

from typing import Annotated

import typer

from tallystick.cli.shared import current_settings, say, store_of
from tallystick.store.acting import act_under_way, acting

Distribute = Annotated[
    bool, typer.Option("--distribute", help="Spread the store over the cluster, which is Citus.")
]


def init(distribute: Distribute = False) -> None:
    """Create the store, or bring it to this program's schema and the setting of the time zone."""
    settings = current_settings()
    with store_of(settings) as store:
        if distribute:
            store.require_cluster()  # before anything is made that would not be wanted elsewhere
        is_new = store.is_empty()
        steps = store.init(settings.time_zone)
        # A new store's audit begins with what is done in it, or with what is copied there.
        act = None if is_new else act_under_way()
        with acting(act), store.transaction() as writer:
            is_moved = writer.set_wire_zone(settings.time_zone)
        if is_new:
            say(f"{store.name}: made a new store")
        elif steps:
            say(f"{store.name}: upgraded the store in {steps} steps")
        else:
            say(f"{store.name}: the store is up to date")
        if is_moved:
            say(f"{store.name}: the kept rows now print their times in {settings.time_zone}")
        if distribute:
            is_spread_now = store.distribute() > 0
            outcome = (
                "spread the store over the cluster"
                if is_spread_now
                else "the store is spread over the cluster"
            )
            say(f"{store.name}: {outcome}")
