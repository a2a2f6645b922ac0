"""`/admin/accounts`, `/admin/account` and `/admin/group`: accounts, their policies and groups."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from tallystick.console.admin import PATH, Desk, for_operators, lines_of, own_account
from tallystick.console.form_answers import deed_named, go_to, refused_form
from tallystick.console.forms import users_fields
from tallystick.core.approval import Approval
from tallystick.core.choices import choice_or_none
from tallystick.core.errors import Refusal
from tallystick.core.identifiers import BEFORE_ALL
from tallystick.core.pairing import FirstUse
from tallystick.core.selection import account_number, listed
from tallystick.fleet import accounts, groups
from tallystick.fleet.groups import GroupChange
from tallystick.http.acts import records
from tallystick.http.gate import caller_of, user_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from falcon import Request, Response

LIST_PATH, ONE_PATH, GROUP_PATH = f"{PATH}/accounts", f"{PATH}/account", f"{PATH}/group"
LISTED_MAX = 200
MEMBERS_SHOWN_MAX = 200
APPROVALS = {
    Approval.OFF: "by one person: an approver may approve what they propose, and files, calls and "
    "uploads of pairs are in force at once",
    Approval.REQUIRED: "by two people: whatever is proposed waits for another person who approves "
    "it, files of expectations and uploads of pairs too; calls have to propose",
}
FIRST_USES = {
    FirstUse.OFF: "nothing: SIMs without an expectation are not judged",
    FirstUse.IMEI: "to stay in the unit that each was first seen in",
    FirstUse.MODEL: "to stay in units of the model that each was first seen in",
}


class AccountList:
    """The accounts that the operator sees, and the form for a new one."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    @for_operators
    def on_get(self, req: Request, resp: Response) -> None:
        """List those whose names have the text of the parameter `q`."""
        self._show(req, resp)

    @for_operators
    @records("account.add")
    def on_post(self, req: Request, resp: Response) -> None:
        """Make an account."""
        name = users_fields(req).get("name", "")
        self._desk.require_whole_view(req)
        try:
            with self._desk.store.transaction() as writer:
                accounts.add(writer, name)
        except Refusal as refusal:
            self._show(req, resp, name, refused_form(req, resp, refusal))
            return
        go_to(resp, ONE_PATH, name=name)

    def _show(self, req: Request, resp: Response, name: str = "", problem: str = "") -> None:
        view, wanted = self._desk.view_of(req), req.get_param("q") or ""
        fitting = (each for each in sorted(view.accounts) if wanted.lower() in each.lower())
        names = list(islice(fitting, LISTED_MAX + 1))
        with self._desk.store.snapshot() as reader:
            asking = set(reader.asking_accounts().values())
        self._desk.pages.show(
            resp,
            "admin_accounts.html",
            caller_of(req),
            names=names[:LISTED_MAX],
            asking=asking,
            has_more=len(names) > LISTED_MAX,
            q=wanted,
            sees_all=view.sees_all,
            name=name,
            problem=problem,
        )


