"""Sessions: login, logout and password reset (contract, section 3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from tallystick.http.acts import records
from tallystick.http.gate import (
    SCOPE_OF_USERS,
    caller_of,
    for_users,
    needs,
    session_of,
    user_of,
)
from tallystick.http.limits import one_try
from tallystick.thingspace.bodies import LoginBody, ResetBody, read_json
from tallystick.thingspace.described import PasswordAnswer, SessionAnswer, described

if TYPE_CHECKING:
    from falcon import Request, Response

    from tallystick.access import Access

SESSION_FIELD = "sessionToken"


class Login:
    """`POST /session/login`: a session begins."""

    def __init__(self, access: Access) -> None:
        self._access = access

    @described(LoginBody, SessionAnswer)
    @needs(SCOPE_OF_USERS)
    @records("session.login")
    def on_post(self, req: Request, resp: Response) -> None:
        """Begin a session; another one of the same user goes on."""
        body = read_json(req, LoginBody)
        resp.cache_control = ("no-store",)
        with one_try(req, body.username):
            session_token = self._access.login(body.username, body.password, req.remote_addr)
        resp.data = msgspec.json.encode({SESSION_FIELD: session_token})


class Logout:
    """`POST /session/logout`: the session ends. A body is not read, whatever its Content-Type."""

    def __init__(self, access: Access) -> None:
        self._access = access

    @described(answer=SessionAnswer)
    @for_users
    @records("session.logout")
    def on_post(self, req: Request, resp: Response) -> None:
        """End the session."""
        token = session_of(req)
        self._access.logout(token)
        resp.data = msgspec.json.encode({SESSION_FIELD: token})


class PasswordReset:
    """`PUT /session/password/actions/reset`: a new password, in force at once."""

    def __init__(self, access: Access) -> None:
        self._access = access

    @described(ResetBody, PasswordAnswer)
    @for_users
    @records("user.reset-password")
    def on_put(self, req: Request, resp: Response) -> None:
        """Reset the password of the session's user."""
        body = read_json(req, ResetBody)
        resp.cache_control = ("no-store",)
        with one_try(req, caller_of(req).user_name or ""):
            password = self._access.reset_password(user_of(req), body.old_password, req.remote_addr)
        resp.data = msgspec.json.encode({"newPassword": password})
