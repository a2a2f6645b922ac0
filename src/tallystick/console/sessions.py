"""`/sessions`: where a user is signed in; they end what they do not know."""

from __future__ import annotations

from typing import TYPE_CHECKING

import falcon

from tallystick.console.forms import users_fields
from tallystick.http.acts import records
from tallystick.http.gate import caller_of, for_console, session_of, user_of

if TYPE_CHECKING:
    from falcon import Request, Response

    from tallystick.access import Access
    from tallystick.console.pages import Pages

PATH = "/sessions"


class SessionList:
    """The sessions of the user who looks."""

    def __init__(self, pages: Pages, access: Access) -> None:
        self._pages = pages
        self._access = access

    @for_console
    def on_get(self, req: Request, resp: Response) -> None:
        """Show them, the last used first."""
        sessions = self._access.sessions_of(user_of(req), session_of(req))
        self._pages.show(resp, "sessions.html", caller_of(req), sessions=sessions)


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
