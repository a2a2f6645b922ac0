"""Groups of SIMs within an account."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any, NamedTuple

from tallystick.core.identifiers import Iccid, Mdn
from tallystick.core.selection import UNASSIGNED
from tallystick.store.accounts import AccountChanges
from tallystick.store.batches import Facts, rows_of
from tallystick.store.connection import Asking
from tallystick.store.facts import Taken

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence


class GroupRow(NamedTuple):
    """A group as kept."""

    group_id: int
    name: str
    description: str


class Member(NamedTuple):
    """A SIM in a list of an account's SIMs."""

    iccid: Iccid
    mdn: Mdn | None


class GroupQuestions(Asking):
    """Which groups there are, and who is in them."""

    def group_id(self, account_id: int, name: str) -> int | None:
        """A group's number."""
        return self._value(int, "group_id", account_id=account_id, name=name)

    def groups(self, account_id: int) -> list[GroupRow]:
        """The groups of an account that are kept, by name."""
        return [
            GroupRow(*row)
            for row in self._connection.rows("groups_of_account", account_id=account_id)
        ]

    def group_names(self, account_ids: Collection[int]) -> set[tuple[int, str]]:
        """The groups of some accounts, each by the number of its account and its name."""
        asked = self._connection.set_of(account_ids)
        return {
            (account_id, name)
            for account_id, name in self._connection.rows("group_names", account_ids=asked)
        }

    def group(self, account_id: int, name: str) -> GroupRow | None:
        """The group of an account that has this name."""
        row = self._connection.row("group_named", account_id=account_id, name=name)
        return None if row is None else GroupRow(*row)

    def members_of_group(
        self, account_id: int, group_id: int, after: int, at_most: int
    ) -> list[Member]:
        """SIMs of the account that are in the group, in order after one."""
        return self._members("members_of_group", account_id, after, at_most, group_id=group_id)

    def unassigned_sims(self, account_id: int, after: int, at_most: int) -> list[Member]:
        """SIMs of the account that are in none of its groups, in order after one."""
        return self._members("unassigned_sims", account_id, after, at_most)

    def _members(
        self, query: str, account_id: int, after: int, at_most: int, **group: int
    ) -> list[Member]:
        rows = self._connection.rows(
            query, account_id=account_id, after=after, at_most=at_most, **group
        )
        return [Member(Iccid(iccid), None if mdn is None else Mdn(mdn)) for iccid, mdn in rows]


class GroupChanges(AccountChanges, GroupQuestions):
    """Groups made, changed and filled."""

    def take_group_members(self, members: Facts) -> Taken:
        """Put SIMs in groups, making accounts and groups that are not known yet.

        The kept answer has no part in it.

        Being put in the default group is being taken out of any other.
        """
        rows = rows_of(members)
        account_ids, made = self.account_ids_made({account for account, _, _ in rows})
        changed = 0
        for is_default, of_one_sort in groupby(rows, lambda row: row[1] == UNASSIGNED):
            changed += (self._take_out if is_default else self._put_in)(
                account_ids, list(of_one_sort)
            )
        return Taken(changed, len(rows) - changed, made)

    def _put_in(self, account_ids: dict[str, int], rows: Sequence[tuple[Any, ...]]) -> int:
        named = {(account_ids[account], group) for account, group, _ in rows}
        group_ids = {
            (account_id, group): self._group_id_made(account_id, group)
            for account_id, group in named
        }
        put = [
            (account_ids[account], iccid, group_ids[account_ids[account], group])
            for account, group, iccid in rows
        ]
        return self._connection.run_many("take_group_member", put)

    def _take_out(self, account_ids: dict[str, int], rows: Sequence[tuple[Any, ...]]) -> int:
        by_account: dict[int, list[int]] = {}
        for account, _, iccid in rows:
            by_account.setdefault(account_ids[account], []).append(iccid)
        return sum(
            self.leave_groups(account_id, iccids) for account_id, iccids in by_account.items()
        )

    def add_group(self, account_id: int, name: str, description: str) -> None:
        """Make a group of an account known."""
        self._connection.run("add_group", account_id=account_id, name=name, description=description)

    def change_group(self, group_id: int, name: str, description: str) -> None:
        """Give a group this name and this description."""
        self._connection.run("change_group", group_id=group_id, name=name, description=description)

    def delete_group(self, account_id: int, group_id: int) -> None:
        """Forget a group and who was in it."""
        self._connection.run("empty_group", account_id=account_id, group_id=group_id)
        self._connection.run("delete_group", group_id=group_id)

    def put_in_group(self, account_id: int, group_id: int, iccids: Iterable[int]) -> None:
        """Put SIMs in a group, out of the ones they were in."""
        self._connection.run_many(
            "take_group_member", [(account_id, iccid, group_id) for iccid in iccids]
        )

    def take_out_of_group(self, account_id: int, group_id: int, iccids: Iterable[int]) -> None:
        """Take SIMs out of a group."""
        sims = self._connection.set_of(iccids)
        self._connection.run(
            "take_out_of_group", account_id=account_id, group_id=group_id, iccids=sims
        )

    def leave_groups(self, account_id: int, iccids: Iterable[int]) -> int:
        """Take SIMs out of whichever group of an account they are in; give how many were in one."""
        return self._connection.run(
            "leave_groups", account_id=account_id, iccids=self._connection.set_of(iccids)
        )

    def _group_id_made(self, account_id: int, name: str) -> int:
        if (known := self.group_id(account_id, name)) is not None:
            return known
        self.add_group(account_id, name, "")
        made = self.group_id(account_id, name)
        assert made is not None  # noqa: S101 - made above, in this transaction
        return made
