"""What a question may pick: accounts that the asker may see, groups of them, and SIMs one by one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tallystick.core.errors import AccountNotFound, NoAccounts
from tallystick.core.identifiers import shown

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tallystick.core.identifiers import Iccid, Mdn

UNASSIGNED = "Unassigned Devices"
"""The group that every account has: the SIMs that are in none of its others (contract, section 4)."""


@dataclass(frozen=True, slots=True)
class Listed:
    """SIMs picked one by one: the union of both kinds."""

    iccids: tuple[Iccid, ...] = ()
    mdns: tuple[Mdn, ...] = ()


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
