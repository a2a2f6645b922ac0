"""SIMs as the device database lists them: a few row by row, many as columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from tallystick.core.identifiers import MDN_LEFT_OUT
from tallystick.core.row_events import SIM
from tallystick.store.accounts import AccountChanges
from tallystick.store.batches import rows_of
from tallystick.store.facts import Taken
from tallystick.store.kept import KeptAnswer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tallystick.store.batches import Facts

ACCOUNT = 2  # the place of the account in a row of a SIM
ROW: dict[str, type[pl.DataType]] = {
    "iccid": pl.Int64,
    "mdn": pl.Int64,
    "account_id": pl.Int64,
    "activation_date": pl.Int64,
    "generation": pl.String,
}
"""The columns of a SIM as it is kept."""
# All between the first and the last SIM are read while they are no more than this for each.
DENSE_ROWS_A_SIM_MAX = 2


class SimChanges(KeptAnswer, AccountChanges):
    """SIMs put, and which of their rows may change by it."""

    def take_sims(self, sims: Facts) -> Taken:
        """Take SIMs in, making accounts that are not known yet; of one SIM the last counts."""
        if isinstance(sims, pl.DataFrame) and len(sims) and sims["iccid"].is_unique().all():
            return self._take_columns(sims)
        facts = rows_of(sims)
        account_ids, made = self.account_ids_made({account for _, _, account, _, _ in facts})
        rows = [
            (
                iccid,
                None if mdn == MDN_LEFT_OUT else mdn,
                account_ids[account],
                activation_date,
                generation,
            )
            for iccid, mdn, account, activation_date, generation in facts
        ]
        before = self.sims_as_kept([row[0] for row in rows])
        changed = self._connection.run_many("take_sim", rows)
        self._sims_put(before, {row[0]: row for row in rows})
        return Taken(changed, len(rows) - changed, made)

    def _take_columns(self, sims: pl.DataFrame) -> Taken:
        """The same for a frame that has each SIM once: what is written is what differs."""
        account_ids, made = self.account_ids_made(set(sims["account"]))
        put = sims.select(
            "iccid",
            pl.when(pl.col("mdn") != MDN_LEFT_OUT).then("mdn"),
            pl.col("account")
            .replace_strict(account_ids, return_dtype=pl.Int64)
            .alias("account_id"),
            "activation_date",
            "generation",
        ).cast(pl.Schema(ROW))
        known = self._known(put["iccid"])
        new = put.join(known, on="iccid", how="anti", maintain_order="left")
        differing = put.join(known, on="iccid", how="semi", maintain_order="left").join(
            known, on=list(ROW), how="anti", nulls_equal=True, maintain_order="left"
        )
        self._connection.run_frame("add_sim", new)
        self._connection.run_frame("take_sim", differing)
        self.sims_changed(new["iccid"].to_list(), SIM)
        self._sims_put(
            _by_iccid(known.join(differing, on="iccid", how="semi")), _by_iccid(differing)
        )
        changed = len(new) + len(differing)
        return Taken(changed, len(sims) - changed, made)

    def _known(self, iccids: pl.Series) -> pl.DataFrame:
        """At least those of some SIMs that are loaded, by the columns of `ROW`."""
        rows = self._known_between(iccids)
        if rows is None:
            rows = list(self.sims_as_kept(iccids.to_list()).values())
        return pl.DataFrame(rows, schema=ROW, orient="row")

    def _known_between(self, iccids: pl.Series) -> list[tuple[Any, ...]] | None:
        """Those that are loaded between some SIMs; None where that is much more than of them."""
        if not self.asks_ranges_for(len(iccids)):
            return None
        first, last = iccids.min(), iccids.max()
        at_most = DENSE_ROWS_A_SIM_MAX * len(iccids) + 1
        between = list(
            self._connection.rows("sims_as_kept_between", first=first, last=last, at_most=at_most)
        )
        return between if len(between) < at_most else None

    def _sims_put(
        self, before: Mapping[int, tuple[Any, ...]], after: Mapping[int, tuple[Any, ...]]
    ) -> None:
        """SIMs were put where there were others, or none: what of their rows may change?"""
        policies = self.policies() if before else {}
        read_differently, may_have_others = [], []
        for iccid, row in after.items():
            old = before.get(iccid)
            if old is None or policies[old[ACCOUNT]] != policies[row[ACCOUNT]]:
                may_have_others.append(iccid)
            elif old != row:
                read_differently.append(iccid)
        self.sims_changed(may_have_others, SIM)
        self.rows_changed(read_differently, SIM)


def _by_iccid(sims: pl.DataFrame) -> dict[int, tuple[Any, ...]]:
    return {row[0]: row for row in sims.rows()}
