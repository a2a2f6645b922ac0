"""Hardware: the SIMs that were seen in it and when, and those that are expected in it.

A page costs what lies on it, and the histories of the SIMs on it. SIMs come in three parts, each in
order of ICCID: those that may have been seen in the hardware or that expect it by its own IMEI;
those that expect its model and were seen in it; and the others that expect its model. Within a page
the SIM that was seen last comes first.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from tallystick.core.allowed import LIST_MAX, allowed, is_model, member_fits
from tallystick.core.errors import InvalidValue
from tallystick.core.identifiers import BEFORE_ALL, Iccid, Mdn, shown
from tallystick.core.moments import BEGINNING
from tallystick.core.selection import is_imei_like

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from tallystick.core.facts import HardwareType
    from tallystick.core.identifiers import Imei
    from tallystick.core.moments import Moment
    from tallystick.core.pairing import Expectation
    from tallystick.store import Reader
    from tallystick.store.sightings import TimesIn

SIMS_A_PAGE = 100
SIMS_A_PAGE_MAX = 1_000
LOOKED_AT_MAX = 10_000
"""So many SIMs that may belong to hardware are looked at for one page."""
LOOKED_AT_ONCE = 500
CLAIMS_SHOWN_MAX = 10
PLACE = re.compile(r"([0-2])\.([0-9]{18,20})")


class Place(NamedTuple):
    """Where a page begins: the part, and the SIM in it that comes before."""

    part: int
    after: int


FIRST = Place(0, BEFORE_ALL)


class Claim(NamedTuple):
    """An expectation that allows the hardware, and until when it is in force; None: no end.

    `by` says what names the hardware: its `imei`, its model's `tac`, or a `list` of several.
    """

    effective_from: Moment
    until: Moment | None
    imei: str
    by: str


@dataclass(frozen=True, slots=True)
class HardwareSim:
    """A SIM that was seen in hardware, or is or was expected in it.

    `account` is None while the SIM waits to be loaded, `times` where it was never seen in it.
    `claims` are the newest, the newest first.
    """

    iccid: Iccid
    account: str | None
    times: TimesIn | None
    claims: list[Claim]


@dataclass(frozen=True, slots=True)
class HardwarePage:
    """Some SIMs of hardware and its type, where that is known.

    `next_page` is where the next page begins, if there is one. `is_cut` is whether there may be
    SIMs that were not looked at, because so many of other accounts show this number.
    """

    imei: Imei
    type: HardwareType | None
    sims: list[HardwareSim]
    next_page: Place | None
    is_cut: bool


def names_hardware(reader: Reader, text: str) -> bool:
    """Whether a text is an IMEI, and no phone number that a SIM has."""
    if not is_imei_like(text):
        return False
    may_be_mdn = text.isdigit() and len(text) <= Mdn.LENGTH_MAX
    return not (may_be_mdn and reader.iccids_of([Mdn.parse(text)]))


def type_names(reader: Reader, tacs: Collection[int]) -> dict[str, str]:
    """Manufacturer and model of types of hardware by TAC, of those that are known."""
    known = reader.types_among(tacs).values() if tacs else ()
    return {str(each.tac): f"{each.manufacturer} {each.model}".strip() for each in known}


def parse_place(text: str) -> Place:
    """Read where a page begins, which is what `place_text` gives. Raises `InvalidValue`."""
    form = PLACE.fullmatch(text)
    if form is None:
        message = f"a page begins where the field `next` of a page says, not at {shown(text)}"
        raise InvalidValue(message)
    return Place(int(form[1]), Iccid.parse(form[2]))


def place_text(place: Place) -> str:
    """Where a page begins, as people and programs hand it back."""
    return f"{place.part}.{Iccid(place.after)}"


def page(
    reader: Reader,
    imei: Imei,
    visible: Mapping[str, int] | None = None,
    begin: Place = FIRST,
    sims_max: int = SIMS_A_PAGE,
    also: Sequence[int] = (),
) -> HardwarePage:
    """Give some SIMs of hardware.

    `visible` are the numbers, by name, of the accounts that the asker may see, None all of them and
    SIMs that are not loaded too. `also` are SIMs, in order, that are known to have been seen in the
    hardware.
    """
    walk = _Walk(reader, imei, visible, also)
    placed: list[tuple[Place, HardwareSim]] = []
    for each in walk.sims_from(begin):
        placed.append(each)
        if len(placed) > sims_max:
            break
    next_page = placed[sims_max - 1][0] if len(placed) > sims_max else walk.stopped_at
    sims = sorted((sim for _, sim in placed[:sims_max]), key=_newness, reverse=True)
    hardware_type = reader.types_among([imei.tac]).get(imei.tac)
    return HardwarePage(imei, hardware_type, sims, next_page, walk.is_cut)


def whole(
    reader: Reader, imei: Imei, begin: Place = FIRST, also: Sequence[int] = ()
) -> Iterator[HardwarePage]:
    """Every page from one on, for one who may see all accounts."""
    next_page: Place | None = begin
    while next_page is not None:
        read = page(reader, imei, begin=next_page, also=also)
        yield read
        next_page = read.next_page


def _newness(sim: HardwareSim) -> tuple[int, int, int]:
    """What SIMs are sorted by: those that were seen come behind those that were not."""
    claimed = sim.claims[0].effective_from if sim.claims else BEGINNING
    return (sim.times.last_seen_at if sim.times else BEGINNING), claimed, -sim.iccid


class _Walk:
    """The SIMs of one hardware, part by part."""

    def __init__(
        self,
        reader: Reader,
        imei: Imei,
        visible: Mapping[str, int] | None,
        also: Sequence[int],
    ) -> None:
        self._reader = reader
        self._also = also
        self._imei = imei
        self._visible = visible
        accounts = reader.accounts() if visible is None else visible
        self._names = {number: name for name, number in accounts.items()}
        self._last_visible: Place | None = None
        self.stopped_at: Place | None = None
        self.is_cut = False

    def sims_from(self, begin: Place) -> Iterator[tuple[Place, HardwareSim]]:
        """The SIMs from a place on. It stops after `LOOKED_AT_MAX` have been looked at."""
        looked_at, after = 0, begin.after
        for part in range(begin.part, 3):
            while iccids := self._candidates(part, after):
                after = iccids[-1]
                for sim in self._looked_at(part, iccids):
                    yield Place(part, sim.iccid), sim
                looked_at += len(iccids)
                if looked_at >= LOOKED_AT_MAX:
                    self._stop(Place(part, after))
                    return
            after = BEFORE_ALL

    def _stop(self, place: Place) -> None:
        """Stop at a place; of SIMs that the asker may not see nothing is told."""
        if self._visible is None:
            self.stopped_at = place
            return
        self.stopped_at = self._last_visible
        self.is_cut = self._last_visible is None

    def _candidates(self, part: int, after: int) -> list[int]:
        if part:
            return self._reader.sims_of_model(self._imei.identity, after, LOOKED_AT_ONCE)
        return self._first_part(after, LOOKED_AT_ONCE)

    def _first_part(self, after: int, at_most: int) -> list[int]:
        """The next SIMs of the first part, in order; those that are known to be of it included."""
        named = self._reader.sims_of_hardware(self._imei.identity, after, at_most)
        place = bisect_right(self._also, after)
        return sorted({*named, *self._also[place : place + at_most]})[:at_most]

    def _looked_at(self, part: int, iccids: Sequence[int]) -> list[HardwareSim]:
        """Those of some SIMs in order that belong to a part and that the asker may see."""
        homes = self._reader.accounts_of_sims(iccids)
        seen = [each for each in iccids if self._visible is None or homes.get(each) in self._names]
        if not seen:
            return []
        self._last_visible = Place(part, seen[-1])
        if part:
            seen = self._without_first_part(seen)
        sims = self._described(seen, homes)
        if part:
            return [sim for sim in sims if (sim.times is not None) == (part == 1)]
        return sims

    def _without_first_part(self, iccids: Sequence[int]) -> list[int]:
        first = iccids[0] - 1
        there = set(self._first_part(first, LOOKED_AT_MAX))
        return [iccid for iccid in iccids if iccid not in there]

    def _described(self, iccids: Collection[int], homes: Mapping[int, int]) -> list[HardwareSim]:
        times = self._reader.times_in_hardware(self._imei.identity, iccids)
        expectations = self._reader.expectations_of_each(iccids)
        sims = [
            HardwareSim(
                Iccid(iccid),
                self._names.get(homes[iccid]) if iccid in homes else None,
                times.get(iccid),
                claims_on(self._imei, expectations.get(iccid, [])),
            )
            for iccid in iccids
        ]
        return [sim for sim in sims if sim.times or sim.claims]


def claims_on(imei: Imei, expectations: Sequence[Expectation]) -> list[Claim]:
    """Those of one SIM's expectations, in order, that name hardware, the newest first."""
    claims = [
        Claim(each.effective_from, until, str(each.imei), _named_by(each))
        for each, until in _with_ends(expectations)
        if any(member_fits(member, imei) for member in allowed(each.imei).members)
    ]
    return claims[-CLAIMS_SHOWN_MAX:][::-1]


def _with_ends(expectations: Sequence[Expectation]) -> Iterator[tuple[Expectation, Moment | None]]:
    """Each of one SIM's expectations in order, and when the next one comes into force."""
    for each, later in pairwise([*expectations, None]):
        if each is not None:
            yield each, None if later is None else later.effective_from


def _named_by(expectation: Expectation) -> str:
    if expectation.imei <= LIST_MAX:
        return "list"
    return "tac" if is_model(expectation.imei) else "imei"
