"""What a question may pick: accounts that the asker may see, their groups, and single SIMs."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from tallystick.core.errors import (
    AccountNotFound,
    AccountRequired,
    GroupNotFound,
    InvalidValue,
    NoAccounts,
)
from tallystick.core.identifiers import Iccid, Imei, Mdn, shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

FoundGroup = TypeVar("FoundGroup")

UNASSIGNED = "Unassigned Devices"
"""The group that every account has: the SIMs that are in none of its others (contract, section 4).
"""
ICCID_ASKED_FOR = re.compile(r"[0-9]{1,20}")
"""What a request may name as an ICCID; the published example has 16 digits (contract, section 1).
"""


IMEI_LIKE = re.compile(r"[0-9]{14,16}|[0-9]{2}-[0-9]{6}-[0-9]{6}(?:-[0-9]{1,2})?")
"""Digits of an IMEI, or as standards print one."""


@dataclass(frozen=True, slots=True)
class Listed:
    """SIMs picked one by one: the union of both kinds."""

    iccids: tuple[Iccid, ...] = ()
    mdns: tuple[Mdn, ...] = ()


def identifier(text: str) -> Iccid | Mdn:
    """Read what names a SIM: an ICCID has at least 18 digits, an MDN at most 15.

    Raises `InvalidValue`.
    """
    if len(text) > Mdn.LENGTH_MAX:
        return Iccid.parse(text)
    try:
        return Mdn.parse(text)
    except InvalidValue as refusal:
        message = f"neither an ICCID nor an MDN: {refusal}"
        raise InvalidValue(message) from refusal


def is_imei_like(text: str) -> bool:
    """Whether a text has the form of an IMEI, which no ICCID has."""
    return IMEI_LIKE.fullmatch(text) is not None


def imei_asked_for(text: str) -> Imei:
    """Read the IMEI of hardware, as digits or as standards print it. Raises `InvalidValue`."""
    return Imei.parse(text.replace("-", "") if is_imei_like(text) else text)


def iccid_asked_for(label: str, text: str) -> Iccid | None:
    """Read the ICCID that a request names; None for digits that no card has, which pick nothing.

    Raises `InvalidValue`, which names the field by its label.
    """
    if not ICCID_ASKED_FOR.fullmatch(text):
        message = f"{label} must be an ICCID of 1-20 digits, not {shown(text)}"
        raise InvalidValue(message)
    try:
        return Iccid.parse(text)
    except InvalidValue:
        return None


def listed(texts: Iterable[str]) -> Listed:
    """Pick SIMs that are named by ICCID or MDN. Raises `InvalidValue`."""
    identifiers = [identifier(text) for text in texts]
    return Listed(
        tuple(named for named in identifiers if isinstance(named, Iccid)),
        tuple(named for named in identifiers if isinstance(named, Mdn)),
    )


def found_account(account_id: int | None, name: str) -> int:
    """Give the number of the account of this name, None being none, to one who may see all.

    Raises `AccountNotFound`.
    """
    if account_id is None:
        message = f"there is no account {shown(name)}"
        raise AccountNotFound(message)
    return account_id


def account_number(visible: Mapping[str, int], name: str) -> int:
    """Give the number of an account, `visible` being those that the asker may see.

    An account that does not exist and one that is not theirs read the same, so that names cannot be
    probed. Raises `NoAccounts` or `AccountNotFound`.
    """
    if not visible:
        raise NoAccounts
    if name not in visible:
        message = f"there is no account {shown(name)}, or this user may not see it"
        raise AccountNotFound(message)
    return visible[name]


def account_of_group(group: str, accounts: Sequence[str]) -> str:
    """Give the account that a group is named together with, which has to be the only one named.

    Raises `AccountRequired`.
    """
    if len(accounts) != 1:
        message = f"group {shown(group)} can only be named together with one account"
        raise AccountRequired(message)
    return accounts[0]


def found_group(row: FoundGroup | None, group: str, account: str) -> FoundGroup | None:
    """Give what was found of a group of an account, where None stands for the default group.

    Every account has the default group, and keeps nothing of it. Raises `GroupNotFound`.
    """
    if row is None and group != UNASSIGNED:
        message = f"there is no group {shown(group)} in account {shown(account)}"
        raise GroupNotFound(message)
    return row
