"""What our own calls have in common: who calls, and the body that they bring."""

from __future__ import annotations

from typing import TYPE_CHECKING

import falcon

from tallystick.access import system_clock
from tallystick.core.errors import InvalidValue, TokenRefused
from tallystick.core.ledger import Origin, parse_note

if TYPE_CHECKING:
    from falcon import Request

    from tallystick.access import Access

SOURCE = "api"
"""What the ledger calls a call of ours."""


def app_of(access: Access, req: Request, scope: str) -> str:
    """The key of the app that calls with a scope. Raises `TokenRefused` or `ScopeRefused`."""
    scheme, _, token = (req.get_header("Authorization") or "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        message = f"the call needs Authorization: Bearer …, of an app with the scope {scope}"
        raise TokenRefused(message)
    return access.app_of_token(token.strip(), scope)


def origin_of(req: Request, access: Access, app: str) -> Origin:
    """What the ledger is told of a call: the app, and `ticket` and `reason` of the query. Raises `InvalidValue`."""
    ticket, reason = (parse_note(name, req.get_param(name) or "") for name in ("ticket", "reason"))
    return Origin(access.app_name(app), system_clock(), SOURCE, "", ticket, reason)


def body_of(req: Request, bytes_max: int) -> bytes:
    """The whole body, which may come in chunks and without its length."""
    body: bytes = req.stream.read(bytes_max + 1)
    if len(body) > bytes_max:
        message = f"a call may bring {bytes_max >> 20} MiB; send what it brings in several"
        raise falcon.HTTPContentTooLarge(description=message)
    if not body:
        message = "the body is empty; it must be JSON"
        raise InvalidValue(message)
    return body
