"""What holds of every answer, whatever it is: its headers, and the body that nobody has read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tallystick.http.bodies import drained

if TYPE_CHECKING:
    from falcon import Request, Response

HEADERS = (
    ("Server", "tallystick"),  # without versions, of which an attacker could know the faults
    ("X-Content-Type-Options", "nosniff"),
)
POLICY_HEADER = "Content-Security-Policy"
NO_PAGE = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'"
"""The policy of answers that are no pages: whoever shows one in a browser gets nothing with it."""
REQUEST_ID_HEADER = "X-Request-Id"
ONLY_TLS = ("Strict-Transport-Security", "max-age=31536000")
"""Has browsers call this host over TLS only, for a year from each answer on (RFC 6797)."""


class Leaving:
    """The middleware that every answer passes, those of refusals included.

    `is_over_tls` is whether callers reach the server over TLS.
    """

    def __init__(self, *, is_over_tls: bool) -> None:
        self._headers = (*HEADERS, ONLY_TLS) if is_over_tls else HEADERS

    def process_response(
        self,
        req: Request,
        resp: Response,
        resource: object,  # noqa: ARG002 - the form of a middleware
        req_succeeded: bool,  # noqa: ARG002, FBT001 - the same
    ) -> None:
        """Put the headers on, and read what is left of the body, or say that the call is the last.

        Answers hold phone numbers and secrets, so no cache may keep one.
        """
        resp.set_headers((*self._headers, (REQUEST_ID_HEADER, req.context.request_id)))
        if resp.get_header(POLICY_HEADER) is None:
            resp.set_header(POLICY_HEADER, NO_PAGE)
        if resp.get_header("Cache-Control") is None:
            resp.set_header("Cache-Control", "no-store")
        if not drained(req):
            resp.set_header("Connection", "close")
