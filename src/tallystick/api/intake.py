"""`POST /api/v1/{sims,expectations,activations,groups,types,identities}`: facts in.

Expectations may also be tried or proposed, and identities tried.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import falcon
import msgspec

from tallystick.api.calls import JSON_TYPES, NDJSON_TYPES, NOTES, body_of, origin_of
from tallystick.api.operation import operation
from tallystick.clock import system_clock
from tallystick.core.choices import choice_or_none
from tallystick.core.errors import InvalidValue
from tallystick.core.identifiers import parse_name
from tallystick.http.bodies import media_type_of
from tallystick.http.calls import leave_seat
from tallystick.http.gate import caller_of
from tallystick.http.media_types import JSON, NDJSON
from tallystick.intake import (
    KINDS,
    Receipt,
    check_items,
    doubts_of_call,
    idempotency_key,
    preset_for,
    propose_facts,
    read_items,
    try_facts,
)

if TYPE_CHECKING:
    from falcon import Request, Response

    from tallystick.core.ledger import Origin
    from tallystick.intake import CheckedItems, Kind, LiveIntake, Mapping
    from tallystick.settings import Settings
    from tallystick.store import Store

SCOPE = "intake"
APPLY, DRY_RUN, PROPOSE = MODES = ("apply", "dry-run", "propose")
MODE = {"mode": f"{APPLY} (the default), {DRY_RUN} or {PROPOSE}"}
IDENTITIES_MODE = {"mode": f"{APPLY} (the default) or {DRY_RUN}"}
MAP = {"map": "a mapping of `tallystick maps`, by which the body is read"}
BODY_BYTES_MAX = 8 << 20


class RejectAnswer(msgspec.Struct):
    """A fact that was refused: its place in the body, from 0, and why."""

    index: int
    reason: str


class DoubtAnswer(msgspec.Struct, omit_defaults=True):
    """One doubt: of how many facts, up to five examples, and what to do.

    `known_with` is there for SIMs that are not loaded: how many of the facts name SIMs that are
    loaded with a check digit (`add`), or without theirs (`strip`).
    """

    count: int
    examples: list[str]
    advice: str
    known_with: dict[str, int] | None = None


class ReceiptAnswer(msgspec.Struct):
    """What became of the facts; `read` is the sum of the three counts behind it."""

    read: int
    accepted: int
    duplicate: int
    rejected: int
    unknown_sims: int
    iccid_check_digit: int
    iccid_rounded: int
    several_values: int
    shared_hardware: int
    placeholder_imei: int
    stripped_zeros: int
    swapped_columns: int
    in_future: int
    mdn_left_out: int
    without_zone: int
    doubts: dict[str, DoubtAnswer]
    unattributed: int
    seconds: float
    accounts_made: list[str]
    rejects: list[RejectAnswer]


class RowAnswer(msgspec.Struct):
    """A row of the report that would open or close; `pre_imei` is empty where none is known."""

    account: str
    iccid: str
    pre_imei: str
    post_imei: str
    activated_at: str


class LedgeredReceiptAnswer(ReceiptAnswer, omit_defaults=True):
    """A receipt, and what the ledger has of it.

    A trial says what would be added and corrected and which rows would open and close; a proposal
    says its number, null where it holds nothing.
    """

    change_set_id: int | msgspec.UnsetType | None = msgspec.UNSET
    added: int | msgspec.UnsetType = msgspec.UNSET
    corrected: int | msgspec.UnsetType = msgspec.UNSET
    opens: list[RowAnswer] | msgspec.UnsetType = msgspec.UNSET
    closes: list[RowAnswer] | msgspec.UnsetType = msgspec.UNSET


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

    def __init__(self, kind: Kind, live: LiveIntake) -> None:
        self.kind = kind
        self._live = live

    @operation(scope=SCOPE, body=facts_of, answer=ReceiptAnswer, also_ndjson=True, query=MAP)
    def on_post(self, req: Request, resp: Response) -> None:
        """Take a JSON array or NDJSON of facts in.

        The answer is the receipt, once they are durable.
        """
        app, body = caller_of(req).app_key, body_of(req, BODY_BYTES_MAX)
        resp.data = self._take(req, app, body, origin_of(req))

    def _take(self, req: Request, app: str, body: bytes, origin: Origin) -> bytes:
        facts, rejects, doubts = self._checked(req, body)
        named = req.get_header("Idempotency-Key")
        mapped = (req.get_param("map") or "").encode()
        key = (
            idempotency_key(app, parse_name("Idempotency-Key", named), self.kind, mapped + body)
            if named
            else None
        )
        req.context.rows = len(facts) + len(rejects)
        waiting = self._live.put(self.kind, facts, rejects, key, origin, doubts)
        leave_seat(req)
        return waiting.wait()

    def _checked(self, req: Request, body: bytes) -> CheckedItems:
        mapping = _mapping_asked(req, self.kind)
        return check_items(
            self.kind, read_items(body, lines=_is_ndjson(req), mapping=mapping), mapping
        )


class _LedgeredIntake(Intake):
    """Facts that may be tried dry first. A call that is applied is a change set of the ledger."""

    modes: tuple[str, ...]

    def __init__(self, kind: Kind, live: LiveIntake, store: Store, settings: Settings) -> None:
        super().__init__(kind, live)
        self._store = store
        self._settings = settings

    def _do(self, req: Request, resp: Response) -> None:
        """Do with the facts what `mode` says."""
        app, body = caller_of(req).app_key, body_of(req, BODY_BYTES_MAX)
        origin = origin_of(req)
        mode = choice_or_none(self.modes, "mode", req.get_param("mode")) or APPLY
        if mode == APPLY:
            resp.data = self._take(req, app, body, origin)
            return
        if req.get_header("Idempotency-Key"):
            message = f"Idempotency-Key goes with mode={APPLY} only"
            raise InvalidValue(message)
        items = self._checked(req, body)
        answer = self._try if mode == DRY_RUN else self._propose
        resp.data = msgspec.json.encode(answer(items, origin))

    def _try(self, items: CheckedItems, _: Origin) -> dict[str, Any]:
        trial = try_facts(self._store, self.kind, items, self._settings.generations)
        return trial.described(self._settings.zone, "index")

    def _propose(self, items: CheckedItems, origin: Origin) -> dict[str, Any]:
        facts, rejects, doubts = items
        with self._store.snapshot() as reader:
            doubts = doubts.and_also(doubts_of_call(reader, self.kind, facts, system_clock()))
        receipt = Receipt(
            accepted=len(facts), rejected=len(rejects), rejects=rejects, doubts=doubts
        )
        number = propose_facts(self._store, facts, origin) if len(facts) else None
        return receipt.described("index") | {"change_set_id": number}


class ExpectationsIntake(_LedgeredIntake):
    """Expectations, which are applied, tried dry or proposed."""

    modes = MODES

    def __init__(self, live: LiveIntake, store: Store, settings: Settings) -> None:
        super().__init__(KINDS["expectations"], live, store, settings)

    @operation(
        scope=SCOPE,
        body=facts_of,
        answer=LedgeredReceiptAnswer,
        also_ndjson=True,
        query=MODE | NOTES | MAP,
    )
    def on_post(self, req: Request, resp: Response) -> None:
        """Do with the expectations what `mode` says.

        The answer is the receipt, with what else there is to tell.
        """
        self._do(req, resp)


class IdentitiesIntake(_LedgeredIntake):
    """Identities, which are applied or tried dry."""

    modes = (APPLY, DRY_RUN)

    def __init__(self, live: LiveIntake, store: Store, settings: Settings) -> None:
        super().__init__(KINDS["identities"], live, store, settings)

    @operation(
        scope=SCOPE,
        body=facts_of,
        answer=LedgeredReceiptAnswer,
        also_ndjson=True,
        query=IDENTITIES_MODE | NOTES | MAP,
    )
    def on_post(self, req: Request, resp: Response) -> None:
        """Take identities in, or say what they would change, as `mode` says.

        The answer is the receipt, with what else there is to tell.
        """
        self._do(req, resp)


def _mapping_asked(req: Request, kind: Kind) -> Mapping:
    """The mapping that a call names. Raises `InvalidValue`."""
    return preset_for(kind.name, req.get_param("map") or "")


def _is_ndjson(req: Request) -> bool:
    said = media_type_of(req)
    if said in NDJSON_TYPES:
        return True
    if said in JSON_TYPES:
        return False
    message = f"send {JSON} or {NDJSON}, not {said}"
    raise falcon.HTTPUnsupportedMediaType(description=message)
