"""A server of many stores: a header names the store, so that each golden case has its own."""

from __future__ import annotations

import secrets
import threading
import time
from typing import TYPE_CHECKING, Any

from tallystick.access import Access
from tallystick.clock import system_clock
from tallystick.intake import LiveIntake, doubts_of_expectations
from tallystick.outbox.uploads import Uploads
from tallystick.settings import Settings
from tallystick.store import open_store
from tallystick.thingspace.rows import wire_row
from tallystick.wiring import build_app

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

DATABASE, TIME_ZONE = "X-Database", "X-Time-Zone"


WORLDS_MAX = 24  # open at a time: each holds connections of its own
_apps: dict[tuple[str, str], tuple[Callable[..., Iterable[bytes]], Callable[[], None]]] = {}
_opening = threading.Lock()


def app_of(database: str, time_zone: str) -> Callable[..., Iterable[bytes]]:
    """The program's own app on one store; the one that was opened first is closed for a new one."""
    with _opening:
        key = database, time_zone
        if key not in _apps:
            if len(_apps) == WORLDS_MAX:
                _, close = _apps.pop(next(iter(_apps)))
                close()
            settings = Settings(database=database, time_zone=time_zone)
            _apps[key] = opened_app(settings)
        return _apps[key][0]


def opened_app(settings: Settings) -> tuple[Callable[..., Iterable[bytes]], Callable[[], None]]:
    """The app on the settings' store, and what closes it. Uploads are not looked for."""
    store = open_store(settings.database, wire_row)
    access = Access(store, system_clock, secrets.token_bytes)
    live = LiveIntake(store, system_clock, time.perf_counter)
    uploads = Uploads(store, system_clock, secrets.token_bytes, doubts_of=doubts_of_expectations)

    def close() -> None:
        access.close()
        live.close()
        store.close()

    return build_app(settings, store, access, live, uploads), close


def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Hand the request on to the app that its headers name."""
    database = environ.get("HTTP_X_DATABASE", "sqlite:///no.db")
    return app_of(database, environ.get("HTTP_X_TIME_ZONE", "UTC"))(environ, start_response)
