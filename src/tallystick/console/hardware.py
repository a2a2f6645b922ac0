"""`/hardware/{imei}`: the SIMs that were seen in hardware, and those that are expected in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tallystick.console.sim_lanes import sim_lanes
from tallystick.core.moments import BEGINNING
from tallystick.core.selection import imei_asked_for
from tallystick.fleet import hardware
from tallystick.fleet.hardware import FIRST, parse_place, place_text
from tallystick.http.gate import caller_of, for_console, user_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from falcon import Request, Response

    from tallystick.console.pages import Pages
    from tallystick.core.moments import Moment
    from tallystick.store import Store

PATH = "/hardware"


class HardwarePage:
    """One piece of hardware."""

    def __init__(self, pages: Pages, store: Store, clock: Callable[[], Moment]) -> None:
        self._pages = pages
        self._store = store
        self._clock = clock

    @for_console
    def on_get(self, req: Request, resp: Response, imei: str) -> None:
        """Show hardware: its model, a picture of its SIMs' time, and the SIMs as a table."""
        after = req.get_param("after")
        begin = parse_place(after) if after else FIRST
        with self._store.snapshot() as reader:
            visible = reader.view_of(user_of(req)).accounts
            page = hardware.page(reader, imei_asked_for(imei), visible, begin)
        address = f"{PATH}/{page.imei}"
        self._pages.show(
            resp,
            "hardware.html",
            caller_of(req),
            page=page,
            lanes=sim_lanes(page.sims, self._clock(), self._pages.settings.zone),
            beginning=BEGINNING,
            first=address if after else "",
            more=f"{address}?after={place_text(page.next_page)}" if page.next_page else "",
        )
