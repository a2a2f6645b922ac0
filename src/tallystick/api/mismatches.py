"""`GET /api/v1/mismatches`: the report under our own names, with reasons if asked for."""

from __future__ import annotations

from contextlib import ExitStack
from itertools import chain
from typing import TYPE_CHECKING, Any

import falcon
import msgspec

from tallystick.api.calls import ADMIN, ASKED, CSV, NDJSON, accounts_of, moment_in, several_in
from tallystick.api.operation import operation
from tallystick.core.errors import InvalidValue
from tallystick.core.identifiers import Iccid, Mdn, shown
from tallystick.core.selection import Listed, imei_asked_for
from tallystick.core.window import window_between
from tallystick.http.gate import caller_of
from tallystick.http.row_forms import FORMS
from tallystick.http.streaming import send
from tallystick.report.answer import Question, answer, answer_explained

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from falcon import Request, Response

    from tallystick.http.row_forms import ReadRows, Row
    from tallystick.report.answer import Explained
    from tallystick.settings import Settings
    from tallystick.store import Reader, Store

WORDS = ASKED | {
    "iccid": "of this SIM; may stand several times",
    "mdn": "of the SIMs with this phone number; may stand several times",
    "imei": "of SIMs that were seen in this hardware; may stand several times",
    "reasons": "true: say why each row is there",
}
YES_OR_NO = {"true": True, "false": False}


class Answer(msgspec.Struct):
    """The rows, ordered by the activation's time, then ICCID."""

    mismatches: list[dict[str, Any]]


class Mismatches:
    """SIMs that were activated in other hardware than the device database expects."""

    def __init__(self, store: Store, settings: Settings, columns: ReadRows) -> None:
        self._store = store
        self._settings = settings
        self._columns = columns

    @operation(
        scope=ADMIN,
        answer=Answer,
        query=WORDS,
        required=("earliest", "latest"),
        several=("account", "iccid", "mdn", "imei"),
        texts=(NDJSON[0], CSV),
        for_users=True,
    )
    def on_get(self, req: Request, resp: Response) -> None:
        """Answer the rows: whole where they are small, else streamed from one snapshot."""
        asker = caller_of(req).user_id
        question, explained = asked_by(req)
        form = req.client_prefers(list(FORMS))
        if form is None:
            message = f"answers come as {', '.join(FORMS)}"
            raise falcon.HTTPNotAcceptable(description=message)
        with ExitStack() as held:
            reader = held.enter_context(self._store.snapshot())
            visible = accounts_of(reader, asker)
            rows = self._rows(reader, visible, question, explained=explained)
            resp.content_type = form
            send(req, resp, FORMS[form](rows, explained), held)

    def _rows(
        self, reader: Reader, visible: dict[str, int], question: Question, *, explained: bool
    ) -> Iterator[Row]:
        kept_zone, zone, generations = (
            reader.wire_zone(),
            self._settings.time_zone,
            self._settings.generations,
        )
        if not explained:
            rows = answer(reader, visible, question, generations)
            return ((columns, None) for columns in self._columns(rows, kept_zone, zone))
        portions = answer_explained(reader, visible, question, generations, zone)
        return chain.from_iterable(self._with_reasons(each, kept_zone, zone) for each in portions)

    def _with_reasons(self, explained: list[Explained], kept_zone: str, zone: str) -> Iterator[Row]:
        columns = self._columns((row for row, _ in explained), kept_zone, zone)
        return zip(columns, (reasons for _, reasons in explained), strict=True)


def asked_by(req: Request) -> tuple[Question, bool]:
    """What the parameters ask about, and whether they ask for reasons.

    Raises `InvalidValue` or `WindowRefused`.
    """
    window = window_between(_bound(req, "earliest"), _bound(req, "latest"))
    iccids, mdns = (
        tuple(map(Iccid.parse, several_in(req, "iccid"))),
        tuple(map(Mdn.parse, several_in(req, "mdn"))),
    )
    listed = Listed(iccids, mdns) if iccids or mdns else None
    imeis = tuple(map(imei_asked_for, several_in(req, "imei"))) or None
    question = Question(window, several_in(req, "account"), req.get_param("group"), listed, imeis)
    return question, _yes_or_no(req, "reasons")


def _bound(req: Request, name: str) -> datetime:
    moment = moment_in(req, name)
    if moment is None:
        message = f"the parameter {name} is missing; it takes a timestamp like 2026-03-01T00:00:00Z"
        raise InvalidValue(message)
    return moment


def _yes_or_no(req: Request, name: str) -> bool:
    text = req.get_param(name) or "false"
    if text not in YES_OR_NO:
        message = f"{name} must be true or false, not {shown(text)}"
        raise InvalidValue(message)
    return YES_OR_NO[text]
