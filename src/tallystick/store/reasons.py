"""Other SIMs in the hardware of the report's rows.

Asked for many rows at once (docs/decisions/0016).
"""

from __future__ import annotations

from collections import defaultdict
from heapq import nsmallest
from itertools import groupby, islice, pairwise
from operator import itemgetter
from typing import TYPE_CHECKING

from tallystick.core.allowed import HARDWARE, LIST_MAX, Allowed
from tallystick.core.reasons import LISTED_MAX, Claim, Company
from tallystick.core.suspicious_values import is_placeholder
from tallystick.store.facts import FactQuestions
from tallystick.store.hardware import HardwareQuestions

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from tallystick.core.window import Window
    from tallystick.store.report import ExplainedRow

Seen = tuple[tuple[int, ...], int]
# Of SIMs that are expected in one hardware, so many are looked at: more are no device's own.
CLAIMS_MAX = 100
MORE_THAN_ONE = -1  # in the place of a SIM
NOBODY: Seen = ((), 0)
CROWD_MIN = 1_000
"""Hardware with more SIMs than this is a crowd, which is counted and not read."""


class ReasonQuestions(HardwareQuestions, FactQuestions):
    """What is told of other SIMs."""

    def lists_expected(self, rows: Iterable[ExplainedRow]) -> Mapping[tuple[int, int], str]:
        """The text of what was expected of rows, where that has several members, by SIM and value.

        Most fleets have none.
        """
        iccids = {iccid for _, _, iccid, _, expected, _ in rows if expected <= LIST_MAX}
        return self.lists_of(iccids) if iccids else {}

    def companies(
        self, rows: Sequence[ExplainedRow], account_ids: Collection[int], window: Window
    ) -> dict[int, Company]:
        """What is told of SIMs of some accounts in the hardware that rows were found in.

        Hardware is left out of which there is nothing to tell, and so is a number that many devices
        show: it says nothing of other SIMs.
        """
        sims_in = dict[int, int]()
        for _, _, iccid, imei, _, _ in rows:
            each = imei // HARDWARE
            if sims_in.setdefault(each, iccid) != iccid:
                sims_in[each] = MORE_THAN_ONE
        hardware = sorted(sims_in)
        claims = self._claims(sims_in, frozenset(account_ids))
        at_home = self._seen_at_home(claims, window)
        seen = self._seen(hardware, at_home, frozenset(account_ids), window)
        occupied = claims.keys() | seen.keys()
        return {
            each: Company(tuple(claims.get(each, ())), *seen.get(each, NOBODY)) for each in occupied
        }

    def _claims(
        self, sims_in: Mapping[int, int], account_ids: frozenset[int]
    ) -> dict[int, list[Claim]]:
        """The SIMs that are expected in hardware, in order; not where it is the one found in it."""
        asked = sorted(each for each in sims_in if not is_placeholder(each))
        by_imei = self.claims_of(asked)
        by_list = self._connection.rows("listed_claims", hardware=self._connection.set_of(asked))
        claimed = sorted(
            {(each, iccid) for each, iccid in (*by_imei, *by_list) if iccid != sims_in[each]}
        )
        if not claimed:
            return {}
        every = self._connection.set_of(sorted({iccid for _, iccid in claimed}))
        accounts = dict(self._connection.rows("accounts_of_sims", iccids=every))
        seen_by_asker = [
            (each, iccid) for each, iccid in claimed if accounts.get(iccid) in account_ids
        ]
        few = {
            (each, iccid)
            for each, of_each in groupby(seen_by_asker, key=itemgetter(0))
            for _, iccid in islice(of_each, CLAIMS_MAX)
        }
        return self._with_times(few) if few else {}

    def _with_times(self, claimed: set[tuple[int, int]]) -> dict[int, list[Claim]]:
        """When each hardware was claimed by which SIM, and where that one was found instead."""
        sims = sorted({iccid for _, iccid in claimed})
        iccids, lists = self._connection.set_of(sims), self.lists_of(sims)
        elsewhere = defaultdict(set)
        for iccid, seen_in, value in self._connection.rows("found_elsewhere", iccids=iccids):
            for each in _hardware_of(iccid, value, lists):
                elsewhere[each, iccid].add(seen_in)
        rows = sorted(self._connection.rows("values_among", iccids=iccids))
        claims = defaultdict(list)
        for (iccid, since, value, _), (next_iccid, next_since, *_) in pairwise(
            [*rows, (None, 0, 0, 0)]
        ):
            until = next_since if next_iccid == iccid else None
            for each in _hardware_of(iccid, value, lists):
                if (each, iccid) in claimed:
                    found_in = frozenset(elsewhere.get((each, iccid), ()))
                    claims[each].append(Claim(iccid, since, until, found_in))
        return claims

    def _seen_at_home(
        self, claims: Mapping[int, Iterable[Claim]], window: Window
    ) -> dict[int, set[int]]:
        """The SIMs that were seen in the window in hardware which they are expected in."""
        expected = {
            (claim.iccid, each) for each, claims_of_it in claims.items() for claim in claims_of_it
        }
        seen = defaultdict(set)
        if expected:
            iccids = self._connection.set_of(sorted({iccid for iccid, _ in expected}))
            for iccid, each in self._connection.rows(
                "seen_in_window", iccids=iccids, earliest=window.earliest, latest=window.latest
            ):
                if (iccid, each) in expected:
                    seen[each].add(iccid)
        return seen

    def _seen(
        self,
        hardware: Iterable[int],
        at_home: Mapping[int, set[int]],
        account_ids: frozenset[int],
        window: Window,
    ) -> dict[int, Seen]:
        """The first SIMs seen in hardware that several may have been seen in, and their count."""
        within = {"earliest": window.earliest, "latest": window.latest}
        shared = self._numbers(
            "shared_hardware", hardware=self._connection.set_of(hardware), **within
        )
        asked = sorted({each for each in shared if not is_placeholder(each)} | at_home.keys())
        if not asked:
            return {}
        of_accounts = {"account_ids": self._connection.set_of(sorted(account_ids)), **within}
        counts = dict(
            self._connection.rows(
                "count_found_in_hardware",
                hardware=self._connection.set_of(asked),
                **of_accounts,
            )
        )
        crowded = {each for each in asked if counts.get(each, 0) > CROWD_MIN}
        sims_in = self._sims_in(set(asked) - crowded, account_ids, window)
        for each in crowded:
            sims_in[each] = self._some_of_crowd(each, at_home.get(each, set()), of_accounts)
        return {
            each: _seen_of(sims_in[each], at_home.get(each, set()), counts.get(each, 0))
            for each in asked
        }

    def _sims_in(
        self, hardware: Collection[int], account_ids: frozenset[int], window: Window
    ) -> defaultdict[int, set[int]]:
        """The SIMs of accounts that were found in each of some hardware."""
        sims_in = defaultdict[int, set[int]](set)
        rows = self._connection.rows(
            "found_in_hardware",
            hardware=self._connection.set_of(sorted(hardware)),
            earliest=window.earliest,
            latest=window.latest,
        )
        for each, iccid, account_id in rows:
            if account_id in account_ids:
                sims_in[each].add(iccid)
        return sims_in

    def _some_of_crowd(
        self, hardware: int, at_home: set[int], of_accounts: Mapping[str, object]
    ) -> set[int]:
        """Of a crowd that was found in hardware the first SIMs, and those that are at home there.

        No more of it is told than how many there are.
        """
        asked = {"hardware": hardware, **of_accounts}
        first = self._numbers("first_found_in_hardware", at_most=LISTED_MAX + 1, **asked)
        homes = self._connection.set_of(sorted(at_home))
        return {*first, *self._numbers("found_in_hardware_among", iccids=homes, **asked)}


def _seen_of(sims: set[int], at_home: set[int], count: int) -> Seen:
    """The first SIMs seen in hardware, and how many: `count` were found there, `sims` of them."""
    return tuple(nsmallest(LISTED_MAX + 1, sims | at_home)), count + len(at_home - sims)


def _hardware_of(iccid: int, value: int, lists: Mapping[tuple[int, int], str]) -> frozenset[int]:
    """The hardware that a value of a SIM's expectations names by IMEIs."""
    return Allowed.read(value, lists.get((iccid, value))).hardware
