"""Answers of many megabytes: complete, of one moment, and of no weight in the server's memory."""

from __future__ import annotations

import gzip
import json
import secrets
import socket
import sqlite3
import sys
import time
from contextlib import closing, contextmanager
from http.client import HTTPConnection, HTTPResponse, IncompleteRead
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

from tallystick.clock import system_clock
from tallystick.core.facts import Sim, SimActivation, SimExpectation
from tallystick.core.identifiers import NAME_LENGTH_MAX, Iccid, Imei, Mdn
from tallystick.core.moments import BEGINNING, Moment, parse_moment
from tallystick.store import open_store
from tallystick.thingspace.rows import wire_row
from tests.cluster import cut_connections
from tests.engines import CITUS, ENGINES, POSTGRESQL, rows_of
from tests.listening import PATIENCE_S
from tests.quick_access import quick_access
from tests.serving import (
    PASSWORD,
    REPORT,
    SERVE,
    call,
    free_port,
    running,
    serving,
    signed_in,
    told,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tallystick.access import Credentials
    from tallystick.store import Store

FIRST = parse_moment("2026-03-01T00:00:01Z")
EXPECTED, FOUND = Imei.parse("352099001761481"), Imei.parse("357152091234562")
LARGE = "large".ljust(NAME_LENGTH_MAX, "\N{PAGER}")  # four bytes a character: long rows, so few do
ROWS = 29_000  # 12 MiB of them, more than server, kernel and client hold between them
RECEIVE_BYTES = 256 * 1024
SIMS_A_STEP = 20_000
WINDOW = {"filter": {"earliest": "2026-03-01", "latest": "2026-06-01"}}
QUESTION = json.dumps({"accountName": LARGE} | WINDOW).encode()
SMALL = json.dumps({"accountName": "small"} | WINDOW).encode()
EVERY = json.dumps(WINDOW).encode()


class Served(NamedTuple):
    """A server, its store, and the headers of a session."""

    port: int
    store: Store
    headers: dict[str, str]


def add_mismatches(store: Store, start: int, stop: int, account: str = LARGE) -> None:
    """One SIM found in other hardware a second, from the first to the last number."""
    for step in range(start, stop, SIMS_A_STEP):
        numbers = range(step, min(step + SIMS_A_STEP, stop))
        iccids = [Iccid.parse(f"8914800{number:013d}") for number in numbers]
        with store.transaction() as writer:
            writer.take_sims(
                [
                    Sim(iccid, Mdn.parse(f"{5_000_000_000 + number}"), account, FIRST, "4G")
                    for iccid, number in zip(iccids, numbers, strict=True)
                ]
            )
            writer.take_expectations(
                [SimExpectation(iccid, BEGINNING, EXPECTED) for iccid in iccids]
            )
            writer.take_activations(
                [
                    SimActivation(iccid, Moment(FIRST + number * 1_000_000), FOUND)
                    for iccid, number in zip(iccids, numbers, strict=True)
                ]
            )


def known(store: Store, large: str = LARGE) -> Credentials:
    """An app, and a user who sees the large and the small account."""
    access = quick_access(store, system_clock, secrets.token_bytes)
    access.add_user("user", PASSWORD, [large, "small"], all_accounts=False)
    return access.add_app("app", ["m2m"])


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server of one large and one small account."""
    database = f"sqlite:///{tmp_path_factory.mktemp('large')}/store.db"
    with open_store(database, wire_row) as store:
        store.init("UTC")
        add_mismatches(store, 0, ROWS)
        add_mismatches(store, ROWS, ROWS + 2, "small")
        app = known(store)
        with serving(database, THREADS="2") as port:
            yield Served(port, store, signed_in(port, app, "user"))


@contextmanager
def under_way(served: Served, question: bytes = QUESTION) -> Iterator[HTTPResponse]:
    """A large answer of which the server cannot get rid until it is read."""
    with closing(HTTPConnection("127.0.0.1", served.port, timeout=30)) as connection:
        connection.sock = socket.socket()
        connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BYTES)
        connection.sock.connect(("127.0.0.1", served.port))
        connection.request("POST", REPORT, question, served.headers)
        with connection.getresponse() as answer:
            yield answer


def iccids_of(body: bytes) -> list[str]:
    """The SIMs of an answer, in its order."""
    return [row["iccid"] for row in json.loads(body)["devices"]]


def test_a_large_answer_is_streamed_whole_and_in_order(served: Served) -> None:
    reply = call(served.port, "POST", REPORT, QUESTION, served.headers)
    assert reply.headers["transfer-encoding"] == "chunked"
    assert iccids_of(reply.body) == [f"8914800{number:013d}" for number in range(ROWS)]


def test_a_small_answer_says_its_length(served: Served) -> None:
    reply = call(served.port, "POST", REPORT, SMALL, served.headers)
    assert int(reply.headers["content-length"]) == len(reply.body)
    assert len(iccids_of(reply.body)) == 2


@pytest.mark.parametrize("question", [QUESTION, SMALL], ids=["large", "small"])
@pytest.mark.parametrize("offer", ["gzip", "deflate, GZIP;q=0.5", "br;q=1.0, gzip ; q = 0.001"])
def test_an_answer_is_compressed_for_those_who_ask(
    served: Served, question: bytes, offer: str
) -> None:
    plain = call(served.port, "POST", REPORT, question, served.headers)
    zipped = call(
        served.port, "POST", REPORT, question, served.headers | {"Accept-Encoding": offer}
    )
    assert (plain.headers["vary"], zipped.headers["vary"]) == ("Accept-Encoding", "Accept-Encoding")
    assert "content-encoding" not in plain.headers
    assert zipped.headers["content-encoding"] == "gzip"
    assert gzip.decompress(zipped.body) == plain.body


@pytest.mark.parametrize("offer", ["identity", "gzip;q=0", "gzip; q=0.000", "br, deflate", "agzip"])
def test_an_answer_is_left_as_it_is_for_others(served: Served, offer: str) -> None:
    reply = call(served.port, "POST", REPORT, QUESTION, served.headers | {"Accept-Encoding": offer})
    assert "content-encoding" not in reply.headers
    assert reply.body.endswith(b"]}")


def test_every_account_together_read_like_one(served: Served) -> None:
    reply = call(served.port, "POST", REPORT, EVERY, served.headers)
    assert iccids_of(reply.body) == [f"8914800{number:013d}" for number in range(ROWS + 2)]


def test_an_answer_under_way_does_not_see_what_comes_in_meanwhile(served: Served) -> None:
    with under_way(served) as answer:
        begin = answer.read(1000)
        add_mismatches(served.store, ROWS + 10, ROWS + 20)
        assert len(iccids_of(begin + answer.read())) == ROWS
    add_mismatches(
        served.store, ROWS + 10, ROWS + 20, "elsewhere"
    )  # moved, so that other tests do not see them


def log_is_free(store: Store, timeout_s: float) -> bool:
    """Whether no reader holds on to an old moment of the store any more."""
    with closing(sqlite3.connect(store.name, timeout=timeout_s)) as connection:
        (busy, _, _) = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        return not busy


def test_a_client_that_goes_away_leaves_nothing_behind(served: Served) -> None:
    """With two threads, ten abandoned answers would hold up every other for good."""
    for number in range(10):
        with under_way(served) as answer:
            assert answer.read(10)
            add_mismatches(served.store, ROWS + 30 + number, ROWS + 31 + number, "elsewhere")
            assert not log_is_free(served.store, 0)
    assert log_is_free(served.store, PATIENCE_S)
    reply = call(served.port, "POST", REPORT, SMALL, served.headers)
    assert reply.status == 200


@contextmanager
def breaking_off(store: Store, database: str) -> Iterator[None]:
    """A large answer breaks off by what the block does to the store, and the next one is whole."""
    add_mismatches(store, 0, ROWS)
    add_mismatches(store, ROWS, ROWS + 2, "small")
    app = known(store)
    with serving(database) as port:
        served = Served(port, store, signed_in(port, app, "user"))
        whole = call(port, "POST", REPORT, EVERY, served.headers).body
        with under_way(served, EVERY) as answer:
            assert answer.read(1000) == whole[:1000]
            yield
            with pytest.raises((IncompleteRead, ConnectionResetError)):
                answer.read()
        assert call(port, "POST", REPORT, EVERY, served.headers).body == whole


@pytest.mark.parametrize("engine", [POSTGRESQL])
def test_an_answer_whose_store_is_lost_on_the_way_does_not_look_whole(
    store: Store, database: str
) -> None:
    own = f"lost_{secrets.token_hex(4)}"
    with breaking_off(store, f"{database}&application_name={own}"):
        lost = f"""
            SELECT pg_terminate_backend(a.pid) FROM pg_stat_activity AS a
            WHERE a.application_name = '{own}'
        """  # noqa: S608
        assert rows_of(database, lost)


@pytest.mark.skipif(CITUS not in ENGINES, reason="no cluster is named")
@pytest.mark.parametrize("engine", [CITUS])
def test_an_answer_whose_machines_are_lost_on_the_way_does_not_look_whole(
    store: Store, database: str
) -> None:
    with breaking_off(store, database):
        assert cut_connections(database) > 0


def resident_bytes(parent: int) -> int:
    """The memory of a server's processes, shared pages and all."""
    total = 0
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            fields = dict(line.split(":", 1) for line in status.read_text("utf-8").splitlines())
        except OSError:
            continue  # it has ended
        if str(parent) in (fields["PPid"].strip(), fields["Pid"].strip()) and "VmRSS" in fields:
            total += int(fields["VmRSS"].split()[0]) * 1024
    return total


@pytest.mark.soak
@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
def test_a_million_rows_do_not_make_the_server_grow(database: str) -> None:
    """An answer of 200 MB takes less than 64 MiB, read quickly or slowly, plain or compressed."""
    question = json.dumps({"accountName": "large"} | WINDOW).encode()
    with open_store(database, wire_row) as store:
        store.init("UTC")
        add_mismatches(store, 0, 1_000_000, "large")
        app = known(store, "large")
    port = free_port()
    with running(
        ["-c", SERVE], port, told(DATABASE=database, PORT=str(port), THREADS="1")
    ) as server:
        headers = signed_in(port, app, "user")
        call(port, "POST", REPORT, question.replace(b"2026-06-01", b"2026-03-02"), headers)
        before = resident_bytes(server.pid)
        for pause_s, more in ((0.0, {}), (0.01, {}), (0.0, {"Accept-Encoding": "gzip"})):
            with closing(HTTPConnection("127.0.0.1", port, timeout=30)) as connection:
                connection.request("POST", REPORT, question, headers | more)
                answer = connection.getresponse()
                while answer.read(1024 * 1024):
                    time.sleep(pause_s)
                    assert resident_bytes(server.pid) - before < 64 * 1024 * 1024
