"""Identities, and the activations that name a SIM by its IMSI or MSISDN.

What was taken in stays in `named_activations` as it came. Which SIM each belongs to is kept beside
it, and so is the activation of that SIM in `activations`, from which everything else follows. When
identities change, the activations that may concern are attributed anew (core/identities.py has the
rule).

The same activation may also have been taken in by its ICCID. Then it must stay when the named one
goes to another SIM: `direct_twins` has those. It is written when a named activation meets one that
is there already, and when one comes by its ICCID that was there already.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from tallystick.core.facts import Identity
from tallystick.core.identities import statements_in
from tallystick.store.batches import by_subscriber, rows_of
from tallystick.store.facts import Taken
from tallystick.store.kept import KeptAnswer
from tallystick.store.ledger import IDENTITIES, Changes, LedgerChanges, changes_of_few

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from tallystick.core.row_events import Cause
    from tallystick.store.batches import Facts
    from tallystick.store.neighbours import Fact

KEYS_A_PART = 4_096  # changed identities whose activations are attributed anew at a time


class NewOwner(NamedTuple):
    """A named activation, the SIM that it was attributed to and the one that it belongs to."""

    subscriber: int
    activated_at: int
    imei: int
    old: int | None
    new: int | None

    def of_sim(self, iccid: int | None) -> Fact | None:
        """The activation as one of a SIM."""
        return None if iccid is None else (iccid, self.activated_at, self.imei)


class IdentityChanges(LedgerChanges, KeptAnswer):
    """Identities taken in and taken back, and activations attributed to SIMs."""

    _has_named: bool | None = None  # None until it is asked for

    def put_identities(self, identities: Facts, change_set_id: int) -> tuple[Changes, int]:
        """Put identities in as part of a change set; the same number and moment is a correction.

        Give what they change, and how many of them changed anything.
        """
        facts = [Identity(*row) for row in rows_of(identities)]
        statements = [statement for fact in facts for statement in statements_in(fact)]
        subscribers = self._connection.set_of({statement.subscriber for statement in statements})
        known = list(self._connection.rows("identities_among", subscribers=subscribers))
        changes = changes_of_few([(*each, change_set_id) for each in statements], known)
        if changes.counts:
            self._connection.run("note_changed_identities")
            self._keep(IDENTITIES, changes.ended)
            self._put("put_identity", [*changes.added, *changes.corrected])
            for added, corrected in changes.counts.values():
                self.count_changes(change_set_id, added=added, corrected=corrected)
        return changes, _count_of_changing(facts, known)

    def identities_changed(self, keys: Collection[tuple[int, int]], cause: Cause) -> None:
        """Attribute the activations anew that identities with these keys may concern."""
        in_order = sorted(keys)
        for start in range(0, len(in_order), KEYS_A_PART):
            asked = in_order[start : start + KEYS_A_PART]
            self._attribute({row[:3]: row[3] for row in self.named_since(asked)}, cause)

    def take_named_activations(
        self, activations: Sequence[Fact], source: str, cause: Cause
    ) -> Taken:
        """Take activations in that name a SIM by IMSI or MSISDN; repeats are counted."""
        source_id = self._source_id(source)
        new = self._rows_of_many(
            "take_named_activation", [(*activation, source_id) for activation in activations]
        )
        self._has_named = True
        self._attribute(dict.fromkeys(new), cause)
        return Taken(len(new), len(activations) - len(new))

    def count_unattributed(self, activations: Facts) -> int:
        """How many of some activations name a number that is no SIM's at that moment."""
        named = by_subscriber(activations)
        return sum(owner is None for owner in self.owners(named))

    def _source_id(self, source: str) -> int:
        self._connection.run("put_source", name=source)
        return self._value(int, "source_id", name=source) or 0

    def _attribute(self, owner_of: dict[Fact, int | None], cause: Cause) -> None:
        """Attribute named activations, each with the SIM that it was attributed to, anew."""
        named = sorted(owner_of)
        changed = [
            NewOwner(*activation, owner_of[activation], new)
            for activation, new in zip(named, self.owners(named), strict=True)
            if owner_of[activation] != new
        ]
        if not changed:
            return
        arriving = _distinct(each.of_sim(each.new) for each in changed)
        leaving = _distinct(each.of_sim(each.old) for each in changed)
        self._connection.change_sims({iccid for iccid, *_ in (*arriving, *leaving)})
        followed_before = self._among("following_from_named", arriving)
        self._connection.run_many(
            "attribute",
            [(each.new, each.subscriber, each.activated_at, each.imei) for each in changed],
        )
        self._arrive([each for each in arriving if each not in followed_before], cause)
        follow_still = self._among("following_from_named", leaving)
        self._leave([each for each in leaving if each not in follow_still], cause)

    def _arrive(self, activations: Sequence[Fact], cause: Cause) -> None:
        """Activations of SIMs follow from named ones from now on."""
        new = set(self._rows_of_many("take_activation_returning", activations))
        self._connection.run_many("note_direct", [each for each in activations if each not in new])
        self.activations_changed(sorted(new), cause)

    def _leave(self, activations: Sequence[Fact], cause: Cause) -> None:
        """Activations of SIMs do not follow from named ones any more."""
        direct = self._among("direct_among", activations)
        self._connection.run_many("forget_direct", sorted(direct))
        gone = [each for each in activations if each not in direct]
        self._connection.run_many("take_away", gone)
        self.activations_taken_away(gone, cause)

    def direct_repeated(self, activations: Iterable[Fact]) -> None:
        """Activations were taken in by their ICCID, of which some were there already.

        Those that follow from named ones are remembered as direct too.
        """
        if self._has_named is None:
            self._has_named = bool(self._value(bool, "has_named_activations"))
        if self._has_named:
            repeated = self._among("following_from_named", list(activations))
            self._connection.run_many("note_direct", sorted(repeated))

    def _among(self, query: str, activations: Sequence[Fact]) -> set[Fact]:
        """Those of some activations of SIMs that a query names."""
        return set(self._rows_of_many(query, activations))


def _count_of_changing(facts: Iterable[Identity], known: Iterable[tuple[Any, ...]]) -> int:
    """How many of some identities say anything new, each after those before it."""
    now = {(subscriber, valid_from): iccid for subscriber, valid_from, iccid, _ in known}
    count = 0
    for fact in facts:
        news = [each for each in statements_in(fact) if now.get(each[:2]) != each.iccid]
        now.update({each[:2]: each.iccid for each in news})
        count += bool(news)
    return count


def _distinct(activations: Iterable[Fact | None]) -> list[Fact]:
    """Activations of SIMs in order, each once."""
    return sorted({each for each in activations if each is not None})
