"""Lists of devices: SIMs with the groups they are in."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tallystick.store.connection import Asking
from tallystick.store.facts import sim_of

if TYPE_CHECKING:
    from collections.abc import Collection

    from tallystick.core.identifiers import Iccid, Mdn
    from tallystick.core.moments import Moment


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
        if len(account_ids) == 1:
            (account_id,) = account_ids
            return self._devices(
                "devices_of_account", account_id=account_id, after=after, at_most=at_most
            )
        accounts = self._connection.set_of(account_ids)
        return self._devices(
            "devices_of_accounts", account_ids=accounts, after=after, at_most=at_most
        )

    def devices_among(self, account_ids: Collection[int], iccids: Collection[int]) -> list[Device]:
        """Those of some SIMs that some accounts have, each with its group, in order."""
        accounts, sims = self._connection.set_of(account_ids), self._connection.set_of(iccids)
        return self._devices("devices_among", account_ids=accounts, iccids=sims)

    def _devices(self, query: str, **parameters: object) -> list[Device]:
        return [
            Device(*sim_of(row[:-1]), row[-1]) for row in self._connection.rows(query, **parameters)
        ]
