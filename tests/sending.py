"""Facts that are sent to a server while something befalls it, and what must hold afterwards."""

from __future__ import annotations

import json
import secrets
import threading
from collections import Counter
from contextlib import closing
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from typing import TYPE_CHECKING

from tallystick.clock import system_clock
from tallystick.core.facts import Sim, SimExpectation
from tallystick.core.identifiers import Iccid, Imei
from tallystick.core.moments import parse_moment
from tallystick.operations.verify import verify
from tallystick.thingspace.rows import wire_row
from tests.quick_access import quick_access

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tallystick.store import Store

BATCH, SIMS = 7, 40
HOME, FOREIGN = "352099001761481", "357152091234562"


def iccid_of(number: int) -> str:
    """One of the SIMs."""
    return f"891480000008{number:08}"


def load_fleet(store: Store) -> None:
    """SIMs that are all expected at home."""
    moment, home = parse_moment("2019-02-03T04:05:06Z"), Imei.parse(HOME)
    iccids = [Iccid.parse(iccid_of(number)) for number in range(SIMS)]
    with store.transaction() as writer:
        writer.take_sims([Sim(iccid, None, "A-1", moment, "4G") for iccid in iccids])
        writer.take_expectations([SimExpectation(iccid, moment, home) for iccid in iccids])


def headers_of_sender(store: Store, scope: str = "intake", name: str = "sender") -> dict[str, str]:
    """Those of a new app that may send facts, or do what a scope allows, for an hour."""
    access = quick_access(store, system_clock, secrets.token_bytes)
    app = access.add_app(name, [scope])
    issued = access.issue_token(app.key, app.secret)
    access.close()
    return {"Authorization": f"Bearer {issued.access_token}", "Content-Type": "application/json"}


class Sender(threading.Thread):
    """Sends batches, each of a moment of its own, until the server is gone or there is enough.

    `renewed` gives other headers when the token of the first ones holds no more.
    """

    def __init__(
        self,
        number: int,
        port: int,
        headers: dict[str, str],
        start_second: int,
        refusals: tuple[int, ...] = (),
        renewed: Callable[[], dict[str, str]] | None = None,
    ) -> None:
        super().__init__()
        self._renewed = renewed
        self._port, self._headers, self._refusals = port, headers, refusals
        self._number, self._second = number, start_second
        self.enough = threading.Event()
        self.acknowledged: list[str] = []
        self.unanswered: list[str] = []

    def run(self) -> None:
        with closing(HTTPConnection("127.0.0.1", self._port, timeout=60)) as connection:
            while not self.enough.is_set() and (status := self._send(connection)):
                if status == HTTPStatus.UNAUTHORIZED and self._renewed:
                    self._headers = self._renewed()
                    continue
                assert status in {200, *self._refusals}
                if status == 200:
                    self.acknowledged.append(self.unanswered.pop())

    def _send(self, connection: HTTPConnection) -> int:
        """The status of the answer; 0 where none came."""
        moment = (
            f"2026-03-05T{self._number:02}:{self._second // 60 % 60:02}:{self._second % 60:02}Z"
        )
        self._second += 1
        facts = [
            {
                "iccid": iccid_of((self._second * BATCH + n) % SIMS),
                "imei": (HOME, FOREIGN)[n % 2],
                "activated_at": moment,
            }
            for n in range(BATCH)
        ]
        self.unanswered.append(moment)
        try:
            connection.request("POST", "/api/v1/activations", json.dumps(facts), self._headers)
            with connection.getresponse() as answer:
                answer.read()
        except (OSError, HTTPException):
            return 0
        return answer.status


def kept_moments(store: Store) -> dict[str, set[int]]:
    """The moments of every activation in the store, by SIM."""
    with store.snapshot() as reader:
        return {
            iccid_of(number): {
                seen.activated_at for seen in reader.activations_of(Iccid.parse(iccid_of(number)))
            }
            for number in range(SIMS)
        }


def assert_follows_the_rule(store: Store) -> None:
    """The kept answer is what the rule makes of the facts."""
    assert [
        difference for verified in verify(store, wire_row) for difference in verified.differences
    ] == []


def assert_nothing_is_lost(store: Store, senders: Iterable[Sender]) -> None:
    """What was acknowledged is there, nothing is half there, and the answer follows."""
    kept = Counter(moment for moments in kept_moments(store).values() for moment in moments)
    for sender in senders:
        for text in sender.acknowledged:
            assert kept[parse_moment(text)] == BATCH, "an acknowledged batch is not there"
        for text in sender.unanswered:
            assert kept[parse_moment(text)] in {0, BATCH}, "a batch is half there"
    assert_follows_the_rule(store)
