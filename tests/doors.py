"""Questions over every door of a server, one after another, and how they were answered."""

from __future__ import annotations

import json
import threading
from collections import Counter
from contextlib import closing
from http.client import HTTPConnection, HTTPException
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlencode

from tests.sending import FOREIGN, iccid_of
from tests.serving import PASSWORD, REPORT, call, signed_in

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tallystick.access import Credentials

WINDOW = {"earliest": "2026-03-01T00:00:00Z", "latest": "2026-04-01T00:00:00Z"}
PERIOD = urlencode(WINDOW)
QUESTION = json.dumps({"accountName": "A-1", "devices": [], "filter": WINDOW})
SIM = iccid_of(1)
OPEN = ("/healthz", "/readyz", "/openapi.json", "/docs", "/no-such-page")
OWN = (
    f"/api/v1/mismatches?{PERIOD}",
    f"/api/v1/mismatches?{PERIOD}&imei={FOREIGN}",
    f"/api/v1/sims/{SIM}/history",
    f"/api/v1/hardware/{FOREIGN}",
    "/api/v1/sims",
    "/api/v1/accounts",
    f"/api/v1/coverage?{PERIOD}",
    "/api/v1/readiness",
    "/api/v1/sims/not-an-iccid",
)
PAGES = (
    f"/?{PERIOD}",
    f"/mismatches?{PERIOD}",
    f"/mismatches?{PERIOD}&q=1481",
    f"/sims/{SIM}?{PERIOD}",
    f"/hardware/{FOREIGN}?{PERIOD}",
    "/changes",
    "/imports",
    "/sessions",
    "/admin/users",
    "/admin/accounts",
)


class Asked(NamedTuple):
    """One question: its method, path, body and headers."""

    method: str
    path: str
    body: str
    headers: Mapping[str, str]


def cookies_of(port: int, user: str) -> dict[str, str]:
    """The header that carries the console's session of a user who signs in."""
    form = urlencode({"name": user, "password": PASSWORD})
    headers = {
        "Content-Type": "application/x-www-form-urlencoded",
        "Sec-Fetch-Site": "same-origin",
    }
    reply = call(port, "POST", "/login", form, headers)
    assert reply.status == 303, reply
    return {"Cookie": reply.headers["set-cookie"].partition(";")[0], "Accept": "text/html"}


class Visitor(threading.Thread):
    """Asks every page, list and report in turn, and counts the answers by their status."""

    def __init__(self, port: int, app: Credentials, user: str) -> None:
        super().__init__(daemon=True)
        self._port, self._app, self._user = port, app, user
        self.enough = threading.Event()
        self.answers = Counter[int]()
        self.failures: list[str] = []

    def run(self) -> None:
        """Go round until there is enough; what the server does not answer is asked again."""
        while not self.enough.is_set():
            try:
                self._go_round(self._questions())
            except (OSError, HTTPException):
                self.enough.wait(0.2)
            except AssertionError as refused:  # by the helpers that sign in
                if "status=503" not in str(refused):
                    self.failures.append(f"signing in: {refused}")
                self.enough.wait(0.2)

    def _questions(self) -> list[Asked]:
        session = signed_in(self._port, self._app, self._user)
        cookies = cookies_of(self._port, self._user)
        return [
            Asked("POST", REPORT, QUESTION, session),
            Asked("GET", "/metrics", "", session),
            *(Asked("GET", path, "", {}) for path in OPEN),
            *(Asked("GET", path, "", session) for path in OWN),
            *(Asked("GET", path, "", cookies) for path in PAGES),
        ]

    def _go_round(self, questions: list[Asked]) -> None:
        with closing(HTTPConnection("127.0.0.1", self._port, timeout=60)) as connection:
            while not self.enough.is_set():
                for asked in questions:
                    connection.request(*asked)
                    with connection.getresponse() as answer:
                        answer.read()
                    self._note(asked, answer.status)
                    if answer.status in {303, 401}:
                        return  # its session has ended; another one is begun

    def _note(self, asked: Asked, status: int) -> None:
        self.answers[status] += 1
        if status >= 500 and status != 503:
            self.failures.append(f"{status} to {asked.method} {asked.path}")
