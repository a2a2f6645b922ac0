"""`GET /api/v1/corrections`: what the network saw, as expectations."""

from __future__ import annotations

from typing import TYPE_CHECKING

import falcon

from tallystick.api.calls import ADMIN, ASKED, NDJSON_TYPES, question_of
from tallystick.api.operation import operation
from tallystick.core.errors import InvalidValue
from tallystick.http.media_types import CSV, NDJSON
from tallystick.report.corrections import as_csv, as_ndjson, exported

if TYPE_CHECKING:
    from falcon import Request, Response

    from tallystick.settings import Settings
    from tallystick.store import Store

LEFT_OUT = "Tallystick-Corrections"
"""The header that says how many SIMs are in the answer, and how many with rows are not."""
WORDS = {"manufacturer": "whose hardware SIMs were seen in"} | {
    name: ASKED[name] for name in ("earliest", "latest", "account")
}
WRITERS = {CSV: as_csv} | dict.fromkeys(NDJSON_TYPES, as_ndjson)


class Corrections:
    """SIMs that were seen in hardware of one manufacturer and expected elsewhere."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store = store
        self._generations = settings.generations

    @operation(
        scope=ADMIN,
        query=WORDS,
        required=("manufacturer",),
        several=("account",),
        texts=(CSV, NDJSON),
    )
    def on_get(self, req: Request, resp: Response) -> None:
        """Give the corrections of one manufacturer as CSV, or as NDJSON where that is preferred."""
        manufacturer = req.get_param("manufacturer")
        if not manufacturer:
            message = "the parameter manufacturer is missing"
            raise InvalidValue(message)
        media_type = req.client_prefers(tuple(WRITERS))
        if media_type is None:
            message = f"corrections come as {CSV} or {NDJSON}, not as {req.accept}"
            raise falcon.HTTPNotAcceptable(description=message)
        question = question_of(req)
        with self._store.snapshot() as reader:
            export = exported(reader, reader.accounts(), question, self._generations, manufacturer)[
                manufacturer
            ]
        counts = f"sims={export.sims}; moved_back={export.moved_back}; moved_on={export.moved_on}"
        resp.set_header(LEFT_OUT, counts)
        resp.content_type = media_type
        resp.data = WRITERS[media_type](export.facts)
