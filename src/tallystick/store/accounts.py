"""Accounts: who owns SIMs."""

from __future__ import annotations

from tallystick.core.pairing import FirstUse
from tallystick.store.asking import Asking


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
        return {name: FirstUse(first_use) for name, first_use in self._connection.rows("first_uses")}

    def account_names(self) -> dict[int, str]:
        """Every account's name by number."""
        return {account_id: name for name, account_id in self.accounts().items()}


class AccountChanges(AccountQuestions):
    """Accounts made known."""

    def account_ids_made(self, names: set[str]) -> tuple[dict[str, int], tuple[str, ...]]:
        """Numbers of accounts by name; those that were not known are made, and named."""
        known = self.accounts()
        made = tuple(sorted(names - known.keys()))
        for name in made:
            self._connection.run("add_account", name=name)
        if made:
            known = self.accounts()
        return {name: known[name] for name in names}, made
