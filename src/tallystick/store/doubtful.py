"""What is doubtful in the store: SIMs that are not loaded, and hardware that several SIMs share."""

from __future__ import annotations

from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING, NamedTuple

from tallystick.core.allowed import HARDWARE, Allowed
from tallystick.core.identifiers import BEFORE_ALL, Iccid
from tallystick.core.moments import Moment
from tallystick.store.connection import Asking

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tallystick.core.window import Window

HARDWARE_A_PAGE = 10_000


class LastExpectation(NamedTuple):
    """Where a SIM is expected by its last expectation."""

    iccid: Iccid
    imei: Allowed
    effective_from: Moment

    @property
    def hardware(self) -> int:
        """The first 14 digits of its IMEI, as an integer."""
        return int(self.imei) // HARDWARE


class SharedPage(NamedTuple):
    """Expectations of hardware in which several SIMs are expected, in order of the hardware.

    `last` is the hardware that was looked at last; None where there is no more.
    """

    expectations: list[LastExpectation]
    last: int | None


class DoubtfulQuestions(Asking):
    """Expectations and activations of SIMs that are not loaded, and hardware that SIMs share."""

    def count_unloaded(self) -> int:
        """How many SIMs are expected somewhere and not loaded.

        One walk through the keys of all expectations, with a look-up of each SIM.
        """
        return self._value(int, "count_of_unloaded") or 0

    def unloaded_after(self, after: int, at_most: int) -> list[LastExpectation]:
        """SIMs that are expected somewhere and not loaded, by ICCID, so many behind one.

        Costs a walk through the expectations up to the last of them.
        """
        iccids = self._numbers("unloaded_after", after=after, at_most=at_most)
        rows = self._connection.rows(
            "last_expectations_among", iccids=self._connection.set_of(iccids)
        )
        return [
            LastExpectation(Iccid(iccid), Allowed.read(value, members), Moment(since))
            for iccid, value, since, members in rows
        ]

    def shared_after(self, after: int, at_most: int = HARDWARE_A_PAGE) -> SharedPage:
        """Hardware, behind some, in which several SIMs are expected by their last expectations.

        One walk through the index of expectations by hardware finds what several SIMs were ever
        expected in, so much at most; of that, each expectation is looked up.
        """
        named = self._numbers("named_hardware_after", after=after, at_most=at_most)
        asked = self._connection.set_of(named)
        last = (
            LastExpectation(Iccid(iccid), Allowed(value), Moment(since))
            for _, iccid, value, since in self._connection.rows("last_in_hardware", hardware=asked)
        )
        shared = [
            each
            for _, of_hardware in groupby(last, attrgetter("hardware"))
            if len(sims := list(of_hardware)) > 1
            for each in sims
        ]
        return SharedPage(shared, named[-1] if len(named) == at_most else None)

    def shared_pages(self) -> Iterator[list[LastExpectation]]:
        """All hardware in which several SIMs are expected, a page at a time."""
        after: int | None = BEFORE_ALL
        while after is not None:
            page = self.shared_after(after)
            yield page.expectations
            after = page.last

    def bounds_of_seen(self) -> tuple[int, int] | None:
        """The first and the last SIM that was ever seen."""
        first, last = self._connection.row("bounds_of_seen") or (None, None)
        return None if first is None else (first, last)

    def seen_between(self, first: int, last: int, at_most: int) -> list[int]:
        """SIMs that were ever seen, from one to another, in order."""
        return self._numbers("seen_between", first=first, last=last, at_most=at_most)

    def last_seen_before(self, iccid: int) -> int:
        """The SIM before another, of those that were ever seen; the same where there is none."""
        return self._value(int, "last_seen_before", iccid=iccid) or iccid

    def seen_among(self, iccids: Iterable[int], window: Window) -> set[int]:
        """Those of some SIMs that were seen in the window."""
        return set(
            self._numbers(
                "seen_among",
                iccids=self._connection.set_of(iccids),
                earliest=window.earliest,
                latest=window.latest,
            )
        )
