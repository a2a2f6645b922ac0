"""Which accounts ask for approval of a change of expectations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tallystick.core.identifiers import BEFORE_ALL
from tallystick.store.accounts import AccountQuestions
from tallystick.store.ledger import LedgerQuestions
from tallystick.store.unfinished import SIMS_A_PART

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tallystick.core.ledger import ChangeSet
    from tallystick.store.batches import Facts

UNNUMBERED = -1  # the change set of what is only asked about


class ApprovalQuestions(LedgerQuestions, AccountQuestions):
    """Whose approval a change needs. Where no account asks for any, nothing else is read."""

    def asking_for(self, expectations: Facts) -> dict[int, str]:
        """Give the SIMs whose accounts ask, of those of which expectations would change something.

        Each has the name of its account.
        """
        if not self.asking_accounts():
            return {}
        changes = self.changes_of([(expectations, UNNUMBERED)])
        keys = changes.keys_of_change_sets().get(UNNUMBERED, [])
        return self.asking_of_sims({iccid for iccid, _ in keys})

    def asking_for_proposal(self, proposal: ChangeSet) -> tuple[str, ...]:
        """Give the names of the accounts that ask, of SIMs that a proposal is about, in order.

        All of its SIMs count, whatever it would change of them by now. Of one that takes another
        change set back, one account is named.
        """
        if not self.asking_accounts():
            return ()
        if proposal.undoes is None:
            return self.names_asking(self.proposed(proposal.change_set_id)["iccid"].unique())
        undone = self.change_set(proposal.undoes)
        return () if undone is None else self.asking_for_undo(undone)

    def asking_for_undo(self, undone: ChangeSet) -> tuple[str, ...]:
        """Give the name of an account that asks, of SIMs that a change set has changed.

        No SIMs are read behind the first that has one. Empty where none asks.
        """
        if undone.kind != "expectations" or not self.asking_accounts():
            return ()
        after: int | None = BEFORE_ALL
        while after is not None:
            sims = self.changed_after(undone, after, SIMS_A_PART)
            names = self.names_asking(sims)
            if names:
                return names[:1]
            after = sims[SIMS_A_PART - 1] if len(sims) >= SIMS_A_PART else None
        return ()

    def names_asking(self, sims: Iterable[int]) -> tuple[str, ...]:
        """Give the names of the accounts that ask, of some SIMs, in order."""
        return tuple(sorted(set(self.asking_of_sims(sims).values())))
