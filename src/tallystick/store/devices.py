"""Lists of devices: SIMs with the groups they are in."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import polars as pl

from tallystick.store.connection import Asking
from tallystick.store.facts import sim_of

if TYPE_CHECKING:
    from collections.abc import Collection

    from tallystick.core.identifiers import Iccid, Mdn
    from tallystick.core.moments import Moment


ACCOUNTS_ASKED_EACH_MAX = 64
"""Of so many accounts each one's SIMs are looked up by its index; beyond, the fleet is walked."""
LAST = (1 << 63) - 1
"""No SIM's number lies beyond."""


class Device(NamedTuple):
    """A SIM in a list of devices; `group` None is the default one."""

    iccid: Iccid
    mdn: Mdn | None
    account: str
    activation_date: Moment | None
    generation: str
    group: str | None


class DeviceQuestions(Asking):
    """SIMs of accounts, in order."""

    def devices_after(self, account_ids: Collection[int], after: int, at_most: int) -> list[Device]:
        """SIMs of some accounts, each with its group, in order after one."""
        numbers = self.numbers_of_devices(account_ids, after, LAST, at_most)
        return self.devices_among(account_ids, numbers["iccid"])

    def numbers_of_devices(
        self, account_ids: Collection[int], after: int, until: int, at_most: int
    ) -> pl.DataFrame:
        """`iccid` and `mdn`, -1 where it is not known, of SIMs of some accounts, in order."""
        span = {"after": after, "until": until, "at_most": at_most}
        if not account_ids or len(account_ids) > ACCOUNTS_ASKED_EACH_MAX:
            accounts = self._connection.set_of(account_ids)
            return self._connection.frame("devices_of_accounts", account_ids=accounts, **span)
        each = [
            self._connection.frame("devices_of_account", account_id=account_id, **span)
            for account_id in account_ids
        ]
        return pl.concat(each).sort("iccid").head(at_most)

    def numbers_of_group(
        self, account_id: int, group_id: int | None, after: int, until: int, at_most: int
    ) -> pl.DataFrame:
        """The same of the SIMs in a group of an account, None being the default one."""
        span = {"account_id": account_id, "after": after, "until": until, "at_most": at_most}
        if group_id is None:
            return self._connection.frame("unassigned_devices", **span)
        return self._connection.frame("devices_of_group", group_id=group_id, **span)

    def devices_among(self, account_ids: Collection[int], iccids: Collection[int]) -> list[Device]:
        """Those of some SIMs that some accounts have, each with its group, in order."""
        accounts, sims = self._connection.set_of(account_ids), self._connection.set_of(iccids)
        return self._devices("devices_among", account_ids=accounts, iccids=sims)

    def _devices(self, query: str, **parameters: object) -> list[Device]:
        return [
            Device(*sim_of(row[:-1]), row[-1]) for row in self._connection.rows(query, **parameters)
        ]
