"""`GET /api/v1/sims/{iccid}/history`: where a SIM has been, and where it was expected."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from tallystick.api import answers
from tallystick.api.calls import ADMIN, accounts_of
from tallystick.api.operation import operation
from tallystick.fleet import inventory
from tallystick.http.gate import caller_of

if TYPE_CHECKING:
    from falcon import Request, Response

    from tallystick.settings import Settings
    from tallystick.store import Store


class Histories(msgspec.Struct):
    """The SIMs that there are, each with its expectations and its pairings in order of time."""

    sims: list[dict[str, Any]]


class History:
    """One SIM, or those with one phone number."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store = store
        self._zone = settings.zone

    @operation(scope=ADMIN, answer=Histories, for_users=True)
    def on_get(self, req: Request, resp: Response, iccid: str) -> None:
        """Answer what `tallystick history --json` prints.

        A SIM that the caller may not see is not found.
        """
        asker = caller_of(req).user_id
        with self._store.snapshot() as reader:
            visible = None if asker is None else accounts_of(reader, asker)
            seen = inventory.history(reader, iccid, visible)
        resp.data = msgspec.json.encode(
            Histories([answers.sim_history(each, self._zone) for each in seen])
        )
