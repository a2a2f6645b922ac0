"""What our own calls have in common: who calls, the body that they bring, and what they ask about."""

from __future__ import annotations

from typing import TYPE_CHECKING

import falcon

from tallystick.core.errors import InvalidValue, TokenRefused
from tallystick.core.moments import parse
from tallystick.core.window import span_between
from tallystick.report import Question

if TYPE_CHECKING:
    from datetime import datetime

    from falcon import Request

    from tallystick.access import Access


ADMIN = "admin"
"""The scope of calls about the whole fleet."""
NDJSON = ("application/x-ndjson", "application/ndjson")


def app_of(access: Access, req: Request, scope: str) -> str:
    """The key of the app that calls with a scope. Raises `TokenRefused` or `ScopeRefused`."""
    scheme, _, token = (req.get_header("Authorization") or "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        message = f"the call needs Authorization: Bearer …, of an app with the scope {scope}"
        raise TokenRefused(message)
    return access.app_of_token(token.strip(), scope)


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


def question_of(req: Request) -> Question:
    """What the parameters `earliest`, `latest`, `account` (several times) and `group` ask about; all are optional.

    Raises `InvalidValue` or `WindowRefused`.
    """
    window = span_between(_moment(req, "earliest"), _moment(req, "latest"))
    accounts = tuple(req.get_param_as_list("account") or ())
    return Question(window, accounts, req.get_param("group"))


def _moment(req: Request, name: str) -> datetime | None:
    text = req.get_param(name)
    try:
        return None if text is None else parse(text)
    except InvalidValue as refusal:
        message = f"{name} {refusal}"
        raise InvalidValue(message) from refusal
