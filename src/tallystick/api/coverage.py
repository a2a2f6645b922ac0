"""`GET /api/v1/coverage`: what a report's answer rests on, and which activations wait."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from tallystick.api.answers.coverage import Expected, Waiting, expected_answer, waiting_answer
from tallystick.api.calls import ADMIN, ASKED, question_of
from tallystick.api.operation import operation
from tallystick.core.allowed import HARDWARE
from tallystick.core.errors import InvalidValue
from tallystick.core.identifiers import BEFORE_ALL, Iccid, Imei, Imsi, Msisdn, shown
from tallystick.core.identities import Subscriber
from tallystick.report.coverage import (
    SUBSCRIBERS_A_PAGE,
    UNLOADED_A_PAGE,
    coverage,
    described,
    doubtful,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from falcon import Request, Response

    from tallystick.settings import Settings
    from tallystick.store import Store
    from tallystick.store.doubtful import LastExpectation


AFTER = {"after": "what comes behind this number, which the field `next` of the page before gives"}


class CoverageAnswer(msgspec.Struct):
    """How many SIMs are in scope, expected and seen in the window, and the last activation."""

    sims: int
    expected: int
    seen: int
    newest: str | None
    unattributed: dict[str, int] | msgspec.UnsetType = msgspec.UNSET
    """Activations by source that wait until it is known whose number they name; absent: none."""
    unloaded: int | msgspec.UnsetType = msgspec.UNSET
    """SIMs that are expected and not loaded; absent: none, or an account was named."""
    shared_hardware: int | msgspec.UnsetType = msgspec.UNSET
    """Hardware in which several SIMs are expected; absent: none, or an account was named."""


class WaitingPage(msgspec.Struct):
    """Some of them in order; `next` is null, or what to ask for those behind them with."""

    unattributed: list[Waiting]
    next: str | None


class UnloadedPage(msgspec.Struct):
    """Some SIMs that are expected and not loaded; `next` is null, or what to ask on with."""

    unloaded: list[Expected]
    next: str | None


class SharedPage(msgspec.Struct):
    """Some expectations of shared hardware in order; `next` is null, or what to ask on with."""

    shared_hardware: list[Expected]
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
            of_store = None if question.accounts else doubtful(reader)
        answer = CoverageAnswer(**described(covered, self._settings.zone))
        answer.unattributed = waiting or msgspec.UNSET
        if of_store:
            answer.unloaded = of_store.unloaded or msgspec.UNSET
            answer.shared_hardware = of_store.shared_hardware or msgspec.UNSET
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
        page = [waiting_answer(each, self._settings.zone) for each in subscribers]
        numbers = {each.subscriber for each in subscribers}
        last = subscribers[-1].subscriber if len(numbers) == SUBSCRIBERS_A_PAGE else None
        following = None if last is None else f"{last.kind}:{last}"
        resp.data = msgspec.json.encode(WaitingPage(page, following))


class UnloadedList:
    """The SIMs that are expected somewhere and not loaded."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store = store
        self._settings = settings

    @operation(scope=ADMIN, answer=UnloadedPage, query=AFTER)
    def on_get(self, req: Request, resp: Response) -> None:
        """List the SIMs that are expected and not loaded by ICCID, in pages."""
        named = req.get_param("after")
        after = Iccid.parse(named) if named else BEFORE_ALL
        with self._store.snapshot() as reader:
            sims = reader.unloaded_after(after, UNLOADED_A_PAGE)
        following = str(sims[-1].iccid) if len(sims) == UNLOADED_A_PAGE else None
        page = UnloadedPage(_expected(sims, self._settings), following)
        resp.data = msgspec.json.encode(page)


class SharedHardwareList:
    """The hardware in which several SIMs are expected."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store = store
        self._settings = settings

    @operation(scope=ADMIN, answer=SharedPage, query=AFTER)
    def on_get(self, req: Request, resp: Response) -> None:
        """List the SIMs that are expected in hardware where another is expected too, in pages."""
        named = req.get_param("after")
        after = Imei.parse(named) // HARDWARE if named else BEFORE_ALL
        with self._store.snapshot() as reader:
            shared = reader.shared_after(after)
        following = None if shared.last is None else str(Imei(shared.last * HARDWARE))
        page = SharedPage(_expected(shared.expectations, self._settings), following)
        resp.data = msgspec.json.encode(page)


def _expected(expectations: Iterable[LastExpectation], settings: Settings) -> list[Expected]:
    return [expected_answer(each, settings.zone) for each in expectations]


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
