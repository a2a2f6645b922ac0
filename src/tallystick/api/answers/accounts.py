"""What accounts and their groups read like in JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from tallystick.core.approval import Approval
from tallystick.core.identifiers import text_or_none
from tallystick.core.pairing import FirstUse

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tallystick.fleet.accounts import Account
    from tallystick.fleet.groups import ChangedGroup, Group, MemberPage


class ListedAccount(msgspec.Struct):
    """An account by its name, and whether it asks for approval."""

    name: str
    approval: Approval


class AccountList(msgspec.Struct):
    """Every account, by name."""

    accounts: list[ListedAccount]


class AccountAnswer(msgspec.Struct):
    """An account: its SIMs, its groups beside the default one, and which users see it.

    `first_use` is what it expects of SIMs while no expectation is in force; `approval` is whether
    another person has to approve what is to be expected of its SIMs.
    """

    name: str
    first_use: FirstUse
    approval: Approval
    sims: int
    groups: int
    users: list[str]


class GroupAnswer(msgspec.Struct):
    """A group; the default one holds the SIMs that are in no other."""

    name: str
    description: str
    is_default: bool


class GroupList(msgspec.Struct):
    """Every group of an account: the default one, then the others by name."""

    groups: list[GroupAnswer]


class Member(msgspec.Struct):
    """A SIM in a group; `mdn` is null where it is not known."""

    iccid: str
    mdn: str | None


class GroupPage(GroupAnswer):
    """A group with some of its SIMs in order of ICCID.

    `next` is null, or what to ask for those behind them with.
    """

    sims: list[Member]
    next: str | None


class GroupChanged(GroupAnswer):
    """A group as it is now, and those ids that no SIM of the account has."""

    passed_over: list[str]


def account_list(approvals: Mapping[str, Approval]) -> AccountList:
    """Accounts, as they read."""
    return AccountList([ListedAccount(name, approval) for name, approval in approvals.items()])


def account_answer(account: Account) -> AccountAnswer:
    """An account, as it reads."""
    return AccountAnswer(
        account.name,
        account.first_use,
        account.approval,
        account.sims,
        account.groups,
        list(account.users),
    )


def group_answer(group: Group) -> GroupAnswer:
    """A group, as it reads."""
    return GroupAnswer(group.name, group.description, group.is_default)


def group_page(page: MemberPage) -> GroupPage:
    """A group with some of its SIMs, as they read."""
    sims = [Member(str(member.iccid), text_or_none(member.mdn)) for member in page.members]
    group = page.group
    return GroupPage(
        group.name,
        group.description,
        group.is_default,
        sims,
        sims[-1].iccid if page.has_more else None,
    )


def group_changed(changed: ChangedGroup) -> GroupChanged:
    """A group that was changed, as it reads."""
    group, passed_over = changed.group, changed.passed_over
    ids = [str(each) for each in (*passed_over.iccids, *passed_over.mdns)]
    return GroupChanged(group.name, group.description, group.is_default, ids)
