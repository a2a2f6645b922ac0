"""`/admin/users` and `/admin/user`: who may sign in, whose SIMs they see, and what they may do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tallystick.access import UserChange
from tallystick.console.admin import PATH, Desk, for_operators, lines_of
from tallystick.console.form_answers import deed_named, go_to, refused_form
from tallystick.console.forms import users_fields
from tallystick.core.choices import choice_or_none
from tallystick.core.errors import Refusal
from tallystick.core.roles import Role
from tallystick.http.acts import records
from tallystick.http.gate import caller_of

if TYPE_CHECKING:
    from falcon import Request, Response

LIST_PATH, ONE_PATH = f"{PATH}/users", f"{PATH}/user"
ROLES = tuple(Role)
UNTOUCHED = {"name": "", "role": Role.VIEWER, "accounts": "", "all_accounts": ""}
"""What the form for a new user has at first."""


class UserList:
    """Every user, and the form for a new one."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    @for_operators
    def on_get(self, req: Request, resp: Response) -> None:
        """List the users."""
        self._desk.require_whole_view(req)
        self._show(req, resp, UNTOUCHED)

    @for_operators
    @records("user.add")
    def on_post(self, req: Request, resp: Response) -> None:
        """Make a user, whose password the operator chose: the two are one hand."""
        typed = UNTOUCHED | users_fields(req)
        self._desk.require_whole_view(req)
        try:
            self._desk.access.add_user(
                typed["name"],
                typed.get("password", ""),
                lines_of(typed["accounts"]),
                all_accounts=typed["all_accounts"] == "yes",
                role=choice_or_none(Role, "role", typed["role"]) or Role.VIEWER,
                chosen_by=caller_of(req).name,
            )
        except Refusal as refusal:
            self._show(req, resp, typed, refused_form(req, resp, refusal))
            return
        go_to(resp, ONE_PATH, name=typed["name"])

    def _show(self, req: Request, resp: Response, typed: dict[str, str], problem: str = "") -> None:
        users = self._desk.access.users()
        self._desk.pages.show(
            resp,
            "admin_users.html",
            caller_of(req),
            users=users,
            roles=ROLES,
            typed=typed,
            problem=problem,
        )


class OneUser:
    """One user, by the parameter `name`."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    @for_operators
    def on_get(self, req: Request, resp: Response) -> None:
        """Show what they see and may do, and where they are signed in."""
        self._desk.require_whole_view(req)
        self._show(req, resp, req.get_param("name") or "")

    @for_operators
    @records("user.change")
    def on_post(self, req: Request, resp: Response) -> None:
        """Change, unlock or remove them, or end sessions of theirs."""
        fields = users_fields(req)
        self._desk.require_whole_view(req)
        name, access, by = req.get_param("name") or "", self._desk.access, caller_of(req).name
        deeds = {
            "change": lambda: access.change_user(name, _wanted(fields), by),
            "revoke": lambda: access.change_user(
                name, UserChange(revoke=[fields.get("account", "")]), by
            ),
            "password": lambda: access.change_user(
                name, UserChange(password=fields.get("password", "")), by
            ),
            "unlock": lambda: access.unlock_user(name),
            "end-session": lambda: access.end_sessions_of_user(name, fields.get("session", "")),
            "end-sessions": lambda: access.end_sessions_of_user(name),
            "remove": lambda: access.remove_user(name),
        }
        deed = fields.get("do", "")
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
        self._desk.pages.show(
            resp,
            "admin_user.html",
            caller_of(req),
            shown_user=self._desk.access.user_named(name),
            sessions=self._desk.access.sessions_of_user(name),
            roles=ROLES,
            problem=problem,
        )


def _wanted(fields: dict[str, str]) -> UserChange:
    return UserChange(
        grant=lines_of(fields.get("accounts", "")),
        all_accounts=fields.get("all_accounts") == "yes",
        role=choice_or_none(Role, "role", fields.get("role")),
    )
