"""Sessions: login, logout, password reset, and the check of `VZ-M2M-Token` (contract, section 3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from tallystick.thingspace.bodies import LoginBody, ResetBody, read_json
from tallystick.thingspace.errors import SessionMissing
from tallystick.thingspace.gateway import SCOPE, bearer_token, check_bearer

if TYPE_CHECKING:
    from falcon import Request, Response

    from tallystick.access import Access

SESSION_HEADER = "VZ-M2M-Token"
SESSION_FIELD = "sessionToken"


def session_token(req: Request) -> str:
    """The session that the request belongs to. Raises `SessionMissing`."""
    token = req.get_header(SESSION_HEADER)
    if not token:
        raise SessionMissing
    return token


def check_user(req: Request, access: Access) -> int:
    """The user who asks: first the app's Bearer token, then the session. Raises what either is refused with."""
    if not req.get_header(SESSION_HEADER):
        check_bearer(req, access)
    return access.user_of_call(bearer_token(req), SCOPE, session_token(req))


def check_sender(req: Request, access: Access) -> tuple[int, str]:
    """The user who asks, checked like that, and what the ledger calls them: the app and the user by name."""
    app, user_id = check_bearer(req, access), check_user(req, access)
    return user_id, f"{access.app_name(app)}/{access.user_name(user_id)}"


class Login:
    """`POST /session/login`: a session begins."""

    def __init__(self, access: Access) -> None:
        self._access = access

    def on_post(self, req: Request, resp: Response) -> None:
        """Begin a session; another one of the same user goes on."""
        check_bearer(req, self._access)
        body = read_json(req, LoginBody)
        resp.cache_control = ("no-store",)
        resp.data = msgspec.json.encode(
            {SESSION_FIELD: self._access.login(body.username, body.password)}
        )


class Logout:
    """`POST /session/logout`: the session ends. A body is not read, whatever its Content-Type."""

    def __init__(self, access: Access) -> None:
        self._access = access

    def on_post(self, req: Request, resp: Response) -> None:
        """End the session."""
        check_bearer(req, self._access)
        token = session_token(req)
        self._access.logout(token)
        resp.data = msgspec.json.encode({SESSION_FIELD: token})


class PasswordReset:
    """`PUT /session/password/actions/reset`: a new password, chosen by the server, in force at once."""

    def __init__(self, access: Access) -> None:
        self._access = access

    def on_put(self, req: Request, resp: Response) -> None:
        """Reset the password of the session's user."""
        check_user(req, self._access)
        body = read_json(req, ResetBody)
        resp.cache_control = ("no-store",)
        password = self._access.reset_password(session_token(req), body.old_password)
        resp.data = msgspec.json.encode({"newPassword": password})
