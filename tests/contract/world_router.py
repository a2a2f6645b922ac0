"""A server of many stores: a header names the store, so that each golden case has its own."""

from __future__ import annotations

import secrets
import time
from functools import cache
from typing import TYPE_CHECKING, Any

from tallystick.access import Access
from tallystick.clock import system_clock
from tallystick.intake import LiveIntake
from tallystick.outbox.uploads import Uploads
from tallystick.server import build_app
from tallystick.settings import Settings
from tallystick.store import open_store
from tallystick.thingspace.rows import wire_row

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

DATABASE, TIME_ZONE = "X-Database", "X-Time-Zone"


@cache
def app_of(database: str, time_zone: str) -> Callable[..., Iterable[bytes]]:
    """The program's app on one store, without the thread that looks for uploads."""
    settings = Settings(database=database, time_zone=time_zone)
    store = open_store(database, wire_row)
    access = Access(store, system_clock, secrets.token_bytes)
    live = LiveIntake(store, system_clock, time.perf_counter)
    return build_app(
        settings, store, access, live, Uploads(store, system_clock, secrets.token_bytes)
    )


def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Hand the request on to the app that its headers name."""
    database = environ.get("HTTP_X_DATABASE", "sqlite:///no.db")
    return app_of(database, environ.get("HTTP_X_TIME_ZONE", "UTC"))(environ, start_response)
