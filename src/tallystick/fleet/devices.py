"""Lists of devices: the SIMs of one account, or of all that the asker may see, by pages (contract, section 4)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tallystick.core.errors import AccountRequired, GroupNotFound, NoAccounts
from tallystick.core.identifiers import Iccid, Mdn, shown
from tallystick.core.selection import UNASSIGNED, account_number

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from tallystick.core.selection import Listed
    from tallystick.store import Reader
    from tallystick.store.devices import Device

DEVICES_A_PAGE_MAX = 2000


@dataclass(frozen=True, slots=True)
class Match:
    """What the digits of an identifier must begin with, hold and end with; a device without it does not match."""

    kind: type[Iccid | Mdn]
    beginning: str = ""
    part: str = ""
    end: str = ""

    def fits(self, device: Device) -> bool:
        """Whether a device's identifier is like that."""
        identifier = device.iccid if self.kind is Iccid else device.mdn
        if identifier is None:
            return False
        digits = str(identifier)
        return (
            digits.startswith(self.beginning) and digits.endswith(self.end) and self.part in digits
        )


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which devices are asked for: those after an ICCID that fit all that is said of them."""

    account: str | None = None
    group: str | None = None
    listed: Listed | None = None
    matches: tuple[Match, ...] = ()
    after: int = -1
    at_most: int = DEVICES_A_PAGE_MAX


@dataclass(frozen=True, slots=True)
class Page:
    """Some devices in order of ICCID, and whether there are more after them."""

    devices: list[Device]
    has_more: bool


def page_of(reader: Reader, visible: Mapping[str, int], wanted: Wanted) -> Page:
    """The next devices of those that are asked for.

    Raises `NoAccounts`, `AccountNotFound`, `AccountRequired` or `GroupNotFound`.
    """
    if not visible:
        raise NoAccounts
    account_ids = [
        account_number(visible, name) for name in ([wanted.account] if wanted.account else visible)
    ]
    _require_group(reader, account_ids, wanted)
    found: list[Device] = []
    for device in _walk(reader, account_ids, wanted):
        if _fits(device, wanted):
            found.append(device)
            if len(found) > wanted.at_most:
                break
    return Page(found[: wanted.at_most], len(found) > wanted.at_most)


def _require_group(reader: Reader, account_ids: Collection[int], wanted: Wanted) -> None:
    if wanted.group is None:
        return
    if wanted.account is None:
        message = f"group {shown(wanted.group)} can only be named together with its account"
        raise AccountRequired(message)
    if wanted.group != UNASSIGNED and not any(
        reader.group(each, wanted.group) for each in account_ids
    ):
        message = f"there is no group {shown(wanted.group)} in account {shown(wanted.account)}"
        raise GroupNotFound(message)


def _walk(reader: Reader, account_ids: Collection[int], wanted: Wanted) -> Iterator[Device]:
    """The devices of some accounts in order, read a page at a time, or those of them that are listed."""
    if wanted.listed is not None:
        iccids = {*wanted.listed.iccids, *reader.iccids_of(wanted.listed.mdns)}
        yield from reader.devices_among(
            account_ids, [iccid for iccid in iccids if iccid > wanted.after]
        )
        return
    after = wanted.after
    while some := reader.devices_after(account_ids, after, DEVICES_A_PAGE_MAX):
        yield from some
        after = some[-1].iccid


def _fits(device: Device, wanted: Wanted) -> bool:
    in_group = wanted.group is None or (device.group or UNASSIGNED) == wanted.group
    return in_group and all(match.fits(device) for match in wanted.matches)
