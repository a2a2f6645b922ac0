"""`GET /api/v1/coverage`: what a report's answer rests on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from tallystick.api.calls import ADMIN, ASKED, question_of
from tallystick.api.operation import operation
from tallystick.report.coverage import coverage, described

if TYPE_CHECKING:
    from falcon import Request, Response

    from tallystick.settings import Settings
    from tallystick.store import Store


class CoverageAnswer(msgspec.Struct):
    """How many SIMs are in scope, expected and seen in the window, and the last activation."""

    sims: int
    expected: int
    seen: int
    newest: str | None


class CoverageCounts:
    """How many SIMs there are, and of how many something is known."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store = store
        self._settings = settings

    @operation(scope=ADMIN, answer=CoverageAnswer, query=ASKED, several=("account",))
    def on_get(self, req: Request, resp: Response) -> None:
        """Count the SIMs of every account, or of those that are named."""
        question = question_of(req)
        with self._store.snapshot() as reader:
            covered = coverage(reader, reader.accounts(), question, self._settings.generations)
        resp.data = msgspec.json.encode(CoverageAnswer(**described(covered, self._settings.zone)))
