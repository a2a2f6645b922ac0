"""What holds of every answer, whatever it is: its headers, and the body that nobody has read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tallystick.http.bodies import drained
from tallystick.http.headers import UNLESS_SAID, headers_of_all

if TYPE_CHECKING:
    from falcon import Request, Response

REQUEST_ID_HEADER = "X-Request-Id"


class Leaving:
    """The middleware that every answer passes, those of refusals included.

    `is_over_tls` is whether callers reach the server over TLS.
    """

    def __init__(self, *, is_over_tls: bool) -> None:
        self._headers = headers_of_all(is_over_tls=is_over_tls)

    def process_response(
        self,
        req: Request,
        resp: Response,
        resource: object,  # noqa: ARG002 - the form of a middleware
        req_succeeded: bool,  # noqa: ARG002, FBT001 - the same
    ) -> None:
        """Put the headers on; read the rest of the body, or say that the call is the last."""
        resp.set_headers((*self._headers, (REQUEST_ID_HEADER, req.context.request_id)))
        for name, value in UNLESS_SAID:
            if resp.get_header(name) is None:
                resp.set_header(name, value)
        if not drained(req):
            resp.set_header("Connection", "close")
