"""`/login` and `/logout`: a session of the console begins and ends."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import falcon

from tallystick.console.forms import fields_of, users_fields
from tallystick.core.errors import PasswordRefused
from tallystick.http.acts import records
from tallystick.http.gate import SIGN_IN_PATH, for_console, open_to_all, session_of
from tallystick.http.limits import one_try

if TYPE_CHECKING:
    from falcon import Request, Response

    from tallystick.access import Access
    from tallystick.console.pages import Pages
    from tallystick.http.cookies import Browsers

LOCAL_PATH = re.compile(r"/(?![/\\])[\x21-\x5b\x5d-\x7e]*")
"""A path of this server: browsers take `//host` and `/\\host` for other hosts."""


def local_path(text: str) -> str:
    """The path that a browser is sent to behind the sign-in: of this server, or else the first."""
    return text if LOCAL_PATH.fullmatch(text) else "/"


class SignIn:
    """Who signs in gets a session; one that the browser had before ends."""

    def __init__(self, pages: Pages, access: Access, browsers: Browsers) -> None:
        self._pages = pages
        self._access = access
        self._browsers = browsers

    @open_to_all
    def on_get(self, req: Request, resp: Response) -> None:
        """Show the form."""
        self._show(resp, local_path(req.get_param("next") or "/"))

    @open_to_all
    @records("session.login")
    def on_post(self, req: Request, resp: Response) -> None:
        """Begin a session and go on to the page that was asked for, or show the form again."""
        self._browsers.require_own_page(req)
        fields = fields_of(req)
        name, then = fields.get("name", ""), local_path(fields.get("next", "/"))
        try:
            with one_try(req, name):
                session_token = self._access.sign_in(
                    name, fields.get("password", ""), req.remote_addr
                )
        except PasswordRefused as refusal:
            resp.status = falcon.HTTP_401
            self._show(resp, then, name=name, problem=refusal.message)
            return
        former = self._browsers.session_token(req)
        if former is not None:
            self._access.sign_out(former)
        self._browsers.begin(req, resp, session_token)
        resp.status, resp.location = falcon.HTTP_303, then

    def _show(self, resp: Response, then: str, name: str = "", problem: str = "") -> None:
        self._pages.show(
            resp, "login.html", None, action=SIGN_IN_PATH, next=then, name=name, problem=problem
        )


class SignOut:
    """Who signs out has no session any more."""

    def __init__(self, access: Access, browsers: Browsers) -> None:
        self._access = access
        self._browsers = browsers

    @for_console
    @records("session.logout")
    def on_post(self, req: Request, resp: Response) -> None:
        """End the session."""
        users_fields(req)
        self._access.sign_out(session_of(req))
        self._browsers.end(req, resp)
        resp.status, resp.location = falcon.HTTP_303, SIGN_IN_PATH
