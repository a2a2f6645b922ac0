"""Many activations shortlisted at once, beside the writer: which of them need a closer look.

A SIM that was seen only where it is expected has no row, whatever the times. Nearly all SIMs of a
healthy fleet are like that, and whether one is follows from the activations at hand and the
expectations alone. So it can be found out in a snapshot, on another core, while earlier activations
are written; `refresh` derives the rows of the others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import polars as pl

from tallystick.core.allowed import FORM_BITS, HARDWARE, MODEL, NONE, TAC_FORM
from tallystick.core.ledger import UNKNOWN_ORIGIN, Origin
from tallystick.core.local import Span
from tallystick.store.batches import Facts, rows_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tallystick.store.reader import Reader

SEEN = pl.col("imei") // HARDWARE
DENSE_SIMS_MIN = 1_000  # from so many SIMs on it is worth trying to read all that lie between them
# Which is cheaper while there are fewer than this for each SIM at hand.
DENSE_EXPECTATIONS_A_SIM_MAX = 8
SPAN = ("iccid", "first_at", "last_at")


class Shortlist(NamedTuple):
    """What was found out of some activations.

    `spans` are stretches of time of SIMs in which activations are unexpected: `iccid`, `first_at`
    and `last_at`, in order. `is_dense` is whether the SIMs at hand are a large part of the range
    from the first to the last. All of it holds while `version` is that of the store's expectations.
    """

    spans: pl.DataFrame
    is_dense: bool
    version: int


class Batch(NamedTuple):
    """Facts of one kind, the shortlist of activations, and the origin of expectations."""

    facts: Facts
    shortlist: Shortlist | None = None
    origin: Origin = UNKNOWN_ORIGIN


def together(batches: Sequence[Batch]) -> Batch:
    """Several batches of one kind as one.

    It has a shortlist where all of them have one by the same expectations.
    """
    frames = [batch.facts for batch in batches if isinstance(batch.facts, pl.DataFrame)]
    if len(frames) < len(batches):
        return Batch([fact for batch in batches for fact in rows_of(batch.facts)])
    shortlists = [batch.shortlist for batch in batches if batch.shortlist]
    if len(shortlists) < len(batches) or len({each.version for each in shortlists}) > 1:
        return Batch(pl.concat(frames))
    spans = pl.concat([shortlist.spans for shortlist in shortlists])
    merged = Shortlist(spans, is_dense=False, version=shortlists[0].version)
    return Batch(pl.concat(frames), merged)


def spans_in(spans: pl.DataFrame) -> Iterator[tuple[int, Span]]:
    """The stretches of time of a shortlist."""
    return ((iccid, Span(first_at, last_at)) for iccid, first_at, last_at in spans.iter_rows())


def shortlist_of(reader: Reader, activations: pl.DataFrame) -> Shortlist:
    """Judge activations by the expectations that a snapshot or a transaction sees.

    Those that name the SIM by IMSI or MSISDN are looked at when it is known which SIM that is.
    """
    expected, is_dense = _expected(reader, activations["iccid"])
    spans = _unexpected(activations, expected, _elsewhere(activations, expected))
    return Shortlist(spans, is_dense, reader.expectations_version())


def _elsewhere(activations: pl.DataFrame, expected: pl.DataFrame) -> pl.Series:
    """The SIMs seen in other hardware than that of an expectation, whichever and whenever.

    Of each SIM only the least and the largest hardware expected are looked at, which tell as much
    as all of them: the pairs of one SIM's activations and expectations may be too many.
    """
    hardware = pl.col("value") // HARDWARE
    bounds = expected.group_by("iccid").agg(least=hardware.min(), largest=hardware.max())
    both = activations.join(bounds, on="iccid")
    other = (pl.col("least") != SEEN) | (pl.col("largest") != SEEN)
    return both.filter(other)["iccid"].unique().sort()


def _expected(reader: Reader, iccids: pl.Series) -> tuple[pl.DataFrame, bool]:
    """Where some SIMs are expected, from when on.

    Where a crowd of them is, with those between them.
    """
    sims = iccids.unique().sort()
    if len(sims) >= DENSE_SIMS_MIN and reader.asks_ranges_for(len(sims)):
        crowd_max = len(sims) * DENSE_EXPECTATIONS_A_SIM_MAX
        expected = reader.expectations_between(sims[0], sims[-1], crowd_max)
        if len(expected) < crowd_max:
            return expected, True
    return reader.expectations_among(sims), False


def _unexpected(
    activations: pl.DataFrame, expected: pl.DataFrame, elsewhere: pl.Series
) -> pl.DataFrame:
    """Where SIMs were seen unexpectedly.

    Stretches of activations that follow one another, all unexpected.
    """
    if elsewhere.is_empty():
        return pl.DataFrame(schema=dict.fromkeys(SPAN, pl.Int64))
    is_elsewhere = pl.col("iccid").is_in(elsewhere.implode())
    in_force = (
        activations.filter(is_elsewhere)
        .sort("activated_at")
        .join_asof(
            expected.filter(is_elsewhere).sort("effective_from"),
            left_on="activated_at",
            right_on="effective_from",
            by="iccid",
            check_sortedness=False,  # it is sorted, which Polars cannot see within each SIM
        )
    )
    in_order = in_force.sort("iccid", "activated_at", "imei").with_columns(
        is_unexpected=_is_unexpected().fill_null(value=False)
    )
    stretch = pl.struct("iccid", "is_unexpected").rle_id()
    return (
        in_order.with_columns(stretch=stretch)
        .filter(pl.col("is_unexpected"))
        .group_by("stretch", maintain_order=True)
        .agg(
            pl.col("iccid").first(),
            first_at=pl.col("activated_at").min(),
            last_at=pl.col("activated_at").max(),
        )
        .select(SPAN)
    )


def _is_unexpected() -> pl.Expr:
    """Whether a value does not allow the IMEI seen.

    One with several members is taken not to, to be looked at.
    """
    value, imei = pl.col("value"), pl.col("imei")
    is_other_hardware = value // HARDWARE != imei // HARDWARE
    is_same_model = ((value & FORM_BITS) == TAC_FORM) & (value // MODEL == imei // MODEL)
    is_other_member = (value >= 0) & is_other_hardware & ~is_same_model
    return is_other_member | ((value < 0) & (value != NONE))
