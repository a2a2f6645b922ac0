"""Paths of calls: which are taken, checked once for each call before its route is looked up.

Proxies, caches and servers read `//`, `/./` and the like differently. A path that could be read in
two ways is refused, so that no rule about a path holds for one of its spellings alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tallystick.core.errors import NotFound
from tallystick.core.identifiers import shown

if TYPE_CHECKING:
    from falcon import Request, Response

PATH_LENGTH_MAX = 2000
"""Characters of a path, decoded. The longest that anything has is some 250."""
NO_UTF_8 = "\N{REPLACEMENT CHARACTER}"
"""What the server puts in the place of bytes that are no UTF-8."""


class PathRefused(NotFound):
    """The path cannot be the path of anything."""


def fault_of(path: str) -> str | None:
    """What keeps a decoded path from being one of ours, None if nothing does."""
    if len(path) > PATH_LENGTH_MAX:
        return f"it is longer than {PATH_LENGTH_MAX:,} characters"
    if NO_UTF_8 in path:
        return "it is not UTF-8"
    if not path.isprintable():
        return "it has a control character"
    segments = path.split("/")[1:]
    if "" in segments and path != "/":
        return "it has an empty segment"
    if "." in segments or ".." in segments:
        return "it has a segment . or .."
    return None


def plain(path: str) -> str:
    """A path without its empty segments and those of dots: whose call it is meant to be."""
    segments = (each for each in path.split("/") if each not in {"", ".", ".."})
    return "/" + "/".join(segments)


class Paths:
    """The middleware that refuses paths."""

    def process_request(self, req: Request, resp: Response) -> None:  # noqa: ARG002 - the form of a middleware
        """Raise `PathRefused` where the path is none of ours."""
        fault = fault_of(req.path)
        if fault:
            message = f"there is no {shown(req.path)}: {fault}"
            raise PathRefused(message)
