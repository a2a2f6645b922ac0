"""`POST /api/v1/{sims,expectations,activations,groups,types}`: facts in, while they happen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import falcon
import msgspec

from tallystick.api.calls import JSON, NDJSON, app_of, body_of, media_type
from tallystick.api.operation import operation
from tallystick.core.identifiers import parse_name
from tallystick.intake import check_items, idempotency_key, read_items

if TYPE_CHECKING:
    from falcon import Request, Response

    from tallystick.access import Access
    from tallystick.intake import Kind, LiveIntake

SCOPE = "intake"
BODY_BYTES_MAX = 8 << 20


class Reject(msgspec.Struct):
    """A fact that was refused: its place in the body, from 0, and why."""

    index: int
    reason: str


class Receipt(msgspec.Struct):
    """What became of the facts; `read` is the sum of the three counts behind it."""

    read: int
    accepted: int
    duplicate: int
    rejected: int
    unknown_sims: int
    stripped_zeros: int
    in_future: int
    seconds: float
    accounts_made: list[str]
    rejects: list[Reject]


def facts_of(resource: Intake) -> Any:  # noqa: ANN401 - a list of a type that is made here
    """What a body of these facts is."""
    columns = [
        (column.name, str | int) if column.required else (column.name, str | int | None, None)
        for column in resource.kind.columns
    ]
    fact = msgspec.defstruct(resource.kind.fact.__name__, columns, kw_only=True)
    fact.__doc__ = "A fact, with the columns of an import file."
    return list[fact]  # type: ignore[valid-type] # a type that is made here


class Intake:
    """One kind of facts."""

    def __init__(self, kind: Kind, access: Access, live: LiveIntake) -> None:
        self.kind = kind
        self._access = access
        self._live = live

    @operation(scope=SCOPE, body=facts_of, answer=Receipt, also_ndjson=True)
    def on_post(self, req: Request, resp: Response) -> None:
        """Take a JSON array or NDJSON of facts in; the answer is the receipt, once they are durable."""
        app = app_of(self._access, req, SCOPE)
        body = body_of(req, BODY_BYTES_MAX)
        facts, rejects = check_items(self.kind, read_items(body, lines=_is_ndjson(req)))
        named = req.get_header("Idempotency-Key")
        key = idempotency_key(app, parse_name("Idempotency-Key", named), self.kind, body) if named else None
        resp.data = self._live.take(self.kind, facts, rejects, key)


def _is_ndjson(req: Request) -> bool:
    said = media_type(req)
    if said in NDJSON:
        return True
    if said in JSON:
        return False
    message = f"send {JSON[0]} or {NDJSON[0]}, not {said}"
    raise falcon.HTTPUnsupportedMediaType(description=message)
