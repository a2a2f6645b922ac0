"""`/api/v1/accounts` and what is below it: accounts and their groups."""

from __future__ import annotations

from typing import TYPE_CHECKING

import falcon
import msgspec
from msgspec import UNSET, UnsetType

from tallystick.api.answers import accounts as answers
from tallystick.api.calls import ADMIN, AFTER, address_of, after_in, name_in, struct_of
from tallystick.api.operation import operation
from tallystick.core.approval import Approval
from tallystick.core.pairing import FirstUse
from tallystick.core.selection import listed
from tallystick.fleet import accounts, groups
from tallystick.http.acts import records

if TYPE_CHECKING:
    from falcon import Request, Response

    from tallystick.store import Store


class NewAccount(msgspec.Struct, forbid_unknown_fields=True):
    """An account to be made."""

    name: str


class AccountChange(msgspec.Struct, forbid_unknown_fields=True):
    """What is to become of an account."""

    name: str | UnsetType = UNSET
    first_use: FirstUse | UnsetType = UNSET
    approval: Approval | UnsetType = UNSET


class NewGroup(msgspec.Struct, forbid_unknown_fields=True):
    """A group to be made, of SIMs by ICCID or MDN."""

    name: str
    description: str = ""
    add: list[str] = []


class GroupChange(msgspec.Struct, forbid_unknown_fields=True):
    """What is to become of a group.

    SIMs are named by ICCID or MDN, and those to be removed go first.
    """

    name: str | UnsetType = UNSET
    description: str | UnsetType = UNSET
    add: list[str] = []
    remove: list[str] = []


class Accounts:
    """Every account."""

    def __init__(self, store: Store) -> None:
        self._store = store

    @operation(scope=ADMIN, answer=answers.AccountList)
    def on_get(self, _req: Request, resp: Response) -> None:
        """List the accounts."""
        with self._store.snapshot() as reader:
            resp.data = msgspec.json.encode(answers.account_list(accounts.listed(reader)))

    @operation(scope=ADMIN, body=NewAccount, answer=answers.AccountAnswer, status=201)
    @records("account.add")
    def on_post(self, req: Request, resp: Response) -> None:
        """Make an account."""
        name = struct_of(req, NewAccount).name
        with self._store.transaction() as writer:
            accounts.add(writer, name)
            made = accounts.show(writer, name)
        resp.status = falcon.HTTP_201
        resp.location = address_of("accounts", name)
        resp.data = msgspec.json.encode(answers.account_answer(made))


class Account:
    """One account."""

    def __init__(self, store: Store) -> None:
        self._store = store

    @operation(scope=ADMIN, answer=answers.AccountAnswer)
    def on_get(self, _req: Request, resp: Response, account: str) -> None:
        """Show what an account has, and who sees it."""
        with self._store.snapshot() as reader:
            resp.data = msgspec.json.encode(
                answers.account_answer(accounts.show(reader, name_in(account)))
            )

    @operation(scope=ADMIN, body=AccountChange, answer=answers.AccountAnswer)
    @records("account.change")
    def on_patch(self, req: Request, resp: Response, account: str) -> None:
        """Rename an account, change its policy, or have it ask for approval.

        A new name and another policy are read in reports of its past, too.
        """
        name, wanted = name_in(account), struct_of(req, AccountChange)
        new_name = name if wanted.name is UNSET else wanted.name
        with self._store.transaction() as writer:
            accounts.rename(writer, name, new_name)
            if wanted.first_use is not UNSET:
                accounts.hold(writer, new_name, wanted.first_use)
            if wanted.approval is not UNSET:
                accounts.ask(writer, new_name, wanted.approval)
            resp.data = msgspec.json.encode(answers.account_answer(accounts.show(writer, new_name)))
        self._store.finish_work()

    @operation(scope=ADMIN, status=204)
    @records("account.remove")
    def on_delete(self, _req: Request, resp: Response, account: str) -> None:
        """Remove an account that has neither SIMs nor groups."""
        with self._store.transaction() as writer:
            accounts.remove(writer, name_in(account))
        resp.status = falcon.HTTP_204


class Groups:
    """Every group of an account."""

    def __init__(self, store: Store) -> None:
        self._store = store

    @operation(scope=ADMIN, answer=answers.GroupList)
    def on_get(self, _req: Request, resp: Response, account: str) -> None:
        """List the groups of an account."""
        with self._store.snapshot() as reader:
            listed_groups = groups.groups_of(reader, accounts.number_of(reader, name_in(account)))
        resp.data = msgspec.json.encode(
            answers.GroupList([answers.group_answer(group) for group in listed_groups])
        )

    @operation(scope=ADMIN, body=NewGroup, answer=answers.GroupChanged, status=201)
    @records("group.add")
    def on_post(self, req: Request, resp: Response, account: str) -> None:
        """Make a group, of SIMs if some are listed."""
        body = struct_of(req, NewGroup)
        added = listed(body.add)
        with self._store.transaction() as writer:
            account_id = accounts.number_of(writer, name_in(account))
            made = groups.create_and_show(writer, account_id, body.name, body.description, added)
        resp.status = falcon.HTTP_201
        resp.location = address_of("accounts", name_in(account), "groups", body.name)
        resp.data = msgspec.json.encode(answers.group_changed(made))


class Group:
    """One group of an account."""

    def __init__(self, store: Store) -> None:
        self._store = store

    @operation(
        scope=ADMIN,
        answer=answers.GroupPage,
        query=AFTER,
    )
    def on_get(self, req: Request, resp: Response, account: str, group: str) -> None:
        """Show a group and a page of its SIMs."""
        after = after_in(req)
        with self._store.snapshot() as reader:
            page = groups.members_of(
                reader, accounts.number_of(reader, name_in(account)), name_in(group), after
            )
        resp.data = msgspec.json.encode(answers.group_page(page))

    @operation(scope=ADMIN, body=GroupChange, answer=answers.GroupChanged)
    @records("group.change")
    def on_patch(self, req: Request, resp: Response, account: str, group: str) -> None:
        """Change a group: its name, its description, which SIMs are in it."""
        body = struct_of(req, GroupChange)
        wanted = groups.GroupChange(
            None if body.name is UNSET else body.name,
            None if body.description is UNSET else body.description,
            listed(body.add),
            listed(body.remove),
        )
        with self._store.transaction(sims=wanted.sims()) as writer:
            changed = groups.change_and_show(
                writer, accounts.number_of(writer, name_in(account)), name_in(group), wanted
            )
        resp.data = msgspec.json.encode(answers.group_changed(changed))

    @operation(scope=ADMIN, status=204)
    @records("group.remove")
    def on_delete(self, _req: Request, resp: Response, account: str, group: str) -> None:
        """Remove a group; its SIMs are in the default group then."""
        with self._store.transaction() as writer:
            groups.delete(writer, accounts.number_of(writer, name_in(account)), name_in(group))
        resp.status = falcon.HTTP_204
