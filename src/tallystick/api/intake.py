"""`POST /api/v1/{sims,expectations,activations,groups,types}`: facts in, while they happen."""

from __future__ import annotations

from typing import TYPE_CHECKING

import falcon

from tallystick.api.calls import NDJSON, app_of, body_of
from tallystick.core.identifiers import parse_name
from tallystick.intake import check_items, idempotency_key, read_items

if TYPE_CHECKING:
    from falcon import Request, Response

    from tallystick.access import Access
    from tallystick.intake import Kind, LiveIntake

SCOPE = "intake"
BODY_BYTES_MAX = 8 << 20
JSON = (falcon.MEDIA_JSON.partition(";")[0], "")


class Intake:
    """One kind of facts."""

    def __init__(self, kind: Kind, access: Access, live: LiveIntake) -> None:
        self._kind = kind
        self._access = access
        self._live = live

    def on_post(self, req: Request, resp: Response) -> None:
        """Take a JSON array or NDJSON of facts in; the answer is the receipt, once they are durable."""
        app = app_of(self._access, req, SCOPE)
        body = body_of(req, BODY_BYTES_MAX)
        facts, rejects = check_items(self._kind, read_items(body, lines=_is_ndjson(req)))
        named = req.get_header("Idempotency-Key")
        key = idempotency_key(app, parse_name("Idempotency-Key", named), self._kind, body) if named else None
        resp.data = self._live.take(self._kind, facts, rejects, key)


def _is_ndjson(req: Request) -> bool:
    media_type = (req.content_type or "").partition(";")[0].strip().lower()
    if media_type in NDJSON:
        return True
    if media_type in JSON:
        return False
    message = f"send {JSON[0]} or {NDJSON[0]}, not {media_type}"
    raise falcon.HTTPUnsupportedMediaType(description=message)
