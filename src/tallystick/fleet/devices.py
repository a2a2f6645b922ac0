"""Lists of devices: the SIMs that an asker may see (contract, section 4)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import polars as pl

from tallystick.core.allowed import HARDWARE
from tallystick.core.errors import InvalidValue, NoAccounts
from tallystick.core.identifiers import Iccid, Imei, Mdn
from tallystick.core.selection import UNASSIGNED, account_number, account_of_group, found_group
from tallystick.store.devices import LAST

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

    from tallystick.core.pairing import Activation
    from tallystick.core.selection import Listed
    from tallystick.store import Reader
    from tallystick.store.devices import Device

DEVICES_A_PAGE_MAX = 2000
LOOKED_AT_MAX = 500_000
"""Devices that are looked at for one page; those that fit may be few, or none."""
LOOKED_AT_ONCE = 100_000
SEARCHED_MAX = 20_000
"""Of so many devices each is looked at for one hardware; of more, those that an index names."""


@dataclass(frozen=True, slots=True)
class Match:
    """What the digits of an identifier begin with, hold and end with."""

    kind: type[Iccid | Mdn | Imei]
    beginning: str = ""
    part: str = ""
    end: str = ""

    def fits(self) -> pl.Expr:
        """Whether a device's identifier is like that, of columns of compact integers.

        One that is not known, -1, is not.
        """
        column = pl.col(self.kind.LABEL)
        digits = _digits(self.kind, column)
        return (
            (column >= 0)
            & digits.str.starts_with(self.beginning)
            & digits.str.contains(self.part, literal=True)
            & digits.str.ends_with(self.end)
        )


def _digits(kind: type[Iccid | Mdn | Imei], compact: pl.Expr) -> pl.Expr:
    """The digits of compact integers."""
    room = kind.LENGTH_MAX - len(kind.PREFIX)
    # The one in front keeps leading zeros, and is cut off again.
    body = (compact // kind.LENGTHS + 10**room).cast(pl.String).str.slice(1)
    length = kind.LENGTH_MIN - len(kind.PREFIX) + compact % kind.LENGTHS
    return pl.concat_str(pl.lit(kind.PREFIX), body.str.slice(0, length))


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which devices are asked for: those after an ICCID that fit all that is said of them.

    `imei` is the hardware that they were last seen in.
    """

    account: str | None = None
    group: str | None = None
    listed: Listed | None = None
    imei: Imei | None = None
    matches: tuple[Match, ...] = ()
    after: int = -1
    at_most: int = DEVICES_A_PAGE_MAX

    @property
    def hardware(self) -> int | None:
        """The hardware that devices were last seen in, where one is asked for."""
        if self.imei is not None:
            return self.imei.identity
        beginnings = (each.beginning for each in self.matches if each.kind is Imei)
        whole = (digits for digits in beginnings if len(digits) >= Imei.LENGTH_MIN)
        return next((int(digits[: Imei.LENGTH_MIN]) for digits in whole), None)

    @property
    def asks_where_seen(self) -> bool:
        """Whether it matters where devices were last seen."""
        return self.imei is not None or any(match.kind is Imei for match in self.matches)


@dataclass(frozen=True, slots=True)
class DevicePage:
    """Some devices in order of ICCID, and whether there are more after them.

    A page may be short while there are more, where few of the devices that were looked at fit.
    `last_seen` says where each was last seen; those that never were lack.
    """

    devices: list[Device]
    has_more: bool
    last_seen: Mapping[int, Activation]


class Slice(NamedTuple):
    """Devices that may fit, `iccid` and `mdn`, and how many SIMs were looked at for them."""

    numbers: pl.DataFrame
    looked_at: int


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
    for numbers, count in _slices(reader, visible, account_ids, wanted):
        looked_at += count
        if not numbers.is_empty():
            fitting_iccids += _fitting(reader, numbers, wanted)
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
    devices = reader.devices_among(account_ids, fitting_iccids[: wanted.at_most])
    return DevicePage(
        devices, has_more, reader.last_activations([device.iccid for device in devices])
    )


def _fitting(reader: Reader, numbers: pl.DataFrame, wanted: Wanted) -> list[int]:
    """Those of some devices that fit all that is said of them."""
    if wanted.asks_where_seen:
        seen = reader.last_seen(numbers["iccid"]).select("iccid", "imei")
        numbers = numbers.join(seen, on="iccid", how="left", maintain_order="left")
        numbers = numbers.with_columns(pl.col("imei").fill_null(-1))
    fits = [match.fits() for match in wanted.matches]
    if wanted.imei is not None:
        fits.append(pl.col("imei") // HARDWARE == wanted.imei.identity)
    return numbers.filter(*fits)["iccid"].to_list()


def _slices(
    reader: Reader, visible: Mapping[str, int], account_ids: Collection[int], wanted: Wanted
) -> Iterator[Slice]:
    """The devices that may fit, in order: as many as a page has, then many."""
    numbers_between = _source(reader, visible, account_ids, wanted)
    if wanted.listed is not None:
        yield _listed(reader, account_ids, wanted)
        return
    if wanted.hardware is not None:
        every = numbers_between(wanted.after, LAST, SEARCHED_MAX + 1)
        if len(every) <= SEARCHED_MAX:
            yield Slice(every, len(every))
        else:
            yield from _of_hardware(reader, account_ids, wanted, wanted.hardware)
        return
    spans = [Iccid.span_of(match.beginning) for match in wanted.matches if match.kind is Iccid]
    after = max([wanted.after, *(first - 1 for first, _ in spans)])
    until = min([LAST, *(last for _, last in spans)])
    size = wanted.at_most + 1
    while len(numbers := numbers_between(after, until, size)):
        yield Slice(numbers, len(numbers))
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


def _of_hardware(
    reader: Reader, account_ids: Collection[int], wanted: Wanted, hardware: int
) -> Iterator[Slice]:
    """Those that may have been seen in hardware."""
    after = wanted.after
    while iccids := _next_of_hardware(reader, hardware, after):
        yield Slice(_numbers_among(reader, account_ids, wanted, iccids), len(iccids))
        after = iccids[-1]


def _next_of_hardware(reader: Reader, hardware: int, after: int) -> list[int]:
    asked = (hardware, after, DEVICES_A_PAGE_MAX)
    named = {*reader.sims_of_hardware(*asked), *reader.sims_of_model(*asked)}
    return sorted(named)[:DEVICES_A_PAGE_MAX]


def _listed(reader: Reader, account_ids: Collection[int], wanted: Wanted) -> Slice:
    """Those that are listed one by one."""
    assert wanted.listed is not None  # noqa: S101 - asked before
    iccids = {*wanted.listed.iccids, *reader.iccids_of(wanted.listed.mdns)}
    later = [iccid for iccid in iccids if iccid > wanted.after]
    return Slice(_numbers_among(reader, account_ids, wanted, later), len(later))


def _numbers_among(
    reader: Reader, account_ids: Collection[int], wanted: Wanted, iccids: Collection[int]
) -> pl.DataFrame:
    """`iccid` and `mdn` of those of some SIMs that are the accounts', and in the group."""
    numbers = [
        (int(device.iccid), -1 if device.mdn is None else int(device.mdn))
        for device in reader.devices_among(account_ids, iccids)
        if wanted.group in {None, device.group or UNASSIGNED}
    ]
    return pl.DataFrame(numbers, schema={"iccid": pl.Int64, "mdn": pl.Int64}, orient="row")
