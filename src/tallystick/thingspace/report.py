"""The report: `POST /devices/actions/list/imeiiccidmismatch` (contract, section 1)."""

from __future__ import annotations

from contextlib import ExitStack, closing
from typing import TYPE_CHECKING

from tallystick.core.moments import wire
from tallystick.coverage import coverage
from tallystick.report import answer, answer_joined
from tallystick.store import joined
from tallystick.thingspace.bodies import ReportBody, question_of, read_json
from tallystick.thingspace.pieces import Stream, accepts_gzip, devices_of, gather, gzipped
from tallystick.thingspace.preferences import COVERAGE, included, say_applied
from tallystick.thingspace.rows import in_zone
from tallystick.thingspace.session import check_user

if TYPE_CHECKING:
    from collections.abc import Generator

    from falcon import Request, Response

    from tallystick.access import Access
    from tallystick.report import Question
    from tallystick.settings import Settings
    from tallystick.store import Reader, Store

WHOLE_BYTES_MAX = 4 * 1024 * 1024  # up to here one piece is fastest; from here on memory must not follow the answer
COVERAGE_HEADER = "Tallystick-Coverage"
PIECE_BYTES = 1024 * 1024


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
        wanted = included(req)
        zipped = accepts_gzip(req.get_header("Accept-Encoding") or "")
        with ExitStack() as held:
            reader = held.enter_context(self._store.snapshot())
            parts = self._parts(reader, user_id, question)
            if COVERAGE in wanted:
                resp.set_header(COVERAGE_HEADER, self._coverage(reader, user_id, question))
            if zipped:
                parts = gzipped(parts)
            some, size = gather(parts, WHOLE_BYTES_MAX)
            if size < WHOLE_BYTES_MAX:
                resp.set_stream(iter(some), size)
            else:
                held.enter_context(closing(parts))
                resp.stream = Stream(b"".join(some), parts, PIECE_BYTES, held.pop_all())
        say_applied(resp, wanted)
        resp.set_header("Vary", "Accept-Encoding")
        if zipped:
            resp.set_header("Content-Encoding", "gzip")

    def _coverage(self, reader: Reader, user_id: int, question: Question) -> str:
        """What the answer rests on, as the value of a header."""
        covered = coverage(reader, reader.view_of(user_id).accounts, question, self._settings.generations)
        told: dict[str, object] = covered._asdict()
        told["newest"] = None if covered.newest is None else wire(covered.newest, self._settings.zone)
        return "; ".join(f"{name}={value}" for name, value in told.items() if value is not None)

    def _parts(self, reader: Reader, user_id: int, question: Question) -> Generator[bytes, None, None]:
        visible, kept_zone = reader.view_of(user_id)
        zone, generations = self._settings.time_zone, self._settings.generations
        if kept_zone == zone:
            return devices_of(answer_joined(reader, visible, question, generations))
        return devices_of(joined(in_zone(answer(reader, visible, question, generations), kept_zone, zone)))
