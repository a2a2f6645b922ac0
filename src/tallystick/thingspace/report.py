"""The report: `POST /devices/actions/list/imeiiccidmismatch` (contract, section 1)."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

from tallystick.http.gate import for_users, user_of
from tallystick.http.streaming import send
from tallystick.report.answer import answer, answer_explained, answer_joined
from tallystick.report.coverage import coverage
from tallystick.report.coverage import described as described_coverage
from tallystick.store import joined
from tallystick.thingspace.bodies import ReportBody, question_of, read_json
from tallystick.thingspace.described import ReportAnswer, described
from tallystick.thingspace.preferences import COVERAGE, REASONS, included, say_applied
from tallystick.thingspace.rows import devices_of, in_zone, with_reasons

if TYPE_CHECKING:
    from collections.abc import Iterator

    from falcon import Request, Response

    from tallystick.report.answer import Question
    from tallystick.settings import Settings
    from tallystick.store import Reader, Store
    from tallystick.store.access import View

COVERAGE_HEADER = "Tallystick-Coverage"


class MismatchReport:
    """SIMs activated in other hardware than the device database expects."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store = store
        self._settings = settings

    @described(ReportBody, ReportAnswer)
    @for_users
    def on_post(self, req: Request, resp: Response) -> None:
        """Answer a report: whole where it is small, else streamed from one snapshot."""
        user_id = user_of(req)
        question = question_of(read_json(req, ReportBody))
        wanted = included(req)
        with ExitStack() as held:
            reader = held.enter_context(self._store.snapshot())
            view = reader.view_of(user_id)
            if COVERAGE in wanted:
                resp.set_header(COVERAGE_HEADER, self._coverage(reader, view, question))
            rows = (self._explained if REASONS in wanted else self._plain)(reader, view, question)
            send(req, resp, devices_of(rows), held)
        say_applied(resp, wanted)

    def _coverage(self, reader: Reader, view: View, question: Question) -> str:
        """What the answer rests on, as the value of a header."""
        covered = coverage(reader, view.accounts, question, self._settings.generations)
        coverage_fields = described_coverage(covered, self._settings.zone)
        return "; ".join(
            f"{name}={value}" for name, value in coverage_fields.items() if value is not None
        )

    def _plain(self, reader: Reader, view: View, question: Question) -> Iterator[bytes]:
        """Rows as the contract has them, many at a time."""
        zone, generations = self._settings.time_zone, self._settings.generations
        if view.wire_zone == zone:
            return answer_joined(reader, view.accounts, question, generations)
        return joined(
            in_zone(answer(reader, view.accounts, question, generations), view.wire_zone, zone)
        )

    def _explained(self, reader: Reader, view: View, question: Question) -> Iterator[bytes]:
        """The same rows with the fields of their reasons behind those of the contract."""
        zone, generations = self._settings.time_zone, self._settings.generations
        explained = answer_explained(reader, view.accounts, question, generations, zone)
        return map(b",".join, with_reasons(explained, view.wire_zone, zone))
