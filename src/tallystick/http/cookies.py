"""The cookie of the console's session, and where a browser's request comes from."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from tallystick.core.errors import AccessRefused

if TYPE_CHECKING:
    from falcon import Request, Response

NAME = "tallystick-session"
SECURE_NAME = f"__Host-{NAME}"
"""A browser takes a cookie of such a name only over TLS, for this host and all its paths."""
LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
"""A cookie that expired then is forgotten at once."""
SAME_ORIGIN = "same-origin"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


def cookie_in(header: str, name: str) -> str | None:
    """The value of a cookie in a `Cookie` header, None where it is not there; the first of two.

    Python's own parser of cookies takes time that grows with the square of a value in quotes
    (CVE-2024-7592). No value of ours has any.
    """
    for pair in header.split(";"):
        given_name, _, value = pair.partition("=")
        if given_name.strip() == name:
            return value.strip()
    return None


class ForeignForm(AccessRefused):
    """The form was not sent from a page of this server; open the page again and send it there."""

    code = "foreign-form"


class Browsers:
    """What browsers are told of sessions, and what is believed of what they say.

    `public_url` is where they reach the server, as in `https://tally.example`; empty: at the
    address that each request names.
    """

    def __init__(self, public_url: str = "") -> None:
        self._public_url = public_url

    def session_token(self, req: Request) -> str | None:
        """The token in the session's cookie; None where there is none."""
        return cookie_in(req.get_header("Cookie") or "", self._name(req))

    def begin(self, req: Request, resp: Response, session_token: str) -> None:
        """Put a session's token into the browser's cookie, until the browser ends."""
        resp.set_cookie(
            self._name(req),
            session_token,
            path="/",
            secure=self._is_secure(req),
            http_only=True,
            same_site="Lax",
        )

    def end(self, req: Request, resp: Response) -> None:
        """Take the session's cookie out of the browser."""
        resp.set_cookie(
            self._name(req),
            "",
            expires=LONG_AGO,
            path="/",
            secure=self._is_secure(req),
            http_only=True,
            same_site="Lax",
        )

    def require_own_page(self, req: Request) -> None:
        """Hold what changes something to be sent from a page of this server.

        Browsers say where a request comes from, in `Sec-Fetch-Site` or, older ones, in `Origin`;
        programs may say neither. Raises `ForeignForm`.
        """
        if req.method in SAFE_METHODS:
            return
        site, origin = req.get_header("Sec-Fetch-Site"), req.get_header("Origin")
        if site is not None and site != SAME_ORIGIN:
            raise ForeignForm
        if origin is not None and origin.lower() != self._origin(req):
            raise ForeignForm

    def _origin(self, req: Request) -> str:
        return self._public_url or f"{req.scheme}://{req.netloc}".lower()

    def _is_secure(self, req: Request) -> bool:
        return urlsplit(self._origin(req)).scheme == "https"

    def _name(self, req: Request) -> str:
        return SECURE_NAME if self._is_secure(req) else NAME
