"""`GET /api/v1/sims/{iccid}/history`: where a SIM has been, and where it was expected."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from tallystick.api.answers import sims as answers
from tallystick.api.calls import ADMIN, number_in, visible_to
from tallystick.api.operation import operation
from tallystick.fleet import histories
from tallystick.fleet.histories import BEHIND_ALL, STAYS_A_PAGE, STAYS_A_PAGE_MAX, parse_before
from tallystick.http.gate import caller_of

if TYPE_CHECKING:
    from falcon import Request, Response

    from tallystick.settings import Settings
    from tallystick.store import Store


class Histories(msgspec.Struct):
    """The SIMs that there are, each with a page of its history.

    The pairings come newest first, the expectations in order of time. `next` is null, or what to
    ask for the stays before them with.
    """

    sims: list[dict[str, Any]]


PAGING = {
    "before": "stays before this moment, or before what the field `next` of a page says",
    "at_most": f"no more stays than this; {STAYS_A_PAGE} if absent, at most {STAYS_A_PAGE_MAX}",
}


class History:
    """One SIM, or those with one phone number."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store = store
        self._zone = settings.zone

    @operation(scope=ADMIN, answer=Histories, query=PAGING, for_users=True)
    def on_get(self, req: Request, resp: Response, iccid: str) -> None:
        """Answer what `tallystick history --json` prints: a page of stays, newest first.

        A SIM that the caller may not see is not found.
        """
        before = req.get_param("before")
        place = parse_before(before) if before else BEHIND_ALL
        stays_max = number_in(req, "at_most", STAYS_A_PAGE, STAYS_A_PAGE_MAX)
        asker = caller_of(req).user_id
        with self._store.snapshot() as reader:
            visible = visible_to(reader, asker)
            seen = histories.history(reader, iccid, visible, place, stays_max)
        resp.data = msgspec.json.encode(
            Histories([answers.sim_history(each, self._zone) for each in seen])
        )
