"""A call as a span of its trace, where traces are on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tallystick.http.calls import PROBES
from tallystick.http.observed import METHODS, NO_METHOD, NO_ROUTE
from tallystick.tracing import span_of_call

if TYPE_CHECKING:
    from falcon import Request, Response

HEADERS = {"traceparent": "HTTP_TRACEPARENT", "tracestate": "HTTP_TRACESTATE"}
"""What a caller says of its trace (W3C Trace Context), by its key in WSGI."""


class Traced:
    """The middleware that makes each call a span, until its answer begins. Probes are none.

    It is part of an app only where traces are on.
    """

    def process_request(self, req: Request, resp: Response) -> None:  # noqa: ARG002 - the form of a middleware
        """Begin the span."""
        if req.path in PROBES:
            return
        headers = {name: req.env[key] for name, key in HEADERS.items() if key in req.env}
        req.context.span = span_of_call(_method_of(req), headers)

    def process_response(
        self,
        req: Request,
        resp: Response,
        resource: object,  # noqa: ARG002 - the form of a middleware
        req_succeeded: bool,  # noqa: ARG002, FBT001 - the same
    ) -> None:
        """End it with the template of the path, never the path, and the status."""
        span = getattr(req.context, "span", None)
        if span is not None:
            span.answer(_method_of(req), req.uri_template or NO_ROUTE, resp.status_code)


def _method_of(req: Request) -> str:
    return req.method if req.method in METHODS else NO_METHOD
