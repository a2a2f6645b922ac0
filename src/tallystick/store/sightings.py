"""Which SIMs were seen in one hardware, which are expected in it, and where SIMs were last seen.

A SIM is looked for where an expectation names the hardware or its model, and where sightings of
SIMs that have or had a row do. So the usual activation, in the hardware that is expected, costs
nothing more than it did, and a question reads a stretch of each of a few indexes. A SIM that never
had a row is not met in hardware that no expectation of it allows: it was seen there while nothing
was expected of it. `sims_activated_in` meets it, too, and reads every activation for that.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

from tallystick.core.allowed import Allowed
from tallystick.core.identifiers import Imei
from tallystick.core.moments import Moment
from tallystick.core.pairing import Activation, Expectation
from tallystick.store.neighbours import NeighbourQuestions

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    import polars as pl


class TimesIn(NamedTuple):
    """When a SIM was seen in one hardware first and last, and how often."""

    first_seen_at: Moment
    last_seen_at: Moment
    activations: int


class SightingQuestions(NeighbourQuestions):
    """SIMs by hardware, and hardware by SIM."""

    def sims_of_hardware(self, hardware: int, after: int, at_most: int) -> list[int]:
        """The next SIMs, in order, that may have been seen in hardware or expect it by its IMEI.

        They are too many rather than too few. `hardware` is the first 14 digits of its IMEI.
        """
        asked = {"hardware": hardware, "after": after, "at_most": at_most}
        named = {
            *self._numbers("sims_expecting_imei", **asked),
            *self._numbers("sims_listing_hardware", **asked),
            *self._numbers("sims_sighted_in_hardware", **asked),
        }
        return sorted(named)[:at_most]

    def sims_of_model(self, hardware: int, after: int, at_most: int) -> list[int]:
        """The next SIMs that may expect hardware by its model, in order."""
        model = hardware // Imei.SERIALS_A_TYPE * Imei.SERIALS_A_TYPE
        asked = {"hardware": model, "after": after, "at_most": at_most}
        named = {
            *self._numbers("sims_expecting_model", **asked),
            *self._numbers("sims_listing_hardware", **asked),
        }
        return sorted(named)[:at_most]

    def sims_activated_in(self, hardware: int) -> list[int]:
        """Every SIM that was seen in hardware, in order; reads all activations that there are."""
        return self._numbers("sims_activated_in", hardware=hardware)

    def times_in_hardware(self, hardware: int, iccids: Collection[int]) -> dict[int, TimesIn]:
        """When each of some SIMs was seen in hardware; those that never were lack."""
        rows = self._connection.rows(
            "times_in_hardware", hardware=hardware, iccids=self._connection.set_of(iccids)
        )
        return {iccid: TimesIn(Moment(first), Moment(last), n) for iccid, first, last, n in rows}

    def last_activations(self, iccids: Iterable[int]) -> dict[int, Activation]:
        """Where and when each of some SIMs was last seen; those that never were lack."""
        rows = self.last_seen(iccids).iter_rows()
        return {iccid: Activation(Moment(at), Imei(imei)) for iccid, at, imei in rows}

    def last_seen(self, iccids: Iterable[int]) -> pl.DataFrame:
        """`iccid`, `activated_at` and `imei` of the last activation of each of some SIMs."""
        return self._connection.frame("last_activations", iccids=self._connection.set_of(iccids))

    def expectations_of_each(self, iccids: Collection[int]) -> dict[int, list[Expectation]]:
        """Where each of some SIMs was and is expected, in order; SIMs that never were lack."""
        asked = self._connection.set_of(iccids)
        lists = self.lists_of(iccids)
        expectations = defaultdict(list)
        for iccid, since, value, _ in sorted(self._connection.rows("values_among", iccids=asked)):
            says = Allowed.read(value, lists.get((iccid, value)))
            expectations[iccid].append(Expectation(Moment(since), says))
        return expectations

    def sims_with_rows_in(self, hardware: Iterable[int]) -> set[int]:
        """The SIMs that have a row of the report in some hardware."""
        asked = self._connection.set_of(hardware)
        return set(self._numbers("sims_with_rows_in", hardware=asked))
