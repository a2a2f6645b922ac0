"""What each refusal is on the wire: the one table of error codes (contract, sections 1 to 3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import falcon
import msgspec

from tallystick.core import errors
from tallystick.core.errors import Refusal
from tallystick.core.identifiers import shown
from tallystick.http.bodies import BodyCutShort, BodyTooLarge, BodyTooSlow
from tallystick.http.calls import CallsBusy
from tallystick.http.gate import BearerMissing, SessionMissing
from tallystick.http.limits import Throttled
from tallystick.http.paths import PathRefused

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from falcon import Request, Response


class NoSuchResource(Refusal):
    """No matching resource found for the given API request."""


class BasicMissing(Refusal):
    """The Authorization header must carry the app's key and secret: Basic base64(key:secret)."""


class FormRefused(Refusal):
    """The form body is malformed."""


class GrantTypeRefused(Refusal):
    """The grant_type must be client_credentials."""


class RequestUndefined(Refusal):
    """The request's body is empty."""


class BodyRefused(Refusal):
    """The request's body cannot be understood."""


class KindRefused(Refusal):
    """The kind of an identifier must be ICCID or MDN."""


class IdentifierRefused(Refusal):
    """The identifier does not fit its kind."""


class TooManyIdentifiers(Refusal):
    """The request lists too many identifiers."""


@dataclass(frozen=True, slots=True)
class Answer:
    """How a refusal reads: the status, the body around its message, and headers beside it."""

    status: str
    body: Callable[[str], object]
    headers: Mapping[str, str]


def verizon_code(code: str) -> str:
    """A code as it goes over the wire."""
    return f"UnifiedWebService.{code}"


def _verizon(code: str, status: str = falcon.HTTP_400, **headers: str) -> Answer:
    return Answer(
        status,
        lambda message: {"errorCode": verizon_code(code), "errorMessage": message},
        headers,
    )


def _fault(status: str, code: str, title: str, **headers: str) -> Answer:
    return Answer(
        status,
        lambda message: {"fault": {"code": code, "message": title, "description": message}},
        headers,
    )


def _oauth(status: str, error: str, **headers: str) -> Answer:
    return Answer(status, lambda message: {"error": error, "error_description": message}, headers)


def _no_resource() -> Answer:
    return _fault(falcon.HTTP_400, "900906", "No matching resource found for given API Request")


BASIC = {"WWW-Authenticate": 'Basic realm="tallystick"'}
BEARER = {"WWW-Authenticate": 'Bearer realm="tallystick"'}
CATCH_ALL = "REQUEST_FAILED.UnexpectedError"
BUSY_RETRY_S = 5

ANSWERS: Mapping[type[Refusal], Answer] = {
    # The gateway
    BasicMissing: _fault(falcon.HTTP_401, "900902", "Missing Credentials", **BASIC),
    BearerMissing: _fault(falcon.HTTP_401, "900902", "Missing Credentials", **BEARER),
    errors.TokenRefused: _fault(falcon.HTTP_401, "900901", "Invalid Credentials", **BEARER),
    errors.ScopeRefused: _fault(
        falcon.HTTP_403, "900910", "The access token does not allow this resource"
    ),
    Throttled: _fault(falcon.HTTP_429, "900800", "Message throttled out"),
    NoSuchResource: _no_resource(),
    PathRefused: _no_resource(),
    errors.AppRefused: _oauth(falcon.HTTP_401, "invalid_client", **BASIC),
    errors.ScopeUnknown: _oauth(falcon.HTTP_400, "invalid_scope"),
    FormRefused: _oauth(falcon.HTTP_400, "invalid_request"),
    GrantTypeRefused: _oauth(falcon.HTTP_400, "unsupported_grant_type"),
    # The session
    SessionMissing: _verizon("REQUEST_FAILED.SessionToken.Format"),
    errors.SessionRefused: _verizon("INPUT_INVALID.SessionToken.Invalid"),
    errors.SessionExpired: _verizon("REQUEST_FAILED.SessionToken.Expired"),
    errors.PasswordRefused: _verizon("INPUT_INVALID.Password.Invalid"),
    # The body
    RequestUndefined: _verizon("INPUT_INVALID.RequestUndefined"),
    BodyTooLarge: _verizon(CATCH_ALL, falcon.HTTP_413),
    BodyCutShort: _verizon(CATCH_ALL),
    BodyTooSlow: _verizon(CATCH_ALL, falcon.HTTP_408),
    KindRefused: _verizon("INPUT_INVALID.Device.Kind.Invalid"),
    IdentifierRefused: _verizon("INPUT_INVALID.Device.Identifier.Invalid"),
    TooManyIdentifiers: _verizon("INPUT_INVALID.MaxRequestsExceeded"),
    # Account and group
    errors.NoAccounts: _verizon("REQUEST_FAILED.NoAccounts"),
    errors.AccountNotFound: _verizon("REQUEST_FAILED.AccountNotFound"),
    errors.AccountRequired: _verizon("INPUT_INVALID.Account.NotDefined"),
    errors.GroupNotFound: _verizon("REQUEST_FAILED.DeviceGroupNotFound"),
    CallsBusy: _verizon(CATCH_ALL, falcon.HTTP_503, **{"Retry-After": str(BUSY_RETRY_S)}),
    # The store, and the documented catch-all for whatever stands in no line above
    errors.StoreRefused: _verizon(CATCH_ALL, falcon.HTTP_503, **{"Retry-After": str(BUSY_RETRY_S)}),
    Refusal: _verizon(CATCH_ALL),
}
UNEXPECTED = _verizon(CATCH_ALL, falcon.HTTP_500)


def answer_error(req: Request, resp: Response, error: Exception) -> None:
    """Answer with what the table says; of what is no refusal, none is told."""
    # In this room only the router raises those: no such method here.
    if isinstance(error, falcon.HTTPError):
        error = NoSuchResource(f"there is no {shown(req.method)} {shown(req.path)}")
    if isinstance(error, Refusal):
        answer, message = _answer_of(error), error.message_for_callers
    else:
        answer, message = UNEXPECTED, "the server failed at this request; its log says more"
    resp.status = answer.status
    resp.set_headers(dict(answer.headers))
    resp.data = msgspec.json.encode(answer.body(message))


def _answer_of(refusal: Refusal) -> Answer:
    return next(ANSWERS[kind] for kind in type(refusal).__mro__ if kind in ANSWERS)
