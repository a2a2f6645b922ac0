"""What a question may pick: accounts that the asker may see, groups of them, and SIMs one by one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tallystick.core.errors import AccountNotFound, InvalidValue, NoAccounts
from tallystick.core.identifiers import Iccid, Mdn, shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

UNASSIGNED = "Unassigned Devices"
"""The group that every account has: the SIMs that are in none of its others (contract, section 4)."""


@dataclass(frozen=True, slots=True)
class Listed:
    """SIMs picked one by one: the union of both kinds."""

    iccids: tuple[Iccid, ...] = ()
    mdns: tuple[Mdn, ...] = ()


def identifier(text: str) -> Iccid | Mdn:
    """What names a SIM; the lengths tell the two apart: an ICCID has at least 18 digits, an MDN at most 15.

    Raises `InvalidValue`.
    """
    if len(text) > Mdn.LENGTH_MAX:
        return Iccid.parse(text)
    try:
        return Mdn.parse(text)
    except InvalidValue as refusal:
        message = f"neither an ICCID nor an MDN: {refusal}"
        raise InvalidValue(message) from refusal


def listed(texts: Iterable[str]) -> Listed:
    """SIMs that are named by ICCID or MDN. Raises `InvalidValue`."""
    named = [identifier(text) for text in texts]
    return Listed(
        tuple(each for each in named if isinstance(each, Iccid)),
        tuple(each for each in named if isinstance(each, Mdn)),
    )


def found_account(account_id: int | None, name: str) -> int:
    """The number that the account of this name has, None being none, for one who may see all.

    Raises `AccountNotFound`.
    """
    if account_id is None:
        message = f"there is no account {shown(name)}"
        raise AccountNotFound(message)
    return account_id


def account_number(visible: Mapping[str, int], name: str) -> int:
    """The number of an account, `visible` being those that the asker may see. Raises `NoAccounts` or `AccountNotFound`.

    An account that does not exist and one that is not theirs read the same, so that names cannot be probed.
    """
    if not visible:
        raise NoAccounts
    if name not in visible:
        message = f"there is no account {shown(name)}, or this user may not see it"
        raise AccountNotFound(message)
    return visible[name]
