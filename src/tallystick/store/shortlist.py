"""Many activations shortlist at once, beside the writer: which of them need a closer look.

A SIM that was seen only where it is expected has no row, whatever the times. Nearly all SIMs of a healthy fleet are
like that, and whether one is follows from the activations at hand and the expectations alone. So it can be found out
in a snapshot, on another core, while earlier activations are written; `refresh` derives the rows of the others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import polars as pl

from tallystick.core.identifiers import Imei
from tallystick.core.ledger import UNKNOWN_ORIGIN, Origin
from tallystick.store.batches import Facts, rows_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tallystick.store.reader import Reader

SEEN = pl.col("imei") // Imei.IDENTITY_DIVISOR
DENSE_SIMS_MIN = 1_000  # from so many SIMs on it is worth trying to read all that lie between them
DENSE_EXPECTATIONS_A_SIM_MAX = (
    8  # which is cheaper while that holds fewer expectations than this for each SIM at hand
)


class Shortlist(NamedTuple):
    """What was found out of some activations.

    `suspects` are the SIMs, in order, with an unexpected activation among them; `unknown_sims` those that the device
    database does not know, neither loaded nor expected anywhere; `is_dense` is whether they are many of those that lie
    between the first and the last. It holds while the store's expectations are of this `version`.
    """

    suspects: list[int]
    unknown_sims: list[int]
    is_dense: bool
    version: int


class Batch(NamedTuple):
    """Facts of one kind, what was found out of activations beforehand, and where expectations come from."""

    facts: Facts
    shortlist: Shortlist | None = None
    origin: Origin = UNKNOWN_ORIGIN


def together(batches: Sequence[Batch]) -> Batch:
    """Several batches of one kind as one; shortlist, where all of them were by the same expectations."""
    frames = [batch.facts for batch in batches if isinstance(batch.facts, pl.DataFrame)]
    if len(frames) < len(batches):
        return Batch([fact for batch in batches for fact in rows_of(batch.facts)])
    shortlists = [batch.shortlist for batch in batches if batch.shortlist]
    if len(shortlists) < len(batches) or len({each.version for each in shortlists}) > 1:
        return Batch(pl.concat(frames))
    suspects = sorted({iccid for each in shortlists for iccid in each.suspects})
    unknown_sims = sorted({iccid for each in shortlists for iccid in each.unknown_sims})
    return Batch(
        pl.concat(frames),
        Shortlist(suspects, unknown_sims, is_dense=False, version=shortlists[0].version),
    )


def shortlist_of(reader: Reader, activations: pl.DataFrame) -> Shortlist:
    """Judge activations by the expectations that a snapshot or a transaction sees."""
    expected, is_dense = _expected(reader, activations["iccid"])
    both = activations.join(expected, on="iccid", how="left")
    elsewhere = both.filter(pl.col("hardware") != SEEN)["iccid"].unique().sort()
    strangers = both.filter(pl.col("hardware").is_null())["iccid"].unique().sort()
    suspects = _unexpected(reader, activations, elsewhere)
    return Shortlist(suspects, _unknown(reader, strangers), is_dense, reader.expectations_version())


def _expected(reader: Reader, iccids: pl.Series) -> tuple[pl.DataFrame, bool]:
    """Where some SIMs are expected at some time; where a crowd of them is, with those between them."""
    sims = iccids.unique().sort()
    if len(sims) >= DENSE_SIMS_MIN:
        crowd_max = len(sims) * DENSE_EXPECTATIONS_A_SIM_MAX
        expected = reader.expected_hardware_between(sims[0], sims[-1], crowd_max)
        if len(expected) < crowd_max:
            return expected, True
    return reader.expectations_among(sims), False


def _unknown(reader: Reader, strangers: pl.Series) -> list[int]:
    """Those of some SIMs, in order and expected nowhere, that are not loaded either."""
    # Activations are often loaded first: that there is no SIM among them is one look-up, not one for each.
    if strangers.is_empty() or not reader.has_sims_between(strangers[0], strangers[-1]):
        return strangers.to_list()
    return strangers.filter(~strangers.is_in(reader.loaded_sims(strangers).implode())).to_list()


def _unexpected(reader: Reader, activations: pl.DataFrame, elsewhere: pl.Series) -> list[int]:
    """Those of some SIMs with an unexpected activation: what was expected last by then is other hardware."""
    if elsewhere.is_empty():
        return []
    in_force = (
        activations.filter(pl.col("iccid").is_in(elsewhere.implode()))
        .sort("activated_at")
        .join_asof(
            reader.expectations_among(elsewhere).sort("effective_from"),
            left_on="activated_at",
            right_on="effective_from",
            by="iccid",
            check_sortedness=False,  # it is sorted, which Polars cannot see within each SIM
        )
    )
    return in_force.filter(pl.col("hardware") != SEEN)["iccid"].unique().sort().to_list()
