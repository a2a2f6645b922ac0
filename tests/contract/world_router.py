"""A server of many stores: a header names the store, so that each golden case has its own."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from tallystick.settings import Settings
from tests.answering import opened_app

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

DATABASE, TIME_ZONE = "X-Database", "X-Time-Zone"


WORLDS_MAX = 24  # open at a time: each holds connections of its own
_apps: dict[tuple[str, str], tuple[Callable[..., Iterable[bytes]], Callable[[], None]]] = {}
_opening = threading.Lock()


def app_of(database: str, time_zone: str) -> Callable[..., Iterable[bytes]]:
    """The program's own app on one store; the one that was opened first is closed for a new one.

    Uploads are not looked for: so many threads would crowd a server.
    """
    with _opening:
        key = database, time_zone
        if key not in _apps:
            if len(_apps) == WORLDS_MAX:
                _, close = _apps.pop(next(iter(_apps)))
                close()
            _apps[key] = _opened(database, time_zone)
        return _apps[key][0]


def _opened(
    database: str, time_zone: str
) -> tuple[Callable[..., Iterable[bytes]], Callable[[], None]]:
    return opened_app(Settings(database=database, time_zone=time_zone))


def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Hand the request on to the app that its headers name."""
    database = environ.get("HTTP_X_DATABASE", "sqlite:///no.db")
    return app_of(database, environ.get("HTTP_X_TIME_ZONE", "UTC"))(environ, start_response)
