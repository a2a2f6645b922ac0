"""Histories: where a SIM has been and where it was expected, newest first, a page at a time.

A page costs what lies on it. It ends where it has as many stays as were asked for, or where so much
was read that the next page has to go on. So a stay of more than 30,000 activations comes in parts,
and so does one during which hundreds of expectations of the same hardware came into force.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tallystick.core.errors import SimNotFound
from tallystick.core.identifiers import LIKE_AN_IMEI, Iccid, Imei, shown
from tallystick.core.moments import BEGINNING, LAST, exact, moment_of, parse_named
from tallystick.core.pairing import Activation, FirstUse, Run, in_force_at, stays, with_first_use
from tallystick.core.selection import identifier, is_imei_like

if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Sequence

    from tallystick.core.facts import Sim
    from tallystick.core.moments import Moment
    from tallystick.core.pairing import Expectation, Pairing
    from tallystick.store import Reader

STAYS_A_PAGE = 100
STAYS_A_PAGE_MAX = 1_000
# Short stays need few activations, long ones many: each reading reaches further than the last. All
# of them together are no more than a page may cost where one stay is all that there is.
READINGS = (1_000, 9_000, 20_000)
NO_IMEI = Imei(0)  # before every IMEI of the same moment
BEHIND_ALL = Activation(LAST, Imei(2**62))
BETWEEN = "/"


@dataclass(frozen=True, slots=True)
class SimHistory:
    """A page of one SIM's history: its stays, newest first, and what was expected meanwhile.

    `expectations` are those in force at some time within the page, in order. `sim` is None while
    the SIM's other facts wait for it to be loaded; until then none of them is reported. `next_page`
    is the oldest activation of the page, if there are others before it.
    """

    iccid: Iccid
    sim: Sim | None
    expectations: list[Expectation]
    stays: list[Pairing]
    next_page: Activation | None

    @property
    def is_known(self) -> bool:
        """Whether anything is known of the SIM."""
        return bool(self.sim or self.expectations or self.stays)


def parse_before(text: str) -> Activation:
    """Read where a page begins: a moment, or what `next_of` gives. Raises `InvalidValue`."""
    moment, _, imei = text.partition(BETWEEN)
    activated_at = moment_of(parse_named("before", moment))
    return Activation(activated_at, Imei.parse(imei) if imei else NO_IMEI)


def next_of(history: SimHistory) -> str | None:
    """What to ask for the next page with, if there is one."""
    place = history.next_page
    return None if place is None else f"{exact(place.activated_at)}{BETWEEN}{place.imei}"


def iccids_named(reader: Reader, iccid_or_mdn: str) -> list[Iccid]:
    """The SIM with this ICCID, or every SIM with this MDN. Raises `InvalidValue`."""
    named = identifier(iccid_or_mdn)
    return [named] if isinstance(named, Iccid) else reader.iccids_of([named])


def unknown_sim(iccid_or_mdn: str) -> SimNotFound:
    """What is raised where nothing is known of a SIM."""
    message = f"there is no SIM with the ICCID or MDN {shown(iccid_or_mdn)}"
    if is_imei_like(iccid_or_mdn):
        message += LIKE_AN_IMEI
    return SimNotFound(message)


def history(
    reader: Reader,
    iccid_or_mdn: str,
    visible: Container[str] | None = None,
    before: Activation = BEHIND_ALL,
    stays_max: int = STAYS_A_PAGE,
) -> list[SimHistory]:
    """A page of the SIM with this ICCID, or of every SIM with this MDN.

    `visible` are the accounts that the asker may see, None all of them and SIMs that are not loaded
    too. SIMs of other accounts are not read further: a refusal takes as long for them as for none.
    Raises `InvalidValue` or `SimNotFound`.
    """
    pages: list[SimHistory] = []
    for iccid in iccids_named(reader, iccid_or_mdn):
        sim = reader.sim(iccid)
        if visible is None or (sim is not None and sim.account in visible):
            pages.append(_page(reader, iccid, sim, before, stays_max))
    known = [page for page in pages if page.is_known]
    if not known:
        raise unknown_sim(iccid_or_mdn)
    return known


def whole_history(reader: Reader, iccid_or_mdn: str, before: Activation) -> Iterator[SimHistory]:
    """Every page from one on, of one SIM after the other. Raises as `history` does."""
    for first in history(reader, iccid_or_mdn, before=before):
        page = first
        yield page
        while page.next_page:
            page = _page(reader, page.iccid, page.sim, page.next_page, STAYS_A_PAGE)
            yield page


def _page(
    reader: Reader, iccid: Iccid, sim: Sim | None, before: Activation, stays_max: int
) -> SimHistory:
    first_use = reader.first_uses()[sim.account] if sim else FirstUse.OFF
    part = _Part(reader, iccid, before, _policy(reader, iccid, first_use))
    for activations_max in READINGS:
        part.read(stays_max + 1, activations_max)
        if part.is_whole or len(part.stays) > stays_max:
            break
    newest = part.stays[-stays_max:]
    if part.is_whole and len(newest) == len(part.stays):
        return SimHistory(iccid, sim, part.expectations, newest[::-1], None)
    oldest = Activation(newest[0].opened_at, newest[0].imei)
    in_force = _from(part.expectations, oldest.activated_at)
    return SimHistory(iccid, sim, in_force, newest[::-1], oldest)


class _Part:
    """The part of a SIM's history before an activation that has been read; all in order of time."""

    def __init__(
        self, reader: Reader, iccid: Iccid, before: Activation, policy: list[Expectation]
    ) -> None:
        self._reader = reader
        self._iccid = iccid
        self._before = before
        self._policy = policy
        self._runs: list[Run] = []
        self.expectations: list[Expectation] = []
        self.stays: list[Pairing] = []
        self.is_whole = False

    @property
    def _first(self) -> Activation:
        """The first activation of this part."""
        run = self._runs[0] if self._runs else None
        return Activation(run.opened_at, run.imei) if run else self._before

    def read(self, runs_max: int, activations_max: int) -> None:
        """Read further back, so many runs and activations at most."""
        older = self._reader.runs_before(self._iccid, self._first, runs_max, activations_max)
        self._runs = [*reversed(older), *self._runs]
        previous = self._reader.last_activation_before(self._iccid, self._first)
        self.is_whole = previous is None
        since = previous.activated_at if previous else BEGINNING
        self.expectations = self._reader.in_force_between(
            self._iccid, since, self._before.activated_at
        )
        self.stays = _judged(previous, self._runs, [*self._policy, *self.expectations])


def _policy(reader: Reader, iccid: Iccid, first_use: FirstUse) -> list[Expectation]:
    """What the account's policy of first use expects, if it does."""
    if first_use is FirstUse.OFF or reader.is_expected_undated(iccid):
        return []
    first = reader.first_activation(iccid)
    return with_first_use([first] if first else [], [], first_use)


def _judged(
    previous: Activation | None, runs: Sequence[Run], expectations: Sequence[Expectation]
) -> list[Pairing]:
    """The stays of runs in order of time, `previous` being the activation before them."""
    if previous is None:
        return stays(runs, expectations)
    first, *later = stays([Run.of(previous), *runs], expectations)
    if first.activations == 1:
        return later
    # The oldest stay goes on from before these runs: what they have of it opens no row.
    rest = replace(
        first,
        imei=runs[0].imei,
        opened_at=runs[0].opened_at,
        activations=first.activations - 1,
        reported=False,
    )
    return [rest, *later]


def _from(expectations: Sequence[Expectation], moment: Moment) -> list[Expectation]:
    """Those of some expectations in order that were in force from a moment on."""
    in_force = in_force_at(expectations, moment)
    return [each for each in expectations if in_force is None or each >= in_force]
