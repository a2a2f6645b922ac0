"""The report over HTTP beside peers that answer it from the facts, in stores of two sizes."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from benchmarks.client import Connection, whole_answer
from benchmarks.figures import Figure, figure
from benchmarks.fleets import CROWD, LARGEST, WINDOW
from benchmarks.peers import Peer, Question, Row, peers
from benchmarks.served import Served, serving
from benchmarks.stores import Given, whole_store
from tallystick.core.identifiers import Iccid, Imei
from tallystick.core.moments import parse_moment
from tallystick.thingspace.rows import Row as WireRow

if TYPE_CHECKING:
    from collections.abc import Callable

ROWS = 10_000
ROUNDS = 7
CALLS_A_ROUND = 15  # of ours, which takes some milliseconds, for one of each peer


class Body(msgspec.Struct):
    """The answer, read back."""

    devices: list[WireRow]


class Asked(NamedTuple):
    """One question, in both tongues, and its right answer."""

    what: str
    request: bytes
    question: Question
    rows: list[Row]


def report(given: Given) -> list[Figure]:
    """Two questions of about 10,000 rows: an account of as many SIMs, and the largest account."""
    return [
        each for sims in (given.sims, max(given.sims // 10, 1)) for each in _of_size(given, sims)
    ]


def _of_size(given: Given, sims: int) -> list[Figure]:
    address, figures = whole_store(given, sims, ROWS), list[Figure]()
    with serving(address) as server, peers(given.folder, sims, ROWS) as others:
        for account in (CROWD, LARGEST):
            asked = _asked(server, account, f"{sims:,} SIMs")
            for peer in others:
                _compare(peer, asked)
            figures += _measured(server, asked, others)
    return figures


def _asked(server: Served, account: str, size: str) -> Asked:
    """The report of an account in the window; a large one's window ends after 10,000 rows."""
    earliest, latest = WINDOW
    wires = _wires(server, server.report(account, earliest, latest))
    if len(wires) > ROWS:
        latest = wires[ROWS].sim_ota_date
        wires = _wires(server, server.report(account, earliest, latest))
    assert wires, f"the account {account} has no rows: the fleet is too small"
    rows: list[Row] = [
        (
            Iccid.parse(row.iccid),
            Imei.parse(row.pre_imei or ""),
            Imei.parse(row.post_imei),
            parse_moment(row.sim_ota_date),
        )
        for row in wires
    ]
    question = Question(account, parse_moment(earliest), parse_moment(latest))
    return Asked(
        f"{len(rows):,} rows of {account}, {size}",
        server.report(account, earliest, latest),
        question,
        rows,
    )


def _wires(server: Served, request: bytes) -> list[WireRow]:
    answer = whole_answer(server.port, request)
    assert answer.status == b"200", answer
    return msgspec.json.decode(answer.body, type=Body).devices


def _compare(peer: Peer, asked: Asked) -> None:
    theirs = [tuple(int(value) for value in row[:4]) for row in peer.ask(asked.question)]
    assert theirs == asked.rows, f"{peer.name} answers otherwise than Tallystick: {asked.what}"


def _measured(server: Served, asked: Asked, others: list[Peer]) -> list[Figure]:
    """In turn, so that all meet the same weather."""
    ours, explained, theirs = list[float](), list[float](), [list[float]() for _ in others]
    for _ in range(ROUNDS):
        for peer, runs in zip(others, theirs, strict=True):
            runs.append(_milliseconds(partial(peer.ask, asked.question)))
        connection = Connection(
            server.port
        )  # anew, for a peer may take longer than the server keeps an idle one
        ours += [
            _milliseconds(partial(connection.size_of, asked.request)) for _ in range(CALLS_A_ROUND)
        ]
        with_reasons = partial(connection.size_of, server.explained(asked.request))
        explained += [_milliseconds(with_reasons) for _ in range(CALLS_A_ROUND)]
    by_us = figure(f"report of {asked.what}", "ms", ours)
    figures = [figure("the same with reasons", "ms", explained)]
    figures += [
        figure(f"the same rows, {peer.name}", "ms", runs)
        for peer, runs in zip(others, theirs, strict=True)
    ]
    return [
        by_us,
        *(each._replace(ratio=f"{each.median / by_us.median:.0f} x ours") for each in figures),
    ]


def _milliseconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return (time.perf_counter() - started) * 1e3
