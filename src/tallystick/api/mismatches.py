"""`GET /api/v1/mismatches`: the report under our own names, with reasons if asked for."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import falcon
import msgspec

from tallystick.api.calls import ADMIN, ASKED, accounts_of, moment_in, several_in
from tallystick.api.operation import operation
from tallystick.clock import system_clock
from tallystick.core.choices import choice_or_none
from tallystick.core.errors import InvalidValue
from tallystick.core.explanations import RowState
from tallystick.core.identifiers import Iccid, Mdn, shown
from tallystick.core.reasons import NARROWING, Cause
from tallystick.core.selection import Listed, imei_asked_for
from tallystick.core.window import window_between
from tallystick.http.gate import caller_of
from tallystick.http.media_types import CSV, NDJSON, PARQUET, XLSX
from tallystick.http.row_forms import FORMS, PACKED, printed_rows
from tallystick.http.streaming import send
from tallystick.report.answer import Question, answer, answer_explained
from tallystick.report.listing import FilterTexts, Lister, every_row
from tallystick.store.listing import Order

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from falcon import Request, Response

    from tallystick.http.row_forms import ReadRows, Row
    from tallystick.report.answer import Explained
    from tallystick.report.listing import Filters
    from tallystick.settings import Settings
    from tallystick.store import Reader, Store

WORDS = ASKED | {
    "iccid": "of this SIM; may stand several times",
    "mdn": "of the SIMs with this phone number; may stand several times",
    "imei": "of SIMs that were seen in this hardware; may stand several times",
    "reasons": "true: say why each row is there",
}
NARROWED = {
    "cause": f"only rows of this likely cause: {', '.join(Cause)}",
    "reason": f"only rows with this reason: {', '.join(NARROWING)}",
    "state": f"only rows in this state: {', '.join(RowState)}",
    "tac": "only rows of SIMs that were seen in this type of hardware",
    "manufacturer": "only rows of SIMs that were seen in hardware of this manufacturer",
    "model": "only rows of SIMs that were seen in hardware of a model with this name",
    "q": "only rows with these digits, four at least, in ICCID, phone number or an IMEI",
    "order": f"the order of the rows: {', '.join(Order)}; oldest if absent",
}
"""What a list is narrowed down by, as in the console; without it, rows are those of the report."""
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
        query=WORDS | NARROWED,
        required=("earliest", "latest"),
        several=("account", "iccid", "mdn", "imei"),
        texts=(NDJSON, CSV, PARQUET, XLSX),
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
            filters, order = narrowed_by(req)
            kept_zone = reader.wire_zone()
            if filters.is_empty and order is Order.OLDEST:
                rows = self._rows(reader, visible, question, kept_zone, explained=explained)
            else:
                portions = self._listed(reader, visible, question, filters, order)
                rows = self._printed(portions, kept_zone, explained=explained)
            resp.content_type = form
            send(req, resp, FORMS[form](rows, explained), held, is_packed=form in PACKED)

    def _rows(
        self,
        reader: Reader,
        visible: dict[str, int],
        question: Question,
        kept_zone: str,
        *,
        explained: bool,
    ) -> Iterator[Row]:
        zone, generations = self._settings.time_zone, self._settings.generations
        if not explained:
            rows = answer(reader, visible, question, generations)
            return ((columns, None) for columns in self._columns(rows, kept_zone, zone))
        portions = answer_explained(reader, visible, question, generations, zone)
        return self._printed(portions, kept_zone, explained=True)

    def _listed(
        self,
        reader: Reader,
        visible: dict[str, int],
        question: Question,
        filters: Filters,
        order: Order,
    ) -> Iterator[list[Explained]]:
        """The rows as a list has them. Raises `InvalidValue` where SIMs are named, too."""
        if question.listed or question.imeis:
            message = f"{', '.join(NARROWED)} do not go with iccid, mdn or imei"
            raise InvalidValue(message)
        settings = self._settings
        lister = Lister(reader, visible, settings.generations, settings.time_zone, system_clock())
        return every_row(lister, question, filters, order=order)

    def _printed(
        self, portions: Iterator[list[Explained]], kept_zone: str, *, explained: bool
    ) -> Iterator[Row]:
        zone = self._settings.time_zone
        return printed_rows(portions, self._columns, kept_zone, zone, explained=explained)


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


def narrowed_by(req: Request) -> tuple[Filters, Order]:
    """What a list is narrowed down by, and the order of its rows. Raises `InvalidValue`."""
    filters = FilterTexts(*(req.get_param(name) or "" for name in FilterTexts._fields)).parsed()
    order = choice_or_none(Order, "order", req.get_param("order")) or Order.OLDEST
    return filters, order


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
