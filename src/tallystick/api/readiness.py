"""`GET /api/v1/readiness`: why a worker is not ready, for those who administer it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from tallystick.api.calls import ADMIN
from tallystick.api.operation import operation

if TYPE_CHECKING:
    from falcon import Request, Response

    from tallystick.operations.readiness import Readiness


class ReadinessAnswer(msgspec.Struct):
    """Whether the worker that answers can serve, and each reason why not as a sentence."""

    ready: bool
    reasons: list[str]


class Ready:
    """Whether the worker that answers can serve."""

    def __init__(self, readiness: Readiness) -> None:
        self._readiness = readiness

    @operation(scope=ADMIN, answer=ReadinessAnswer)
    def on_get(self, _req: Request, resp: Response) -> None:
        """Say whether the worker that answers can serve, and why not."""
        reasons = list(self._readiness.wrong())
        resp.data = msgspec.json.encode(ReadinessAnswer(not reasons, reasons))
