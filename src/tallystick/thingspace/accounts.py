"""Accounts: `GET /accounts/{account}`, and which of them a user may see (contract, section 4)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgspec

from tallystick.core.selection import account_number
from tallystick.http.gate import for_users, user_of
from tallystick.thingspace.described import AccountAnswer, described
from tallystick.thingspace.names import name_meant

if TYPE_CHECKING:
    from falcon import Request, Response

    from tallystick.store import Reader, Store


def visible_account(reader: Reader, user_id: int, name: str) -> int:
    """The number of an account that the user may see. Raises `NoAccounts` or `AccountNotFound`."""
    return account_number(reader.view_of(user_id).accounts, name)


class NamedAccount(NamedTuple):
    """An account that the user may see."""

    account_id: int
    name: str


def account_in_path(reader: Reader, user_id: int, segment: str) -> NamedAccount:
    """The account that a segment of the path names, to a user who may see it.

    Raises `NoAccounts` or `AccountNotFound`.
    """
    visible = reader.view_of(user_id).accounts
    name = name_meant(segment, visible)
    return NamedAccount(account_number(visible, name), name)


class Account:
    """`GET /accounts/{account}`: what is known of an account."""

    def __init__(self, store: Store) -> None:
        self._store = store

    @described(answer=AccountAnswer)
    @for_users
    def on_get(self, req: Request, resp: Response, account: str) -> None:
        """Say that there is such an account; nothing more is known of one than its name."""
        user_id = user_of(req)
        with self._store.snapshot() as reader:
            name = account_in_path(reader, user_id, account).name
        resp.data = msgspec.json.encode({"accountName": name})
