"""`GET /api/v1/imports`: files that were taken in, or are being taken in, with their receipts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from tallystick.api.answers import imports as answers
from tallystick.api.calls import ADMIN, AT_MOST, at_most_in, before_in
from tallystick.api.operation import operation
from tallystick.clock import system_clock
from tallystick.core.imports import parse_import_number
from tallystick.http.acts import records
from tallystick.http.media_types import CSV
from tallystick.intake import listed, listed_one, rejects_of

if TYPE_CHECKING:
    from datetime import tzinfo

    from falcon import Request, Response

    from tallystick.store import Store

LISTING = {
    "before": "only those that began before the one of this number",
    **AT_MOST,
}


class ImportList(msgspec.Struct):
    """Imports, the last first."""

    imports: list[dict[str, Any]]


class Imports:
    """All of them that are kept."""

    def __init__(self, store: Store, zone: tzinfo) -> None:
        self._store = store
        self._zone = zone

    @operation(scope=ADMIN, answer=ImportList, query=LISTING)
    def on_get(self, req: Request, resp: Response) -> None:
        """List imports of files that began before one, the last first."""
        before = before_in(req)
        at_most = at_most_in(req)
        with self._store.snapshot() as reader:
            imports = listed(reader, before, at_most, system_clock())
        answer = ImportList([answers.import_answer(each, self._zone) for each in imports])
        resp.data = msgspec.json.encode(answer)


class OneImport:
    """One of them."""

    def __init__(self, store: Store, zone: tzinfo) -> None:
        self._store = store
        self._zone = zone

    @operation(scope=ADMIN, answer=dict[str, Any])
    def on_get(self, req: Request, resp: Response, number: str) -> None:  # noqa: ARG002 - a responder's form
        """Tell how far an import of a file is, or what became of it."""
        with self._store.snapshot() as reader:
            record = listed_one(reader, parse_import_number(number), system_clock())
        resp.data = msgspec.json.encode(answers.import_answer(record, self._zone))


class ImportRejects:
    """The refused lines of one of them."""

    def __init__(self, store: Store) -> None:
        self._store = store

    @operation(scope=ADMIN, texts=(CSV,))
    @records("import.rejects", is_export=True)
    def on_get(self, req: Request, resp: Response, number: str) -> None:  # noqa: ARG002 - a responder's form
        """Give the refused lines that are kept of a file, as CSV that can be corrected."""
        with self._store.snapshot() as reader:
            resp.data = rejects_of(reader, parse_import_number(number), system_clock())
        resp.content_type = CSV
