"""The inventory: what is known of a SIM in short, and how it is moved and removed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from tallystick.core.allowed import allowed
from tallystick.core.errors import NotFound, SimNotFound
from tallystick.core.identifiers import Iccid, luhn_holds
from tallystick.core.pairing import FirstUse
from tallystick.core.selection import UNASSIGNED, found_account
from tallystick.core.written_values import with_check_digit
from tallystick.fleet.histories import iccids_named, unknown_sim

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tallystick.core.allowed import Allowed
    from tallystick.core.facts import Sim
    from tallystick.core.identifiers import Mdn
    from tallystick.core.ledger import Origin
    from tallystick.core.moments import Moment
    from tallystick.core.pairing import Activation
    from tallystick.core.selection import Listed
    from tallystick.store import Reader, Writer
    from tallystick.store.devices import Device

SIMS_A_PAGE_MAX = 2000


@dataclass(frozen=True, slots=True)
class SimRecord:
    """One SIM in short.

    `sim` and `group` are None while its other facts wait for it to be loaded.
    """

    iccid: Iccid
    sim: Sim | None
    group: str | None
    expectations: int
    activations: int
    mismatches: int


@dataclass(frozen=True, slots=True)
class SimPage:
    """Some SIMs in order of ICCID, each with its group, and whether there are more after them.

    `last_seen` says where and when each was last seen, and `expected` what it may be in now. SIMs
    lack that were never seen, or of which nothing is expected.
    """

    sims: list[Device]
    has_more: bool
    last_seen: Mapping[int, Activation]
    expected: Mapping[int, Allowed]


class Move(NamedTuple):
    """A SIM, and the account that it is to go to."""

    iccid: Iccid
    account: str


@dataclass(frozen=True, slots=True)
class SimsDone:
    """The SIMs that something was done to, and the refusals of the others by their place."""

    sims: list[Iccid]
    refused: dict[int, NotFound]

    def require_all(self) -> None:
        """Raise the first refusal, where there is one."""
        for refusal in self.refused.values():
            raise refusal


def page(reader: Reader, account: str | None, after: int, now: Moment) -> SimPage:
    """The next SIMs of an account, or of all, after an ICCID. Raises `AccountNotFound`."""
    accounts = reader.accounts()
    wanted = (
        [found_account(accounts.get(account), account)]
        if account is not None
        else list(accounts.values())
    )
    devices = reader.devices_after(wanted, after, SIMS_A_PAGE_MAX + 1)
    sims = devices[:SIMS_A_PAGE_MAX]
    return SimPage(
        sims,
        len(devices) > SIMS_A_PAGE_MAX,
        reader.last_activations([sim.iccid for sim in sims]),
        _expected(reader, sims, now),
    )


def _expected(reader: Reader, sims: Sequence[Device], now: Moment) -> dict[int, Allowed]:
    """What is expected of each SIM at a moment, by what was taken in or by its account's policy."""
    in_force = reader.in_force_since([sim.iccid for sim in sims], now)
    expected = {iccid: allowed(each.imei) for iccid, each in in_force.items()}
    policies = reader.first_uses()
    held = [
        sim.iccid
        for sim in sims
        if sim.iccid not in expected and policies[sim.account] is not FirstUse.OFF
    ]
    first = reader.first_activations(held)
    return expected | {iccid: allowed(imei) for iccid, (_, imei) in first.items()}


def records(reader: Reader, iccid_or_mdn: str) -> list[SimRecord]:
    """The SIM with this ICCID, or every SIM with this MDN, in short.

    Raises `InvalidValue` or `SimNotFound`.
    """
    named = [_record(reader, iccid) for iccid in iccids_named(reader, iccid_or_mdn)]
    known = [each for each in named if each.sim or each.expectations or each.activations]
    if not known:
        raise unknown_sim(iccid_or_mdn)
    return known


