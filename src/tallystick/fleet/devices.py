"""Lists of devices: the SIMs that an asker may see (contract, section 4)."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from tallystick.core.errors import NoAccounts
from tallystick.core.identifiers import Iccid, Mdn
from tallystick.core.selection import UNASSIGNED, account_number, account_of_group, found_group

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from tallystick.core.selection import Listed
    from tallystick.store import Reader
    from tallystick.store.devices import Device

DEVICES_A_PAGE_MAX = 2000


@dataclass(frozen=True, slots=True)
class Match:
    """What the digits of an identifier begin with, hold and end with."""

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
class DevicePage:
    """Some devices in order of ICCID, and whether there are more after them."""

    devices: list[Device]
    has_more: bool


def page_of(reader: Reader, visible: Mapping[str, int], wanted: Wanted) -> DevicePage:
    """Give the next devices of those that are asked for.

    Raises `NoAccounts`, `AccountNotFound`, `AccountRequired` or `GroupNotFound`.
    """
    if not visible:
        raise NoAccounts
    accounts = [wanted.account] if wanted.account else list(visible)
    account_ids = [account_number(visible, name) for name in accounts]
    _require_group(reader, visible, wanted)
    fitting = (device for device in _walk(reader, account_ids, wanted) if _fits(device, wanted))
    devices = list(islice(fitting, wanted.at_most + 1))
    return DevicePage(devices[: wanted.at_most], len(devices) > wanted.at_most)


def _require_group(reader: Reader, visible: Mapping[str, int], wanted: Wanted) -> None:
    if wanted.group is None:
        return
    account = account_of_group(wanted.group, [wanted.account] if wanted.account else [])
    found_group(reader.group_id(visible[account], wanted.group), wanted.group, account)


def _walk(reader: Reader, account_ids: Collection[int], wanted: Wanted) -> Iterator[Device]:
    """The devices of these accounts in order, read a page at a time, or the listed ones of them."""
    if wanted.listed is not None:
        iccids = {*wanted.listed.iccids, *reader.iccids_of(wanted.listed.mdns)}
        later = [iccid for iccid in iccids if iccid > wanted.after]
        yield from reader.devices_among(account_ids, later)
        return
    after = wanted.after
    while page := reader.devices_after(account_ids, after, DEVICES_A_PAGE_MAX):
        yield from page
        after = page[-1].iccid


def _fits(device: Device, wanted: Wanted) -> bool:
    is_in_group = wanted.group is None or (device.group or UNASSIGNED) == wanted.group
    return is_in_group and all(match.fits(device) for match in wanted.matches)
