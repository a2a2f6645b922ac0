"""`POST /api/v1/{sims,expectations,activations,groups}`: facts in; expectations also tried or proposed."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING, Any

import falcon
import msgspec

from tallystick.api.calls import app_of, body_of, origin_of
from tallystick.core.errors import InvalidValue
from tallystick.core.identifiers import parse_name, shown
from tallystick.core.ledger import UNTOLD
from tallystick.intake import KINDS, Receipt, check_items, idempotency_key, propose_facts, read_items, try_facts

if TYPE_CHECKING:
    from collections.abc import Collection

    from falcon import Request, Response

    from tallystick.access import Access
    from tallystick.core.ledger import Origin
    from tallystick.intake import Kind, LiveIntake, Reject
    from tallystick.store import Facts, Store

SCOPE = "intake"
APPLY, DRY_RUN, PROPOSE = MODES = ("apply", "dry-run", "propose")
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
        app, body = app_of(self._access, req, SCOPE), body_of(req, BODY_BYTES_MAX)
        if told := sorted({"mode", "ticket", "reason"} & req.params.keys()):
            message = f"{', '.join(told)} go with expectations only, whose changes are told in the ledger"
            raise InvalidValue(message)
        resp.data = self._take(req, app, body, UNTOLD)

    def _take(self, req: Request, app: str, body: bytes, origin: Origin) -> bytes:
        facts, rejects = self._checked(req, body)
        named = req.get_header("Idempotency-Key")
        key = idempotency_key(app, parse_name("Idempotency-Key", named), self._kind, body) if named else None
        return self._live.take(self._kind, facts, rejects, key, origin)

    def _checked(self, req: Request, body: bytes) -> tuple[Facts, list[Reject]]:
        return check_items(self._kind, read_items(body, lines=_is_ndjson(req)))


class ExpectationsIntake(Intake):
    """Expectations, which are applied, tried dry or proposed; the call is a change set of the ledger."""

    def __init__(self, access: Access, live: LiveIntake, store: Store, generations: Collection[str]) -> None:
        super().__init__(KINDS["expectations"], access, live)
        self._store = store
        self._generations = generations

    def on_post(self, req: Request, resp: Response) -> None:
        """Do with the expectations what `mode` says; the answer is the receipt, with what else there is to tell."""
        app, body = app_of(self._access, req, SCOPE), body_of(req, BODY_BYTES_MAX)
        origin, mode = origin_of(req, self._access, app), req.get_param("mode") or APPLY
        if mode not in MODES:
            message = f"mode must be one of {', '.join(MODES)}, not {shown(mode)}"
            raise InvalidValue(message)
        if mode == APPLY:
            resp.data = self._take(req, app, body, origin)
            return
        if req.get_header("Idempotency-Key"):
            message = f"Idempotency-Key goes with mode={APPLY} only"
            raise InvalidValue(message)
        facts, rejects = self._checked(req, body)
        answer = self._try if mode == DRY_RUN else self._propose
        resp.data = msgspec.json.encode(answer(facts, rejects, origin))

    def _try(self, facts: Facts, rejects: list[Reject], _: Origin) -> dict[str, Any]:
        return try_facts(self._store, facts, rejects, self._generations).described(UTC, "index")

    def _propose(self, facts: Facts, rejects: list[Reject], origin: Origin) -> dict[str, Any]:
        receipt = Receipt(accepted=len(facts), rejected=len(rejects), rejects=rejects)
        number = propose_facts(self._store, facts, origin) if len(facts) else None
        return receipt.described("index") | {"change_set_id": number}


def _is_ndjson(req: Request) -> bool:
    media_type = (req.content_type or "").partition(";")[0].strip().lower()
    if media_type in NDJSON:
        return True
    if media_type in JSON:
        return False
    message = f"send {JSON[0]} or {NDJSON[0]}, not {media_type}"
    raise falcon.HTTPUnsupportedMediaType(description=message)