def _record(reader: Reader, iccid: Iccid) -> SimRecord:
    sim = reader.sim(iccid)
    return SimRecord(iccid, sim, sim and _group(reader, sim), *reader.counts_of_sim(iccid))


def _group(reader: Reader, sim: Sim) -> str:
    account_id = found_account(reader.account_id(sim.account), sim.account)
    (device,) = reader.devices_among([account_id], [sim.iccid])
    return device.group or UNASSIGNED


def move(writer: Writer, moves: Sequence[Move]) -> SimsDone:
    """Put SIMs in other accounts, out of the groups that they are in; their kept rows follow.

    Of several moves of one SIM the last counts. A SIM that is not loaded and an account that is not
    known are refused.
    """
    numbers = {account: writer.account_id(account) for account in {each.account for each in moves}}
    homes = writer.accounts_of_sims({each.iccid for each in moves})
    refused: dict[int, NotFound] = {}
    wanted: dict[Iccid, int] = {}
    for place, (iccid, account) in enumerate(moves):
        try:
            wanted[_loaded(iccid, homes)] = found_account(numbers[account], account)
        except NotFound as refusal:
            refused[place] = refusal
    routes: dict[tuple[int, int], list[Iccid]] = {}
    for iccid, account_id in wanted.items():
        if homes[iccid] != account_id:
            routes.setdefault((homes[iccid], account_id), []).append(iccid)
    for (left, entered), iccids in routes.items():
        writer.leave_groups(left, iccids)
        writer.move_sims(entered, iccids)
    return SimsDone([iccid for iccids in routes.values() for iccid in iccids], refused)


def remove(writer: Writer, iccids: Sequence[Iccid], origin: Origin) -> SimsDone:
    """Take SIMs out of the device database, with their expectations and memberships.

    What the network saw of them stays, as of a SIM that is not loaded yet. A SIM that the device
    database does not know is refused.
    """
    unknown = set(writer.unknown_sims(iccids))
    refused: dict[int, NotFound] = {
        place: _no_such_sim(iccid) for place, iccid in enumerate(iccids) if iccid in unknown
    }
    known = list(dict.fromkeys(iccid for iccid in iccids if iccid not in unknown))
    if known:
        writer.remove_sims(known, origin)
    return SimsDone(known, refused)


def not_loaded(reader: Reader, listed: Listed) -> list[tuple[str, Iccid | Mdn]]:
    """Those of some listed SIMs that are not loaded, each behind the name of its identifier."""
    loaded = reader.loaded_sims(listed.iccids)
    unknown: list[tuple[str, Iccid | Mdn]] = [
        ("ICCID", iccid) for iccid in dict.fromkeys(listed.iccids) if iccid not in loaded
    ]
    return unknown + [
        ("MDN", mdn) for mdn in dict.fromkeys(listed.mdns) if not reader.iccids_of([mdn])
    ]


def loaded_as(reader: Reader, iccids: Sequence[Iccid]) -> dict[Iccid, Iccid]:
    """The SIMs that are loaded, of some that are not, with a check digit more or less."""
    other_forms = [(iccid, other) for iccid in iccids for other in _other_forms(iccid)]
    loaded = reader.loaded_sims(other for _, other in other_forms)
    return {iccid: other for iccid, other in other_forms if other in loaded}


def _other_forms(iccid: Iccid) -> Iterator[Iccid]:
    """The ICCID with its check digit added, and without its last digit if that is one."""
    digits = str(iccid)
    if len(digits) < Iccid.LENGTH_MAX:
        yield with_check_digit(iccid, "add")
    if luhn_holds(digits) and len(digits) > Iccid.LENGTH_MIN:
        yield with_check_digit(iccid, "strip")


def _loaded(iccid: Iccid, homes: Mapping[int, int]) -> Iccid:
    if iccid not in homes:
        raise _no_such_sim(iccid)
    return iccid


def _no_such_sim(iccid: Iccid) -> SimNotFound:
    return SimNotFound(f"the device database has no SIM with the ICCID {iccid}")
