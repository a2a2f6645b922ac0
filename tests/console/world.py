"""A small fleet of two accounts, and browsers that look at it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from tallystick.core.facts import (
    GroupMember,
    HardwareType,
    Sim,
    SimActivation,
    SimExpectation,
)
from tallystick.core.identifiers import Iccid, Imei, Mdn, Tac
from tallystick.core.moments import BEGINNING, Moment, parse_moment
from tallystick.http.gate import Session, needs_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from falcon import testing

    from tallystick.store import Store

MINE, OTHERS = "0342077109-00001", "0212398765-00001"
HOME, FOREIGN = Imei.parse("352099001761481"), Imei.parse("357152091234565")
ONE, TWO, THREE = (Iccid.parse(f"8914800000080000001{n}") for n in range(3))
MDN = Mdn.parse("5096300011")
CROWD = 450
DAY_ONE = parse_moment("2026-05-05T10:00:00Z")
WINDOW = "earliest=2026-05-01&latest=2026-06-01"
PASSWORD = "correct horse"
TOKEN = re.compile(r'name="csrf" value="([0-9a-f]+)"')
SIM_LINK = re.compile(r'class="sim" href="/sims/([0-9]+)')


def crowd_sim(number: int) -> Iccid:
    """One of many SIMs of the first account."""
    return Iccid.parse(f"8999{number:016d}")


def home_of(number: int) -> Imei:
    """Where one of them is expected."""
    return Imei.parse(f"86123405{number:06d}0")


def minutes_later(number: int) -> Moment:
    """A moment so many minutes behind the first row."""
    return Moment(DAY_ONE + number * 60_000_000)


def fill(store: Store) -> None:
    """Two SIMs in each other's hardware, one as expected, and a crowd one minute apart."""
    with store.transaction() as writer:
        writer.take_sims(
            [Sim(ONE, MDN, MINE, DAY_ONE, "4G"), Sim(TWO, None, OTHERS, DAY_ONE, "4G")]
        )
        writer.take_expectations(
            [SimExpectation(ONE, BEGINNING, HOME), SimExpectation(TWO, BEGINNING, FOREIGN)]
        )
        writer.take_activations(
            [SimActivation(ONE, DAY_ONE, FOREIGN), SimActivation(TWO, DAY_ONE, HOME)]
        )
        writer.take_group_members([GroupMember(MINE, "Meters", ONE)])
        writer.take_types([HardwareType(Tac(35715209), "Corvid & Sons", "C7")])
        crowd = [(crowd_sim(number), number) for number in range(1, CROWD)]
        writer.take_sims([Sim(iccid, None, MINE, None, "4G") for iccid, _ in crowd])
        writer.take_expectations(
            [SimExpectation(iccid, BEGINNING, home_of(number)) for iccid, number in crowd]
        )
        writer.take_activations(
            [
                SimActivation(iccid, minutes_later(number), home_of(number + 500_000))
                for iccid, number in crowd
            ]
        )


class Answer(NamedTuple):
    """What came back: the status, the headers in lower case, the text, and its bytes."""

    status: int
    headers: Mapping[str, str]
    text: str
    body: bytes

    @property
    def sims(self) -> list[str]:
        """The SIMs of the rows that are shown, in order."""
        return SIM_LINK.findall(self.text)


class Browser:
    """A browser without JavaScript: it keeps cookies and says where its requests come from."""

    def __init__(self, client: testing.TestClient, protocol: str = "http") -> None:
        self._client = client
        self._protocol = protocol
        self.cookies: dict[str, str] = {}
        self.set_cookie = ""

    def ask(
        self,
        method: str,
        path: str,
        body: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """One request; redirects are not followed."""
        sent = {"Accept": "text/html", "Cookie": self._cookie()}
        if body is not None:
            sent |= {
                "Content-Type": "application/x-www-form-urlencoded",
                "Sec-Fetch-Site": "same-origin",
            }
        address, _, query = path.partition("?")
        result = self._client.simulate_request(
            method,
            address,
            query_string=query,
            body=body,
            headers=sent | dict(headers or {}),
            protocol=self._protocol,
        )
        self._keep(result.headers.get("set-cookie"))
        lowered = {name.lower(): value for name, value in result.headers.items()}
        text = result.content.decode(errors="replace")
        return Answer(result.status_code, lowered, text, result.content)

    def get(self, path: str) -> Answer:
        """A page."""
        return self.ask("GET", path)

    def sign_in(self, name: str, then: str = "/", password: str = PASSWORD) -> Answer:
        """Send the form."""
        return self.ask("POST", "/login", f"name={name}&password={password}&next={then}")

    def csrf(self) -> str:
        """The token of the forms on the first page."""
        match = TOKEN.search(self.get("/").text)
        assert match
        return match[1]

    def _cookie(self) -> str:
        return "; ".join(f"{name}={value}" for name, value in self.cookies.items())

    def _keep(self, set_cookie: str | None) -> None:
        if set_cookie is None:
            return
        self.set_cookie = set_cookie
        name, _, value = set_cookie.partition(";")[0].partition("=")
        self.cookies[name] = value
        if "expires=Thu, 01 Jan 1970" in set_cookie:
            del self.cookies[name]


def resources_of(client: testing.TestClient) -> Iterator[tuple[str, object]]:
    """Every resource of the app, with its path."""
    roots = client.app._router._roots  # noqa: SLF001 - the framework tells routes to nobody
    return _resources("", roots)


def posted_paths(client: testing.TestClient) -> list[str]:
    """Every address of the console that takes a form, with 1 in the place of what varies."""
    return [
        re.sub(r"\{\w+\}", "1", path)
        for path, resource in resources_of(client)
        if hasattr(resource, "on_post") and _is_of_console(resource)
    ]


def _is_of_console(resource: object) -> bool:
    stated = needs_of(resource, "POST")
    return stated is not None and stated.session is Session.CONSOLE


def _resources(above: str, nodes: list[Any]) -> Iterator[tuple[str, object]]:
    for node in nodes:
        path = f"{above}/{node.raw_segment}"
        if node.resource is not None:
            yield path, node.resource
        yield from _resources(path, node.children)
