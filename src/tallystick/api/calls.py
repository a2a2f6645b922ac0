"""What our own calls have in common: who calls, and the body that they bring."""

from __future__ import annotations

from typing import TYPE_CHECKING

import falcon

from tallystick.core.errors import InvalidValue, TokenRefused

if TYPE_CHECKING:
    from falcon import Request

    from tallystick.access import Access
    from tallystick.store import Reader


def app_of(access: Access, req: Request, scope: str) -> str:
    """The key of the app that calls with a scope. Raises `TokenRefused` or `ScopeRefused`."""
    scheme, _, token = (req.get_header("Authorization") or "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        message = f"the call needs Authorization: Bearer …, of an app with the scope {scope}"
        raise TokenRefused(message)
    return access.app_of_token(token.strip(), scope)


def asker_of(access: Access, req: Request) -> int | None:
    """The user who asks, by the session of an app with the scope m2m; None for an app with the scope admin alone.

    Raises `TokenRefused`, `ScopeRefused`, `SessionRefused` or `SessionExpired`.
    """
    session = req.get_header("VZ-M2M-Token")
    app_of(access, req, "admin" if session is None else "m2m")
    return None if session is None else access.user_of_session(session)


def accounts_of(reader: Reader, asker: int | None) -> dict[str, int]:
    """The numbers, by name, of the accounts that a user may see; all where it is no user who asks."""
    return reader.accounts() if asker is None else reader.accounts_seen_by(asker)


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