class OneAccount:
    """One account, by the parameter `name`."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    @for_operators
    def on_get(self, req: Request, resp: Response) -> None:
        """Show what it has and expects, and who sees it."""
        self._show(req, resp, req.get_param("name") or "")

    @for_operators
    @records("account.change")
    def on_post(self, req: Request, resp: Response) -> None:
        """Rename or remove it, change its policies, or make a group of it."""
        fields, name = users_fields(req), req.get_param("name") or ""
        deed, new_name = fields.get("do", ""), fields.get("new_name", "")
        if deed in ("rename", "remove"):
            self._desk.require_whole_view(req)
        try:
            self._do(req, name, deed, fields)
        except Refusal as refusal:
            self._show(req, resp, name, refused_form(req, resp, refusal))
            return
        if deed == "remove":
            go_to(resp, LIST_PATH)
        else:
            go_to(resp, ONE_PATH, name=new_name if deed == "rename" else name)

    def _do(self, req: Request, name: str, deed: str, fields: dict[str, str]) -> None:
        """Do it in one transaction, and what follows for many SIMs in parts of their own."""
        first_use = choice_or_none(FirstUse, "first_use", fields.get("first_use")) or FirstUse.OFF
        approval = choice_or_none(Approval, "approval", fields.get("approval")) or Approval.OFF
        sims = listed(lines_of(fields.get("sims", "")))
        group, description = fields.get("group", ""), fields.get("description", "")
        with self._desk.store.transaction() as writer:
            account_id = own_account(writer, req, name)
            deeds = {
                "first_use": lambda: accounts.hold(writer, name, first_use),
                "approval": lambda: accounts.ask(writer, name, approval),
                "rename": lambda: accounts.rename(writer, name, fields.get("new_name", "")),
                "remove": lambda: accounts.remove(writer, name),
                "group": lambda: groups.create(writer, account_id, group, description, sims),
            }
            deed_named(deeds, deed)()
        self._desk.store.finish_work()

    def _show(self, req: Request, resp: Response, name: str, problem: str = "") -> None:
        with self._desk.store.snapshot() as reader:
            view = reader.view_of(user_of(req))
            account_id = account_number(view.accounts, name)
            account = accounts.show(reader, name)
            groups_there = groups.groups_of(reader, account_id)
        self._desk.pages.show(
            resp,
            "admin_account.html",
            caller_of(req),
            account=account,
            groups=groups_there,
            first_uses=FIRST_USES,
            approvals=APPROVALS,
            sees_all=view.sees_all,
            problem=problem,
        )


class OneGroup:
    """One group, by the parameters `account` and `name`."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    @for_operators
    def on_get(self, req: Request, resp: Response) -> None:
        """Show which SIMs are in it."""
        self._show(req, resp)

    @for_operators
    @records("group.change")
    def on_post(self, req: Request, resp: Response) -> None:
        """Change what it is called and who is in it, or remove it."""
        fields = users_fields(req)
        account, name = req.get_param("account") or "", req.get_param("name") or ""
        deed = fields.get("do", "")
        try:
            wanted = self._wanted(req, fields)
            sims = wanted.sims() if deed == "change" else None
            with self._desk.store.transaction(sims=sims) as writer:
                account_id = own_account(writer, req, account)
                deeds = {
                    "change": lambda: groups.change(writer, account_id, name, wanted),
                    "remove": lambda: groups.delete(writer, account_id, name),
                }
                deed_named(deeds, deed)()
        except Refusal as refusal:
            self._show(req, resp, refused_form(req, resp, refusal))
            return
        if deed == "remove":
            go_to(resp, ONE_PATH, name=account)
        else:
            go_to(resp, GROUP_PATH, account=account, name=wanted.name or name)

    def _wanted(self, req: Request, fields: Mapping[str, str]) -> GroupChange:
        """What a form changes: it always has the name and the description, changed or not.

        Raises `InvalidValue`, `AccountNotFound` or `GroupNotFound`.
        """
        account, name = req.get_param("account") or "", req.get_param("name") or ""
        with self._desk.store.snapshot() as reader:
            group = groups.show(reader, own_account(reader, req, account), name)
        return GroupChange(
            _unless_same(fields.get("new_name"), group.name),
            _unless_same(fields.get("description"), group.description),
            listed(lines_of(fields.get("add", ""))),
            listed(lines_of(fields.get("remove", ""))),
        )

    def _show(self, req: Request, resp: Response, problem: str = "") -> None:
        account, name = req.get_param("account") or "", req.get_param("name") or ""
        with self._desk.store.snapshot() as reader:
            account_id = own_account(reader, req, account)
            page = groups.members_of(reader, account_id, name, BEFORE_ALL)
        self._desk.pages.show(
            resp,
            "admin_group.html",
            caller_of(req),
            account=account,
            group=page.group,
            members=page.members[:MEMBERS_SHOWN_MAX],
            has_more=page.has_more or len(page.members) > MEMBERS_SHOWN_MAX,
            problem=problem,
        )


def _unless_same(typed: str | None, there: str) -> str | None:
    """What was typed; None where that is what there is."""
    return None if typed == there else typed
