"""`/admin/apps` and `/admin/app`: the OAuth clients that may call, and what they may do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tallystick.access import SCOPES, SCOPES_DEFAULT
from tallystick.console.admin import PATH, Desk, for_operators
from tallystick.console.form_answers import deed_named, go_to, refused_form
from tallystick.console.forms import users_fields
from tallystick.core.errors import Refusal
from tallystick.http.acts import records
from tallystick.http.gate import caller_of
from tallystick.store.acting import name_deed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from falcon import Request, Response

    from tallystick.access import Credentials

LIST_PATH, ONE_PATH = f"{PATH}/apps", f"{PATH}/app"
SCOPES_SAY = {
    "m2m": "ThingSpace's calls, for a user",
    "intake": "bring facts in",
    "admin": "administer, and see every account",
}


class AppList:
    """Every app, and the form for a new one."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    @for_operators
    def on_get(self, req: Request, resp: Response) -> None:
        """List the apps."""
        self._desk.require_whole_view(req)
        self._show(req, resp)

    @for_operators
    @records("app.add")
    def on_post(self, req: Request, resp: Response) -> None:
        """Make an app; its secret is on this page, and on no other."""
        fields = users_fields(req)
        self._desk.require_whole_view(req)
        name = fields.get("name", "")
        try:
            made = self._desk.access.add_app(name, scopes_in(fields), caller_of(req).name)
        except Refusal as refusal:
            self._show(req, resp, name, refused_form(req, resp, refusal))
            return
        show_secret(self._desk, req, resp, name, made)

    def _show(self, req: Request, resp: Response, name: str = "", problem: str = "") -> None:
        self._desk.pages.show(
            resp,
            "admin_apps.html",
            caller_of(req),
            apps=self._desk.access.apps(),
            scopes=SCOPES_SAY,
            ticked=SCOPES_DEFAULT,
            name=name,
            problem=problem,
        )


class OneApp:
    """One app, by the parameter `name`."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    @for_operators
    def on_get(self, req: Request, resp: Response) -> None:
        """Show what it may do."""
        self._desk.require_whole_view(req)
        self._show(req, resp, req.get_param("name") or "")

    @for_operators
    @records("app.change")
    def on_post(self, req: Request, resp: Response) -> None:
        """Change what it may do, give it another secret, or remove it."""
        fields = users_fields(req)
        self._desk.require_whole_view(req)
        name, access = req.get_param("name") or "", self._desk.access
        deeds = {
            "scopes": lambda: access.change_app(name, scopes_in(fields)),
            "remove": lambda: access.remove_app(name),
        }
        deed = fields.get("do", "")
        if deed == "rotate":
            name_deed(deed)
            renewed = access.rotate_app(name, caller_of(req).name)
            show_secret(self._desk, req, resp, name, renewed)
            return
        try:
            deed_named(deeds, deed)()
        except Refusal as refusal:
            self._show(req, resp, name, refused_form(req, resp, refusal))
            return
        if deed == "remove":
            go_to(resp, LIST_PATH)
        else:
            go_to(resp, ONE_PATH, name=name)

    def _show(self, req: Request, resp: Response, name: str, problem: str = "") -> None:
        app = self._desk.access.app_named(name)
        self._desk.pages.show(
            resp,
            "admin_app.html",
            caller_of(req),
            app=app,
            scopes=SCOPES_SAY,
            problem=problem,
        )


def scopes_in(fields: Mapping[str, str]) -> list[str]:
    """The scopes that are ticked in a form."""
    return [scope for scope in SCOPES if fields.get(f"scope_{scope}") == "yes"]


def show_secret(
    desk: Desk, req: Request, resp: Response, name: str, credentials: Credentials
) -> None:
    """Answer with an app's key and secret: a page that no address leads to again."""
    desk.pages.show(resp, "admin_secret.html", caller_of(req), name=name, credentials=credentials)
