"""SIMs by the hardware that they are expected in, and SIMs that are loaded."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from tallystick.store.connection import Asking

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

DENSE_ROWS_MIN = 1_000  # from so many keys on it is worth trying to read all that lies between them
# Which is cheaper while there are fewer rows than this for each key at hand.
DENSE_ROWS_A_KEY_MAX = 8
# A store with no more expectations than this for each hardware at hand is read whole: to find one
# by its hardware costs SQLite several times as much, for it looks at the row, too.
WHOLE_ROWS_A_KEY_MAX = 4
# Expectations of the hardware at hand that are looked at, where its number allows no more: a number
# that was never set may be expected for a whole fleet.
CLAIMS_MAX = 100_000


class HardwareQuestions(Asking):
    """Which SIMs belong to hardware, and which are loaded."""

    def claims_on(self, hardware: pl.Series) -> pl.DataFrame:
        """`hardware` and `iccid` of expectations of at least this hardware, which is in order.

        There are at most eight for each hardware on average, or 100,000 where those are more. For
        much hardware, one question tells whether anything is expected there at all, and a store
        that has few expectations for each hardware is read whole.
        """
        if len(hardware) >= DENSE_ROWS_MIN:
            if not self._numbers("any_claim_between", first=hardware[0], last=hardware[-1]):
                return pl.DataFrame(schema={"hardware": pl.Int64, "iccid": pl.Int64})
            whole_max = len(hardware) * WHOLE_ROWS_A_KEY_MAX
            if (self._value(int, "expectations_up_to", at_most=whole_max + 1) or 0) <= whole_max:
                return self._connection.frame("all_claims")
        return self._connection.frame(
            "some_claims",
            hardware=self._connection.set_of(hardware),
            at_most=max(len(hardware) * DENSE_ROWS_A_KEY_MAX, CLAIMS_MAX),
        )

    def claims_of(self, hardware: Iterable[int]) -> Iterator[tuple[int, int]]:
        """Hardware and SIM of every expectation of some hardware."""
        asked = self._connection.set_of(hardware)
        rows = self._connection.rows("claimed_hardware", hardware=asked)
        yield from ((claimed, iccid) for claimed, iccid in rows)

    def unloaded_in(self, iccids: pl.Series) -> pl.Series:
        """Those of some SIMs, in order and each once, that are not loaded."""
        if iccids.is_empty() or not self.may_have_sims(iccids):
            return iccids
        # Columns that Polars knows to be in order are merged, at a tenth of the cost of look-ups.
        loaded = self._loaded_in(iccids).sort().to_frame("iccid")
        known = iccids.sort().to_frame("iccid").join(loaded, on="iccid")["iccid"]
        if len(known) == len(iccids):
            return iccids.clear()
        return iccids.filter(~iccids.is_in(known.implode()))

    def _loaded_in(self, iccids: pl.Series) -> pl.Series:
        """At least those of some SIMs, in order, that are loaded."""
        if len(iccids) >= DENSE_ROWS_MIN and self.asks_ranges_for(len(iccids)):
            crowd_max = len(iccids) * DENSE_ROWS_A_KEY_MAX
            between = self._connection.frame(
                "loaded_between", first=iccids[0], last=iccids[-1], at_most=crowd_max
            )
            if len(between) < crowd_max:
                return between["iccid"]
        asked = self._connection.set_of(iccids)
        return self._connection.frame("loaded_sims", iccids=asked)["iccid"]

    def may_have_sims(self, iccids: Sequence[int] | pl.Series) -> bool:
        """Whether any of these SIMs may be loaded: one from the least to the greatest is.

        Facts are often loaded before SIMs: that there is none is one look-up, not one for each.
        """
        if not self.asks_ranges_for(len(iccids)):
            return True
        first, last = _ends(iccids)
        return bool(self._numbers("loaded_between", first=first, last=last, at_most=1))

    def loaded_sims(self, iccids: Iterable[int]) -> set[int]:
        """Those of some SIMs that are loaded."""
        return set(self._numbers("loaded_sims", iccids=self._connection.set_of(iccids)))


def _ends(iccids: Sequence[int] | pl.Series) -> tuple[int, int]:
    """The least and the greatest of some numbers; of a column without making each of it."""
    if isinstance(iccids, pl.Series):
        return iccids.min(), iccids.max()  # type: ignore[return-value] # of whole numbers
    return min(iccids), max(iccids)
