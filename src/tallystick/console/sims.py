"""`/sims/{iccid}`: where a SIM was seen, beside where it was expected."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlencode

import falcon
import msgspec

from tallystick.console.asked import asked_by
from tallystick.console.lanes import lanes_of
from tallystick.console.listing_page import ListingPage
from tallystick.console.mismatches import ShownRow, shown_rows
from tallystick.core.identifiers import Iccid, Imei
from tallystick.core.moments import Moment, exact
from tallystick.fleet.hardware import type_names
from tallystick.fleet.timeline import recent_log, timeline
from tallystick.http.gate import caller_of, for_console, user_of
from tallystick.report.listing import Lister, rows_of_sim

if TYPE_CHECKING:
    from falcon import Request, Response

    from tallystick.core.window import Window
    from tallystick.report.listing import Page
    from tallystick.store.listing import RowKey

ROWS_EXPLAINED_MAX = 50


class ExplainedRow(NamedTuple):
    """A row of the SIM, its reasons, and the address at which a correction is proposed."""

    row: ShownRow
    reasons: list[dict[str, Any]]
    correct: str


class SimPage(ListingPage):
    """One SIM in a window."""

    @for_console
    def on_get(self, req: Request, resp: Response, iccid: str) -> None:
        """Show a SIM: picture, rows with reasons, stays, expectations and the ledger."""
        zone, now = self._pages.settings.zone, self._clock()
        asked = asked_by(req, zone, now)
        sim = Iccid.parse(iccid)
        with self._store.snapshot() as reader:
            view = reader.view_of(user_of(req))
            known = self._known(self._lister_with(reader, view, now), sim, asked.question.window)
        if asked.problem:
            resp.status = falcon.HTTP_400
        self._pages.show(
            resp,
            "sim.html",
            caller_of(req),
            asked=asked,
            problem=asked.problem,
            iccid=iccid,
            here_again=req.relative_uri,
            sees_all=view.sees_all,
            presets=asked.presets(f"/sims/{iccid}", zone, now),
            **known,
        )

    def _known(self, lister: Lister, sim: Iccid, window: Window) -> dict[str, Any]:
        """What the page shows of the SIM in a window, its newest rows with their reasons among it.

        `has_more_rows` is whether there are more rows than the page has room for.
        """
        reader = lister.reader
        seen = timeline(reader, sim, window, lister.visible)
        listed = rows_of_sim(lister, sim, window, ROWS_EXPLAINED_MAX + 1)
        return {
            "seen": seen,
            "lanes": lanes_of(seen, window, self._pages.settings.zone),
            "types": type_names(reader, {stay.imei.tac for stay in seen.stays}),
            "explained_rows": self._with_reasons(lister, sim, listed)[:ROWS_EXPLAINED_MAX],
            "has_more_rows": len(listed.rows) > ROWS_EXPLAINED_MAX,
            "entries": recent_log(reader, sim),
        }

    def _with_reasons(self, lister: Lister, iccid: Iccid, listed: Page) -> list[ExplainedRow]:
        shown = shown_rows(lister, self._rows, listed)
        return [
            ExplainedRow(row, msgspec.json.decode(why)["reasons"], _address(iccid, key))
            for row, (_, why), key in zip(shown, listed.rows, listed.keys, strict=True)
        ]


def _address(iccid: Iccid, key: RowKey) -> str:
    """Where a correction of a row is proposed."""
    activated_at, _, post_imei = key
    query = urlencode({"at": exact(Moment(activated_at)), "imei": str(Imei(post_imei))})
    return f"/sims/{iccid}/correct?{query}"
