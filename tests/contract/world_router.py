"""A server of many stores: a header says which one, so that each golden case has a world to itself."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from tallystick.server import wired_app
from tallystick.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

DATABASE, TIME_ZONE = "X-Database", "X-Time-Zone"


@cache
def app_of(database: str, time_zone: str) -> Callable[..., Iterable[bytes]]:
    """The program's own app on one store."""
    return wired_app(Settings(database=database, time_zone=time_zone))


def app(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Hand the request on to the app that its headers name."""
    database = environ.get("HTTP_X_DATABASE", "sqlite:///no.db")
    return app_of(database, environ.get("HTTP_X_TIME_ZONE", "UTC"))(environ, start_response)
