"""Style, script and picture of the console, from the package, under addresses that never change."""

from __future__ import annotations

from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import TYPE_CHECKING

import falcon

from tallystick.core.moments import SECONDS_A_DAY
from tallystick.http.gate import open_to_all

if TYPE_CHECKING:
    from falcon import Request, Response

TYPES = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8"}
SVG = "image/svg+xml"
FOREVER_S = 365 * SECONDS_A_DAY
DIGEST_LENGTH = 12


@cache
def contents() -> dict[str, bytes]:
    """Every file by its name."""
    folder = files("tallystick.console") / "static"
    return {entry.name: entry.read_bytes() for entry in folder.iterdir() if entry.is_file()}


@cache
def address_of(name: str) -> str:
    """The address of a file: another one when its content is another."""
    return f"/static/{name}?{sha256(contents()[name]).hexdigest()[:DIGEST_LENGTH]}"


class Static:
    """One file."""

    @open_to_all
    def on_get(self, _req: Request, resp: Response, name: str) -> None:
        """Answer the file; a browser keeps it for good."""
        content = contents().get(name)
        if content is None:
            raise falcon.HTTPNotFound
        resp.data = content
        resp.content_type = TYPES.get(name[name.rindex(".") :], SVG)
        resp.set_header("Cache-Control", f"public, max-age={FOREVER_S}, immutable")
