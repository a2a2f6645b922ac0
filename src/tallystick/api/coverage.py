"""`GET /api/v1/coverage`: what a report's answer rests on, and which activations wait."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from tallystick.api.calls import ADMIN, ASKED, question_of
from tallystick.api.operation import operation
from tallystick.core.errors import InvalidValue
from tallystick.core.identifiers import BEFORE_ALL, Imsi, Msisdn, shown
from tallystick.core.identities import Subscriber
from tallystick.report.coverage import (
    SUBSCRIBERS_A_PAGE,
    coverage,
    described,
    described_unattributed,
)

if TYPE_CHECKING:
    from falcon import Request, Response

    from tallystick.settings import Settings
    from tallystick.store import Store


AFTER = {"after": "numbers behind this one, which the field `next` of the page before gives"}


class CoverageAnswer(msgspec.Struct):
    """How many SIMs are in scope, expected and seen in the window, and the last activation."""

    sims: int
    expected: int
    seen: int
    newest: str | None
    unattributed: dict[str, int] | msgspec.UnsetType = msgspec.UNSET
    """Activations by source that wait until it is known whose number they name; absent: none."""


class Waiting(msgspec.Struct):
    """Activations of a source that name a SIM by a number that no identity tells of.

    One of `imsi` and `msisdn` is null.
    """

    imsi: str | None
    msisdn: str | None
    source: str
    activations: int
    first_at: str
    last_at: str


class WaitingPage(msgspec.Struct):
    """Some of them in order; `next` is null, or what to ask for those behind them with."""

    unattributed: list[Waiting]
    next: str | None


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
            waiting = reader.unattributed_by_source()
        answer = CoverageAnswer(**described(covered, self._settings.zone))
        answer.unattributed = waiting or msgspec.UNSET
        resp.data = msgspec.json.encode(answer)


class UnattributedList:
    """The activations that wait until it is known whose IMSI or MSISDN they name."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store = store
        self._settings = settings

    @operation(scope=ADMIN, answer=WaitingPage, query=AFTER)
    def on_get(self, req: Request, resp: Response) -> None:
        """List the numbers that activations name and no identity tells of, in pages."""
        after = _after(req.get_param("after"))
        with self._store.snapshot() as reader:
            subscribers = reader.unattributed_after(after, SUBSCRIBERS_A_PAGE)
        page = [
            Waiting(**described_unattributed(each, self._settings.zone)) for each in subscribers
        ]
        numbers = {each.subscriber for each in subscribers}
        last = subscribers[-1].subscriber if len(numbers) == SUBSCRIBERS_A_PAGE else None
        following = None if last is None else f"{last.kind}:{last}"
        resp.data = msgspec.json.encode(WaitingPage(page, following))


def _after(text: str | None) -> int:
    """Behind which number a page begins. Raises `InvalidValue`."""
    kind, _, digits = (text or "").partition(":")
    if kind == "imsi":
        return Subscriber.of_imsi(Imsi.parse(digits))
    if kind == "msisdn":
        return Subscriber.of_msisdn(Msisdn.parse(digits))
    if text:
        message = f"after must be what the field next of the page before gave, not {shown(text)}"
        raise InvalidValue(message)
    return BEFORE_ALL
