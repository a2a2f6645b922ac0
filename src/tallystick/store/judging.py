"""Many activations judged at once, beside the writer: which of them need a closer look.

A SIM that was seen only where it is expected has no row, whatever the times. Nearly all SIMs of a healthy fleet are
like that, and whether one is follows from the activations at hand and the expectations alone. So it can be found out
in a snapshot, on another core, while earlier activations are written; `refresh` derives the rows of the others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import polars as pl

from tallystick.core.identifiers import Imei

if TYPE_CHECKING:
    from tallystick.store.reader import Reader

CROWD_SIMS_MIN = 1_000  # from so many SIMs on it is worth asking how many lie between them
SEEN = pl.col("imei") // Imei.IDENTITY_DIVISOR
CROWD_A_SIM_MAX = 8  # reading a range is cheaper while it holds fewer expectations than this for each SIM at hand


class Judged(NamedTuple):
    """What was found out of some activations.

    `suspects` are the SIMs, in order, with an unexpected activation among them; `strangers` those that are expected
    nowhere. It holds while the store's expectations are of this `version`.
    """

    suspects: list[int]
    strangers: list[int]
    version: int


def judge(reader: Reader, activations: pl.DataFrame) -> Judged | None:
    """Judge activations in order of SIM; None where they are too scattered for it to pay."""
    if len(activations) < CROWD_SIMS_MIN:
        return None
    iccids = activations["iccid"]
    crowd_max = iccids.n_unique() * CROWD_A_SIM_MAX
    expected = reader.expected_hardware_between(iccids[0], iccids[-1], crowd_max)
    if len(expected) == crowd_max:
        return None
    both = activations.join(expected, on="iccid", how="left")
    elsewhere = both.filter(pl.col("hardware") != SEEN)["iccid"].unique()
    strangers = both.filter(pl.col("hardware").is_null())["iccid"].unique()
    suspects = _unexpected(reader, activations.filter(pl.col("iccid").is_in(elsewhere.implode())))
    return Judged(suspects.unique().sort().to_list(), strangers.sort().to_list(), reader.expectations_version())


def _unexpected(reader: Reader, activations: pl.DataFrame) -> pl.Series:
    """The SIMs of those activations that are unexpected: what was expected last by then is other hardware."""
    expected = reader.expectations_among(activations["iccid"].unique().sort())
    in_force = activations.sort("activated_at").join_asof(
        expected.sort("effective_from"),
        left_on="activated_at",
        right_on="effective_from",
        by="iccid",
        check_sortedness=False,  # it is sorted, which Polars cannot see within each SIM
    )
    return in_force.filter(pl.col("hardware") != SEEN)["iccid"]
