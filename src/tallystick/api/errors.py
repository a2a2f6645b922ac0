"""One shape for everything that our own API refuses: `{"error":{"code","message"}}`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import falcon
import msgspec

from tallystick.core.errors import (
    AccountNotEmpty,
    ApprovalRequired,
    ChangeSetRefused,
    DefaultGroupKept,
    IntakeBusy,
    InvalidValue,
    KeyReused,
    NameTaken,
    NoAccounts,
    NotFound,
    Refusal,
    RoleRefused,
    ScopeRefused,
    SessionExpired,
    SessionRefused,
    StoreRefused,
    TokenRefused,
)
from tallystick.core.identifiers import shown
from tallystick.http.bodies import BodyCutShort, BodyTooLarge, BodyTooSlow, LengthRequired
from tallystick.http.calls import CallsBusy
from tallystick.http.gate import BearerMissing
from tallystick.http.limits import Throttled

if TYPE_CHECKING:
    from falcon import Request, Response

RETRY_AFTER_S = 1
STATUS: dict[type[Refusal], int] = {
    InvalidValue: 400,
    BodyCutShort: 400,
    LengthRequired: 411,
    BodyTooSlow: 408,
    BodyTooLarge: 413,
    BearerMissing: 401,
    TokenRefused: 401,
    ScopeRefused: 403,
    RoleRefused: 403,
    SessionRefused: 401,
    SessionExpired: 401,
    NotFound: 404,
    NameTaken: 409,
    DefaultGroupKept: 409,
    AccountNotEmpty: 409,
    NoAccounts: 404,
    ChangeSetRefused: 409,
    ApprovalRequired: 409,
    KeyReused: 422,
    Throttled: 429,
    IntakeBusy: 503,
    CallsBusy: 503,
    StoreRefused: 503,
}
HTTP_CODES = {
    405: "method-not-allowed",
    406: "accept-refused",
    413: "body-too-large",
    415: "content-type-refused",
}


class Fault(msgspec.Struct):
    """A stable code for programs, and a sentence that names the field and the value at fault."""

    code: str
    message: str


class ErrorAnswer(msgspec.Struct):
    """Whatever is refused."""

    error: Fault


def no_such_resource(req: Request, resp: Response, **_: str) -> None:  # noqa: ARG001 - a sink's form
    """Whatever path under the root the route table does not know."""
    message = f"there is no {shown(req.path)}"
    raise NotFound(message)


def answer_error(resp: Response, error: Exception) -> None:
    """Answer what was raised under our root, the unforeseen included."""
    if isinstance(error, Refusal):
        status = next((status for kind, status in STATUS.items() if isinstance(error, kind)), 400)
        _answer(resp, status, error.code, error.message_for_callers)
    elif isinstance(error, falcon.HTTPError):
        code = HTTP_CODES.get(error.status_code, "refused")
        resp.set_headers(error.headers or {})
        _answer(resp, error.status_code, code, _said_by(error, resp) or code)
    else:
        _answer(resp, 500, "failed", "the server failed; its log says how")


def _said_by(error: falcon.HTTPError, resp: Response) -> str | None:
    """What the framework refuses a call with; of a method, which ones the path has instead."""
    if isinstance(error, falcon.HTTPMethodNotAllowed):
        return f"the path does not have this method; it has {resp.get_header('Allow')}"
    return error.description or error.title


def _answer(resp: Response, status: int, code: str, message: str) -> None:
    resp.status = status
    resp.content_type = falcon.MEDIA_JSON
    resp.data = msgspec.json.encode(ErrorAnswer(Fault(code, message)))
    if status == STATUS[StoreRefused]:
        resp.set_header("Retry-After", str(RETRY_AFTER_S))
    elif status == STATUS[TokenRefused]:
        resp.set_header("WWW-Authenticate", "Bearer")
