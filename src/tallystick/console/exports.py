"""`/mismatches/export`: every row that the list has, as a file."""

from __future__ import annotations

from contextlib import ExitStack
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

import falcon

from tallystick.console.asked import asked_by
from tallystick.console.listing_page import ListingPage
from tallystick.core.choices import choice_or_none
from tallystick.core.errors import InvalidValue
from tallystick.http import row_forms
from tallystick.http.acts import records
from tallystick.http.gate import for_console
from tallystick.http.media_types import CSV, NDJSON, PARQUET, XLSX
from tallystick.http.row_forms import PACKED, printed_rows
from tallystick.http.streaming import send
from tallystick.report.listing import every_row

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    from falcon import Request, Response

    from tallystick.http.row_forms import ReadRows
    from tallystick.report.answer import Explained

THINGSPACE = "thingspace"


class WireRows(NamedTuple):
    """What prints kept rows, which hold their times in one zone, with their times in another.

    `columns` reads them as columns; `devices` gives the whole body of ThingSpace's answer.
    """

    columns: ReadRows
    devices: Callable[[Iterator[bytes], str, str], Generator[bytes, None, None]]


class Form(NamedTuple):
    """How a file is written, what the link to it is called, and how its name ends."""

    label: str
    media_type: str
    suffix: str


FORMS = {
    "csv": Form("CSV", CSV, "csv"),
    "ndjson": Form("NDJSON", NDJSON, "ndjson"),
    "parquet": Form("Parquet", PARQUET, "parquet"),
    "xlsx": Form("Excel workbook", XLSX, "xlsx"),
    THINGSPACE: Form("ThingSpace JSON", falcon.MEDIA_JSON, "json"),
}


class Export(ListingPage):
    """The same rows as the list with the same address, in its order, down to the last."""

    @for_console
    @records("mismatches.export", is_export=True)
    def on_get(self, req: Request, resp: Response) -> None:
        """Answer a file: whole where it is small, else streamed from one snapshot."""
        now = self._clock()
        asked = asked_by(req, self._pages.settings.zone, now)
        if asked.problem:
            raise InvalidValue(asked.problem)
        name = choice_or_none(FORMS, "form", req.get_param("form")) or "csv"
        with ExitStack() as held:
            reader = held.enter_context(self._store.snapshot())
            lister = self._lister(reader, req, now)
            portions = every_row(lister, asked.question, asked.filters, order=asked.order)
            first = next(portions)  # refusals come before the first byte
            form = FORMS[name]
            resp.content_type = form.media_type
            resp.downloadable_as = f"mismatches.{form.suffix}"
            parts = self._parts(name, chain([first], portions), reader.wire_zone())
            send(req, resp, parts, held, is_packed=form.media_type in PACKED)

    def _parts(
        self, name: str, portions: Iterator[list[Explained]], kept_zone: str
    ) -> Generator[bytes, None, None]:
        zone = self._pages.settings.time_zone
        if name == THINGSPACE:
            wires = (row for rows in portions for row, _ in rows)
            return self._rows.devices(wires, kept_zone, zone)
        rows = printed_rows(portions, self._rows.columns, kept_zone, zone, explained=True)
        return row_forms.FORMS[FORMS[name].media_type](rows, True)  # noqa: FBT003 - with reasons
