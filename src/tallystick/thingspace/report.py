"""The report: `POST /devices/actions/list/imeiiccidmismatch` (contract, section 1)."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

from tallystick.pieces import send
from tallystick.report import answer, answer_explained, answer_joined
from tallystick.store import joined
from tallystick.thingspace.bodies import ReportBody, question_of, read_json
from tallystick.thingspace.rows import devices_of, in_zone, with_reasons
from tallystick.thingspace.session import check_user

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from falcon import Request, Response

    from tallystick.access import Access
    from tallystick.report import Question
    from tallystick.settings import Settings
    from tallystick.store import Reader, Store

INCLUDE_REASONS = "include=reasons"


class MismatchReport:
    """SIMs activated in other hardware than the device database expects."""

    def __init__(self, store: Store, access: Access, settings: Settings) -> None:
        self._store = store
        self._access = access
        self._settings = settings

    def on_post(self, req: Request, resp: Response) -> None:
        """Answer a report: whole where it is small, streamed from one snapshot of the store where it is not."""
        user_id = check_user(req, self._access)
        question = question_of(read_json(req, ReportBody))
        explained = prefers_reasons(req.get_header("Prefer") or "")
        with ExitStack() as held:
            reader = held.enter_context(self._store.snapshot())
            visible = reader.accounts_seen_by(user_id)
            rows = (self._explained if explained else self._plain)(reader, visible, question)
            send(req, resp, devices_of(rows), held)
        if explained:
            resp.set_header("Preference-Applied", INCLUDE_REASONS)

    def _plain(self, reader: Reader, visible: Mapping[str, int], question: Question) -> Iterator[bytes]:
        """Rows as the contract has them, many at a time."""
        kept_zone, zone, generations = reader.wire_zone(), self._settings.time_zone, self._settings.generations
        if kept_zone == zone:
            return answer_joined(reader, visible, question, generations)
        return joined(in_zone(answer(reader, visible, question, generations), kept_zone, zone))

    def _explained(self, reader: Reader, visible: Mapping[str, int], question: Question) -> Iterator[bytes]:
        """The same rows with the fields of their reasons behind those of the contract."""
        kept_zone, zone, generations = reader.wire_zone(), self._settings.time_zone, self._settings.generations
        explained = answer_explained(reader, visible, question, generations, zone)
        return map(b",".join, with_reasons(explained, kept_zone, zone))


def prefers_reasons(prefer: str) -> bool:
    """Whether a Prefer header asks for reasons (RFC 7240, section 2); what else it asks for is not ours."""
    for preference in prefer.lower().split(","):
        name, _, value = preference.partition(";")[0].partition("=")
        if name.strip() == "include" and value.strip().strip('"') == "reasons":
            return True
    return False
