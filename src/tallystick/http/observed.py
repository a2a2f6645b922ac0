"""What is seen of every call from outside: its id, how long it took, and its line in the log."""

from __future__ import annotations

import logging
import re
import secrets
import time
from itertools import count
from typing import TYPE_CHECKING

from tallystick.core.exposition import MEDIA_TYPE
from tallystick.http.gate import needs
from tallystick.logs import Gathered
from tallystick.tracing import trace_id

if TYPE_CHECKING:
    from collections.abc import Callable

    from falcon import Request, Response

    from tallystick.core.moments import Moment
    from tallystick.operations.metrics import Metrics
    from tallystick.operations.tallies import Answered

REQUEST_ID = re.compile(r"[A-Za-z0-9._:\-]{1,64}")
TRACEPARENT = re.compile(
    r"(?!ff)[0-9a-f]{2}-(?!0{32})(?P<trace>[0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}"
)
"""The header by which tracers hand a trace on (W3C Trace Context)."""
NO_ROUTE = "none"
"""The route of a call whose path is none of ours: what callers make up is no label."""
NO_METHOD = "other"
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

log = logging.getLogger(__name__)


class Observed:
    """The middleware that gives a call its id, and notes how it was answered.

    `note_line` takes what a line of the log says of an answered call.
    """

    def __init__(
        self,
        note: Callable[[Answered], None],
        note_line: Callable[[dict[str, object]], None] | None,
        *,
        timer: Callable[[], float] = time.monotonic,
    ) -> None:
        self._note = note
        self._note_line = note_line
        self._timer = timer
        self._prefix = secrets.token_hex(6)
        self._numbers = count(1)

    def process_request(self, req: Request, resp: Response) -> None:  # noqa: ARG002 - the form of a middleware
        """Begin to see a call."""
        self.begin(req)

    def begin(self, req: Request) -> None:
        """Take the id that the caller or a proxy gave the call, or that of its trace.

        A call that has begun is left as it is.
        """
        if request_id_of(req):
            return
        given = req.env.get("HTTP_X_REQUEST_ID")
        if given is None or not REQUEST_ID.fullmatch(given):
            given = trace_of(req) or f"{self._prefix}-{next(self._numbers)}"
        req.context.request_id = given
        req.context.began = self._timer()

    def process_response(
        self,
        req: Request,
        resp: Response,
        resource: object,  # noqa: ARG002 - the form of a middleware
        req_succeeded: bool,  # noqa: ARG002, FBT001 - the same
    ) -> None:
        """Note the answer, which is sent behind this."""
        seconds = self._timer() - req.context.began
        method = req.method if req.method in METHODS else NO_METHOD
        self._note((method, req.uri_template or NO_ROUTE, resp.status, seconds))
        if self._note_line is not None:
            self._note_line(_said_of(req, resp, seconds))


class MetricsPage:
    """`GET /metrics`: what the server counts, for Prometheus."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    @needs("admin")
    def on_get(self, _req: Request, resp: Response) -> None:
        """Give every metric."""
        resp.content_type = MEDIA_TYPE
        resp.text = self._metrics.text()


def trace_of(req: Request) -> str:
    """The id of the trace that a call belongs to, by its `traceparent`; empty where it has none."""
    form = TRACEPARENT.fullmatch(req.env.get("HTTP_TRACEPARENT", ""))
    return form["trace"] if form else ""


def request_id_of(req: Request) -> str:
    """The id of a call; empty before it has one."""
    given: str = getattr(req.context, "request_id", "")
    return given


def lines_of_calls(clock: Callable[[], Moment]) -> Gathered:
    """The lines of the log about answered calls."""
    return Gathered(log, "call", clock)


def _said_of(req: Request, resp: Response, seconds: float) -> dict[str, object]:
    """What the line of a call says: its route, not its path, which may name a subscriber."""
    caller = getattr(req.context, "caller", None)
    return {
        "request_id": request_id_of(req),
        "trace_id": trace_id(),
        "method": req.method,
        "route": req.uri_template or NO_ROUTE,
        "status": resp.status_code,
        "ms": round(seconds * 1000, 1),
        "app": caller and caller.app_name,
        "user": caller and caller.user_name,
        "address": req.remote_addr,
        "rows": getattr(req.context, "rows", None),
    }
