"""Lists of devices: the SIMs that an asker may see (contract, section 4)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import polars as pl

from tallystick.core.errors import InvalidValue, NoAccounts
from tallystick.core.identifiers import Iccid, Mdn
from tallystick.core.selection import UNASSIGNED, account_number, account_of_group, found_group
from tallystick.store.devices import LAST

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

    from tallystick.core.selection import Listed
    from tallystick.store import Reader
    from tallystick.store.devices import Device

DEVICES_A_PAGE_MAX = 2000
LOOKED_AT_MAX = 500_000
"""Devices that are looked at for one page; those that fit may be few, or none."""
LOOKED_AT_ONCE = 100_000


@dataclass(frozen=True, slots=True)
class Match:
    """What the digits of an identifier begin with, hold and end with."""

    kind: type[Iccid | Mdn]
    beginning: str = ""
    part: str = ""
    end: str = ""

    def fits(self) -> pl.Expr:
        """Whether a device's identifier is like that, of columns of compact integers.

        One that is not known, -1, is not.
        """
        column = pl.col("iccid" if self.kind is Iccid else "mdn")
        digits = _digits(self.kind, column)
        return (
            (column >= 0)
            & digits.str.starts_with(self.beginning)
            & digits.str.contains(self.part, literal=True)
            & digits.str.ends_with(self.end)
        )


def _digits(kind: type[Iccid | Mdn], compact: pl.Expr) -> pl.Expr:
    """The digits of compact integers."""
    room = kind.LENGTH_MAX - len(kind.PREFIX)
    # The one in front keeps leading zeros, and is cut off again.
    body = (compact // kind.LENGTHS + 10**room).cast(pl.String).str.slice(1)
    length = kind.LENGTH_MIN - len(kind.PREFIX) + compact % kind.LENGTHS
    return pl.concat_str(pl.lit(kind.PREFIX), body.str.slice(0, length))


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
    """Some devices in order of ICCID, and whether there are more after them.

    A page may be short while there are more, where few of the devices that were looked at fit.
    """

    devices: list[Device]
    has_more: bool


def page_of(
    reader: Reader,
    visible: Mapping[str, int],
    wanted: Wanted,
    looked_at_max: int = LOOKED_AT_MAX,
) -> DevicePage:
    """Give the next devices of those that are asked for.

    Raises `NoAccounts`, `AccountNotFound`, `AccountRequired`, `GroupNotFound`, or `InvalidValue`
    where none fits of as many as are looked at.
    """
    if not visible:
        raise NoAccounts
    accounts = [wanted.account] if wanted.account else list(visible)
    account_ids = [account_number(visible, name) for name in accounts]
    fitting_iccids: list[int] = []
    looked_at = 0
    last = wanted.after
    for numbers in _slices(reader, visible, account_ids, wanted):
        fitting = numbers.filter(*(match.fits() for match in wanted.matches))
        fitting_iccids += fitting["iccid"].to_list()
        looked_at += len(numbers)
        last = numbers["iccid"][-1]
        if len(fitting_iccids) > wanted.at_most or looked_at >= looked_at_max:
            break
    has_more = len(fitting_iccids) > wanted.at_most or looked_at >= looked_at_max
    if has_more and not fitting_iccids:
        message = (
            f"the filter fits none of {looked_at:,} devices after {wanted.after}; name a group or "
            f"what an ICCID starts with, or go on after the device {last}"
        )
        raise InvalidValue(message)
    return DevicePage(reader.devices_among(account_ids, fitting_iccids[: wanted.at_most]), has_more)


def _slices(
    reader: Reader, visible: Mapping[str, int], account_ids: Collection[int], wanted: Wanted
) -> Iterator[pl.DataFrame]:
    """`iccid` and `mdn` of the devices that may fit, in order: as many as a page has, then many."""
    numbers_between = _source(reader, visible, account_ids, wanted)
    if wanted.listed is not None:
        yield from _listed(reader, account_ids, wanted)
        return
    spans = [Iccid.span_of(match.beginning) for match in wanted.matches if match.kind is Iccid]
    after = max([wanted.after, *(first - 1 for first, _ in spans)])
    until = min([LAST, *(last for _, last in spans)])
    size = wanted.at_most + 1
    while len(numbers := numbers_between(after, until, size)):
        yield numbers
        if len(numbers) < size:
            return
        after, size = numbers["iccid"][-1], LOOKED_AT_ONCE


def _source(
    reader: Reader, visible: Mapping[str, int], account_ids: Collection[int], wanted: Wanted
) -> Callable[[int, int, int], pl.DataFrame]:
    """What gives the numbers of SIMs of the accounts, or of the group that is named."""
    if wanted.group is None:
        return partial(reader.numbers_of_devices, account_ids)
    account = account_of_group(wanted.group, [wanted.account] if wanted.account else [])
    account_id = visible[account]
    group_id = found_group(reader.group_id(account_id, wanted.group), wanted.group, account)
    return partial(reader.numbers_of_group, account_id, group_id)


def _listed(reader: Reader, account_ids: Collection[int], wanted: Wanted) -> Iterator[pl.DataFrame]:
    """Those that are listed one by one."""
    assert wanted.listed is not None  # noqa: S101 - asked before
    iccids = {*wanted.listed.iccids, *reader.iccids_of(wanted.listed.mdns)}
    later = [iccid for iccid in iccids if iccid > wanted.after]
    numbers = [
        (int(device.iccid), -1 if device.mdn is None else int(device.mdn))
        for device in reader.devices_among(account_ids, later)
        if wanted.group in {None, device.group or UNASSIGNED}
    ]
    if numbers:
        yield pl.DataFrame(numbers, schema={"iccid": pl.Int64, "mdn": pl.Int64}, orient="row")
