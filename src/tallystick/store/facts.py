"""Facts as they were taken in: of one SIM, and of those that activations are judged by."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any, NamedTuple

from tallystick.core.allowed import Allowed
from tallystick.core.facts import Sim
from tallystick.core.identifiers import Iccid, Imei, Mdn
from tallystick.core.moments import Moment
from tallystick.core.pairing import Activation, Expectation
from tallystick.store.connection import Asking

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    import polars as pl

    from tallystick.core.reasons import Pair, Put


class Counts(NamedTuple):
    """How much is in the store."""

    accounts: int
    sims: int
    expectations: int
    activations: int
    mismatches: int


class Taken(NamedTuple):
    """What became of a batch of facts: how many were new, how many repeated what was known.

    `accounts_made` are accounts that were not known, and are made.
    """

    accepted: int
    duplicate: int
    accounts_made: tuple[str, ...] = ()

    def and_also(self, other: Taken) -> Taken:
        """Both together."""
        return Taken(
            self.accepted + other.accepted,
            self.duplicate + other.duplicate,
            self.accounts_made + other.accounts_made,
        )


def sim_of(row: tuple[Any, ...]) -> Sim:
    """A SIM from its columns."""
    iccid, mdn, account, activation_date, generation = row
    return Sim(
        Iccid(iccid),
        None if mdn is None else Mdn(mdn),
        account,
        None if activation_date is None else Moment(activation_date),
        generation,
    )


class FactQuestions(Asking):
    """What is known of SIMs."""

    def sim(self, iccid: Iccid) -> Sim | None:
        """What the device database knows of a SIM."""
        row = self._connection.row("sim", iccid=iccid)
        return None if row is None else sim_of(row)

    def expectations_of(self, iccid: Iccid) -> list[Expectation]:
        """Where a SIM was expected, in order."""
        rows = self._connection.rows("expectations_of", iccid=iccid)
        return [
            Expectation(Moment(effective_from), Allowed.read(value, members))
            for effective_from, value, members in rows
        ]

    def activations_of(self, iccid: Iccid) -> list[Activation]:
        """Where a SIM was seen, in order."""
        rows = self._connection.rows("activations_of", iccid=iccid)
        return [Activation(Moment(activated_at), Imei(imei)) for activated_at, imei in rows]

    def facts_of_each(self, iccids: Collection[int]) -> dict[int, tuple[list[Pair], list[Put]]]:
        """When and where each of some SIMs was seen.

        From when on and where it was expected, and by which change set. Neither is in any order.
        """
        histories: dict[int, tuple[list[Pair], list[Put]]] = defaultdict(lambda: ([], []))
        for iccid, *pair in self._connection.rows(
            "activations_among", iccids=self._connection.set_of(iccids)
        ):
            histories[iccid][0].append(tuple(pair))
        lists = self.lists_of(iccids)
        for iccid, since, value, change_set_id in self._connection.rows(
            "values_among", iccids=self._connection.set_of(iccids)
        ):
            says = Allowed.read(value, lists.get((iccid, value)))
            histories[iccid][1].append((since, says, change_set_id))
        return histories

    def lists_of(self, iccids: Iterable[int]) -> dict[tuple[int, int], str]:
        """The text of values with several members, by SIM and value."""
        rows = self._connection.rows("lists_of_sims", iccids=self._connection.set_of(iccids))
        return {(iccid, value): members for iccid, value, members in rows}

    def sims_in_account(self, account_id: int, iccids: Iterable[int]) -> list[int]:
        """Those of some SIMs that are the account's."""
        return self._numbers(
            "sims_in_account", account_id=account_id, iccids=self._connection.set_of(iccids)
        )

    def iccids_of(self, mdns: Iterable[Mdn]) -> list[Iccid]:
        """The SIMs that have these phone numbers."""
        return [
            Iccid(iccid)
            for iccid in self._numbers("sims_of_mdns", mdns=self._connection.set_of(mdns))
        ]

    def counts(self) -> Counts:
        """How much is in the store."""
        return Counts(*(self._connection.row("count_of_facts") or ()))

    def expectations_version(self) -> int:
        """How often expectations have changed."""
        return self._value(int, "expectations_version") or 0

    def expectations_between(self, first: int, last: int, at_most: int) -> pl.DataFrame:
        """The same columns as `expectations_among`, from one SIM to another, so many at most."""
        return self._connection.frame(
            "expectations_between", first=first, last=last, at_most=at_most
        )

    def expectations_among(self, iccids: Iterable[int]) -> pl.DataFrame:
        """`iccid`, `effective_from` and `value` of every expectation of some SIMs."""
        return self._connection.frame("expectations_among", iccids=self._connection.set_of(iccids))

    def unknown_sims(self, iccids: Iterable[int]) -> list[int]:
        """The SIMs that the device database does not know: neither loaded nor expected anywhere."""
        asked = set(iccids)
        return sorted(
            asked.difference(self._numbers("known_sims", iccids=self._connection.set_of(asked)))
        )
