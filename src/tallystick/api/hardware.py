"""`GET /api/v1/hardware/{imei}`: the SIMs that were seen in hardware or are expected in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from tallystick.api.answers import hardware as answers
from tallystick.api.calls import ADMIN, number_in, visible_to
from tallystick.api.operation import operation
from tallystick.core.selection import imei_asked_for
from tallystick.fleet import hardware
from tallystick.fleet.hardware import FIRST, SIMS_A_PAGE, SIMS_A_PAGE_MAX, parse_place
from tallystick.http.gate import caller_of

if TYPE_CHECKING:
    from falcon import Request, Response

    from tallystick.settings import Settings
    from tallystick.store import Store

PAGING = {
    "after": "SIMs behind where the field `next` of the page before says",
    "at_most": f"no more SIMs than this; {SIMS_A_PAGE} if absent, at most {SIMS_A_PAGE_MAX}",
}


class Hardware:
    """One piece of hardware."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store = store
        self._zone = settings.zone

    @operation(scope=ADMIN, answer=answers.HardwarePage, query=PAGING, for_users=True)
    def on_get(self, req: Request, resp: Response, imei: str) -> None:
        """Show a page of the SIMs seen in hardware, those expected in it, and its model.

        Of SIMs that the caller may not see nothing is said.
        """
        after = req.get_param("after")
        begin = parse_place(after) if after else FIRST
        sims_max = number_in(req, "at_most", SIMS_A_PAGE, SIMS_A_PAGE_MAX)
        asker = caller_of(req).user_id
        with self._store.snapshot() as reader:
            visible = visible_to(reader, asker)
            page = hardware.page(reader, imei_asked_for(imei), visible, begin, sims_max)
        resp.data = msgspec.json.encode(answers.hardware_page(page, self._zone))
