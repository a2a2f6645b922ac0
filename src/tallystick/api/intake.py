"""`POST /api/v1/{sims,expectations,activations,groups}`: facts in, while they happen."""

from __future__ import annotations

from typing import TYPE_CHECKING

import falcon

from tallystick.core.errors import InvalidValue, TokenRefused
from tallystick.core.identifiers import parse_name
from tallystick.intake import check_items, idempotency_key, read_items

if TYPE_CHECKING:
    from falcon import Request, Response

    from tallystick.access import Access
    from tallystick.intake import Kind, LiveIntake

SCOPE = "intake"
BODY_BYTES_MAX = 8 << 20
NDJSON = ("application/x-ndjson", "application/ndjson")
JSON = (falcon.MEDIA_JSON.partition(";")[0], "")


class Intake:
    """One kind of facts."""

    def __init__(self, kind: Kind, access: Access, live: LiveIntake) -> None:
        self._kind = kind
        self._access = access
        self._live = live

    def on_post(self, req: Request, resp: Response) -> None:
        """Take a JSON array or NDJSON of facts in; the answer is the receipt, once they are durable."""
        app = self._access.app_of_token(_bearer(req), SCOPE)
        body = _body(req)
        facts, rejects = check_items(self._kind, read_items(body, lines=_is_ndjson(req)))
        named = req.get_header("Idempotency-Key")
        key = idempotency_key(app, parse_name("Idempotency-Key", named), self._kind, body) if named else None
        resp.data = self._live.take(self._kind, facts, rejects, key)


def _bearer(req: Request) -> str:
    scheme, _, token = (req.get_header("Authorization") or "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        message = "the call needs Authorization: Bearer …, of an app with the scope intake"
        raise TokenRefused(message)
    return token.strip()


def _is_ndjson(req: Request) -> bool:
    media_type = (req.content_type or "").partition(";")[0].strip().lower()
    if media_type in NDJSON:
        return True
    if media_type in JSON:
        return False
    message = f"send {JSON[0]} or {NDJSON[0]}, not {media_type}"
    raise falcon.HTTPUnsupportedMediaType(description=message)


def _body(req: Request) -> bytes:
    """The whole body, which may come in chunks and without its length."""
    body: bytes = req.stream.read(BODY_BYTES_MAX + 1)
    if len(body) > BODY_BYTES_MAX:
        message = f"a call may bring {BODY_BYTES_MAX >> 20} MiB; send the facts in several"
        raise falcon.HTTPContentTooLarge(description=message)
    if not body:
        message = "the body is empty; it must be a JSON array of facts"
        raise InvalidValue(message)
    return body
