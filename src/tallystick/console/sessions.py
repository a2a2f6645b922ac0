"""`/sessions`: a user's own password, and their sessions; they end what they do not know."""

from __future__ import annotations

from typing import TYPE_CHECKING

import falcon

from tallystick.console.forms import users_fields
from tallystick.core.errors import InvalidValue, PasswordRefused
from tallystick.http.acts import answered_refusal, records
from tallystick.http.gate import caller_of, for_console, session_of, user_of
from tallystick.http.limits import one_try

if TYPE_CHECKING:
    from falcon import Request, Response

    from tallystick.access import Access
    from tallystick.console.pages import Pages

PATH = "/sessions"
OLD_IS_WRONG = (
    "the present password is wrong, or five wrong ones have locked you; an operator can unlock you"
)


class SessionList:
    """The sessions of the user who looks, and the form for another password."""

    def __init__(self, pages: Pages, access: Access) -> None:
        self._pages = pages
        self._access = access

    @for_console
    def on_get(self, req: Request, resp: Response) -> None:
        """Show them, the last used first."""
        self.show(req, resp)

    def show(self, req: Request, resp: Response, problem: str = "") -> None:
        """Answer with the page, and what is wrong with the form that was sent."""
        sessions = self._access.sessions_of(user_of(req), session_of(req))
        self._pages.show(resp, "sessions.html", caller_of(req), sessions=sessions, problem=problem)


class OwnPassword:
    """A user gives themselves another password."""

    def __init__(self, page: SessionList, access: Access) -> None:
        self._page = page
        self._access = access

    @for_console
    @records("user.change-password")
    def on_post(self, req: Request, resp: Response) -> None:
        """Change it where the old one is right, or say what is wrong."""
        fields = users_fields(req)
        try:
            self._change(req, fields)
        except (InvalidValue, PasswordRefused) as refusal:
            is_wrong = isinstance(refusal, PasswordRefused)
            resp.status = falcon.HTTP_403 if is_wrong else falcon.HTTP_400
            problem = OLD_IS_WRONG if is_wrong else refusal.message
            answered_refusal(req, refusal)
            self._page.show(req, resp, problem)
            return
        resp.status, resp.location = falcon.HTTP_303, f"{PATH}#changed"

    def _change(self, req: Request, fields: dict[str, str]) -> None:
        new = fields.get("new", "")
        if new != fields.get("again", ""):
            message = "the new password was not typed the same way twice; type both again"
            raise InvalidValue(message)
        with one_try(req, caller_of(req).user_name or ""):
            self._access.choose_password(
                user_of(req), session_of(req), fields.get("old", ""), new, req.remote_addr
            )


class EndSession:
    """One session ends."""

    def __init__(self, access: Access) -> None:
        self._access = access

    @for_console
    @records("session.end")
    def on_post(self, req: Request, resp: Response) -> None:
        """End the session that the field `session` names, if it is the user's own."""
        self._access.end_session_of(user_of(req), users_fields(req).get("session", ""))
        resp.status, resp.location = falcon.HTTP_303, PATH


class EndOthers:
    """All sessions but this one end."""

    def __init__(self, access: Access) -> None:
        self._access = access

    @for_console
    @records("session.end-others")
    def on_post(self, req: Request, resp: Response) -> None:
        """End every session of the user but the one that asks."""
        users_fields(req)
        self._access.end_other_sessions_of(user_of(req), session_of(req))
        resp.status, resp.location = falcon.HTTP_303, PATH
