"""The console's pages over HTTP, on a store whose window has many rows."""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from benchmarks.client import Connection, whole_answer
from benchmarks.figures import Figure, figure, in_turn
from benchmarks.fleets import CROWD, WINDOW
from benchmarks.served import Served, serving
from benchmarks.stores import Given, whole_store

if TYPE_CHECKING:
    from collections.abc import Iterator

ROWS = 60_000
"""The rows of the crowd: with those of a fleet of 10,000,000 SIMs, 200,000 in the window."""
ROUNDS = 15
ROUNDS_OF_COUNTS = 5
MS_A_SECOND = 1000
SIM = re.compile(rb'class="sim" href="(/sims/[0-9]+)')


def console(given: Given) -> list[Figure]:
    """Each page as somebody sees it who may see every account.

    Most rows are of a crowd that was found in one hardware: the worst for reasons of other SIMs.
    """
    address = whole_store(given, given.sims, ROWS)
    with serving(address) as server:
        pages = dict(_pages(server))
        for path in pages.values():
            answer = whole_answer(server.port, server.question(path))
            assert answer.status == b"200", path
        connection = Connection(server.port)
        works = [partial(_ask, connection, server, path) for path in pages.values()]
        seconds = in_turn(ROUNDS, *works)
        figures = [_figure(what, runs) for what, runs in zip(pages, seconds, strict=True)]
        figures.append(_figure("overview, counted anew", _counted_anew(connection, server)))
    return figures


def _pages(server: Served) -> Iterator[tuple[str, str]]:
    """What is measured, and its address."""
    listed = Connection(server.port).ask(server.question(_address("/mismatches")))
    sim = SIM.search(listed.body)
    assert sim, "the list has no rows"
    yield "overview, counted before", _address("/")
    yield "list", _address("/mismatches")
    yield "list, the oldest first", _address("/mismatches", order="oldest")
    for order in ("iccid", "account", "imei"):
        yield f"list in order of {order}", _address("/mismatches", order=order)
    yield "list by a reason", _address("/mismatches", reason="moved-on")
    yield "list of one account", _address("/mismatches", account=CROWD)
    yield "list by cause", _address("/mismatches", cause="theft")
    yield "list, searched in vain", _address("/mismatches", q="99999999")
    yield "list by a state that no row has", _address("/mismatches", state="proposed")
    yield "list by a type that no row has", _address("/mismatches", tac="99999999")
    yield "list of 10,000", _address("/mismatches", all="yes")
    yield "SIM", _address(sim[1].decode())
    yield "changes", "/changes"
    yield "imports", "/imports"
    yield "sessions", "/sessions"


def _address(path: str, **more: str) -> str:
    query = urlencode({"earliest": WINDOW[0], "latest": WINDOW[1]} | more)
    return f"{path}?{query}"


def _ask(connection: Connection, server: Served, path: str) -> None:
    connection.size_of(server.question(path))


def _counted_anew(connection: Connection, server: Served) -> list[float]:
    """Seconds of overviews of windows that were not asked about before."""
    paths = (
        _address("/").replace("00%3A00Z", f"00%3A{number:02}Z", 1)
        for number in range(1, ROUNDS_OF_COUNTS + 2)
    )
    (seconds,) = in_turn(ROUNDS_OF_COUNTS, lambda: _ask(connection, server, next(paths)))
    return seconds


def _figure(what: str, seconds: list[float]) -> Figure:
    return figure(f"console: {what}", "ms", [each * MS_A_SECOND for each in seconds])
