"""Accounts: who owns SIMs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tallystick.core.approval import Approval
from tallystick.core.pairing import FirstUse
from tallystick.store.connection import Asking

if TYPE_CHECKING:
    from collections.abc import Iterable


class AccountQuestions(Asking):
    """Which accounts there are."""

    def accounts(self) -> dict[str, int]:
        """Every account's number by name."""
        return {name: account_id for account_id, name in self._connection.rows("accounts")}

    def account_id(self, name: str) -> int | None:
        """An account's number."""
        return self._value(int, "account_id", name=name)

    def first_uses(self) -> dict[str, FirstUse]:
        """What each account expects of SIMs while no expectation is in force."""
        return {
            name: FirstUse(first_use) for name, first_use in self._connection.rows("first_uses")
        }

    def asking_accounts(self) -> dict[int, str]:
        """The accounts that ask for approval: each one's name by number."""
        return dict(self._connection.rows("asking_accounts"))

    def approvals(self) -> dict[str, Approval]:
        """Whether each account asks for approval."""
        return {name: Approval(approval) for name, approval in self._connection.rows("approvals")}

    def asking_of_sims(self, iccids: Iterable[int]) -> dict[int, str]:
        """Those of some SIMs whose accounts ask for approval, each with its account's name."""
        asking = self.asking_accounts()
        if not asking:
            return {}
        homes = self.accounts_of_sims(iccids)
        return {iccid: asking[home] for iccid, home in homes.items() if home in asking}

    def account_names(self) -> dict[int, str]:
        """Every account's name by number."""
        return {account_id: name for name, account_id in self.accounts().items()}

    def count_of_sims(self, account_id: int) -> int:
        """How many SIMs an account has."""
        return self._value(int, "count_of_sims", account_id=account_id) or 0

    def users_who_see(self, account_id: int) -> list[str]:
        """The users who may see an account, by name or because they see all."""
        return [name for (name,) in self._connection.rows("users_who_see", account_id=account_id)]

    def sims_of_account_after(self, account_id: int, after: int, at_most: int) -> list[int]:
        """The SIMs of an account, in order after one."""
        return self._numbers(
            "sims_of_account_after", account_id=account_id, after=after, at_most=at_most
        )

    def accounts_of_sims(self, iccids: Iterable[int]) -> dict[int, int]:
        """The number of the account of each of some SIMs; those that are not loaded lack."""
        return dict(
            self._connection.rows("accounts_of_sims", iccids=self._connection.set_of(iccids))
        )


class AccountChanges(AccountQuestions):
    """Accounts made known and removed."""

    def add_account(self, name: str) -> None:
        """Make an account known."""
        self._connection.run("add_account", name=name)

    def set_approval(self, account_id: int, approval: Approval) -> None:
        """Have an account ask for approval from now on, or no longer."""
        self._connection.run("set_approval", account_id=account_id, approval=approval)

    def remove_account(self, account_id: int) -> None:
        """Forget an account without SIMs and groups, its uploads and listeners, and who sees it."""
        for query in (
            "revoke_account_of_users",
            "forget_uploads_to_account",
            "forget_deliveries_to_account",
            "forget_listeners_of_account",
            "forget_work_on_account",
            "remove_account",
        ):
            self._connection.run(query, account_id=account_id)

    def account_ids_made(self, names: set[str]) -> tuple[dict[str, int], tuple[str, ...]]:
        """Numbers of accounts by name; those that were not known are made, and named."""
        known = self.accounts()
        made = tuple(sorted(names - known.keys()))
        for name in made:
            self.add_account(name)
        if made:
            known = self.accounts()
        return {name: known[name] for name in names}, made
