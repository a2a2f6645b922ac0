"""Other SIMs in the hardware of the report's rows: asked for many rows at once (docs/decisions/0012)."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from tallystick.core.identifiers import Iccid
from tallystick.core.moments import Moment
from tallystick.core.reasons import LISTED_MAX, Claim, Company
from tallystick.store.asking import Asking

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from tallystick.core.window import Window

Seen = tuple[tuple[Iccid, ...], int]
NOBODY: Seen = ((), 0)
Companies = dict[tuple[int, int], Company]
"""By the hardware that a row was found in and the one that its SIM was expected in."""


class ReasonQuestions(Asking):
    """What is told of other SIMs."""

    def companies(self, pairs: Collection[tuple[int, int]], account_ids: Collection[int], window: Window) -> Companies:
        """What is told of SIMs of some accounts in hardware; where nothing is, the pair has no company.

        Each pair is the hardware that a row was found in, and the one that its SIM was expected in.
        """
        hardware, accounts = sorted({found for found, _ in pairs}), sorted(account_ids)
        claims = self._claims(hardware, accounts)
        claimants = sorted({claim.iccid for found in claims.values() for claim in found})
        swapped = self._found_elsewhere(claimants, accounts)
        seen = self._seen(hardware, self._seen_at_home(claims, claimants, window), accounts, window)
        return {
            (found, expected): Company(
                tuple(claims.get(found, ())), frozenset(swapped.get((expected, found), ())), *seen.get(found, NOBODY)
            )
            for found, expected in pairs
            if found in claims or found in seen
        }

    def _claims(self, hardware: Iterable[int], account_ids: Iterable[int]) -> dict[int, list[Claim]]:
        """The SIMs that are expected in each hardware, in order."""
        claims = defaultdict(list)
        for each, iccid, since, until in self._connection.rows(
            "claims_on_hardware",
            hardware=self._connection.set_of(hardware),
            account_ids=self._connection.set_of(account_ids),
        ):
            claims[each].append(Claim(Iccid(iccid), Moment(since), None if until is None else Moment(until)))
        return {each: sorted(found, key=lambda claim: claim.iccid) for each, found in claims.items()}

    def _found_elsewhere(self, iccids: Iterable[int], account_ids: Iterable[int]) -> dict[tuple[int, int], set[int]]:
        """Those of some SIMs that were found in one hardware while they were expected in another."""
        found = defaultdict(set)
        for iccid, hardware, expected in self._connection.rows(
            "found_elsewhere",
            iccids=self._connection.set_of(iccids),
            account_ids=self._connection.set_of(account_ids),
        ):
            found[hardware, expected].add(iccid)
        return found

    def _seen_at_home(
        self, claims: Mapping[int, Iterable[Claim]], iccids: Iterable[int], window: Window
    ) -> dict[int, set[int]]:
        """The SIMs that were seen in the window in hardware which they are expected in."""
        expected = {(claim.iccid, each) for each, found in claims.items() for claim in found}
        seen = defaultdict(set)
        for iccid, each in self._connection.rows(
            "seen_in_window", iccids=self._connection.set_of(iccids), earliest=window.earliest, latest=window.latest
        ):
            if (iccid, each) in expected:
                seen[each].add(iccid)
        return seen

    def _seen(
        self, hardware: Iterable[int], at_home: Mapping[int, set[int]], account_ids: Iterable[int], window: Window
    ) -> dict[int, Seen]:
        """The first SIMs that were seen in hardware which several were seen in, and how many they are."""
        scope = {
            "account_ids": self._connection.set_of(account_ids),
            "earliest": window.earliest,
            "latest": window.latest,
        }
        shared = self._numbers("shared_hardware", hardware=self._connection.set_of(hardware), **scope)
        asked = sorted({*shared, *at_home})
        first: dict[int, list[int]] = {each: sorted(at_home.get(each, ())) for each in asked}
        counts = {each: len(found) for each, found in first.items()}
        for each, iccid in self._connection.stream(
            "found_in_hardware", hardware=self._connection.set_of(asked), **scope
        ):
            if iccid in at_home.get(each, ()):
                continue
            counts[each] += 1
            if len(first[each]) <= LISTED_MAX + len(at_home.get(each, ())):
                first[each].append(iccid)
        return {
            each: (tuple(map(Iccid, sorted(found)[: LISTED_MAX + 1])), counts[each]) for each, found in first.items()
        }
