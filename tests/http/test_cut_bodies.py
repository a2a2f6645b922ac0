"""Bodies that are cut off, over real sockets: refused whole, and their keys stay free."""

from __future__ import annotations

import json
import secrets
import socket
import struct
from typing import TYPE_CHECKING, NamedTuple

import pytest

from tallystick.clock import system_clock
from tallystick.store import open_store
from tallystick.thingspace.rows import wire_row
from tests.engines import empty_sqlite_file
from tests.quick_access import quick_access
from tests.serving import bearer, call, serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tallystick.store import Store

PATH = "/api/v1/activations"
JSON, NDJSON = "application/json", "application/x-ndjson"
FACTS = [
    {
        "iccid": f"8914800000080000{number:04}",
        "imei": "352099001761481",
        "activated_at": "2026-03-05T10:00:00Z",
    }
    for number in range(10)
]
BODIES = {
    JSON: json.dumps(FACTS).encode(),
    NDJSON: b"".join(json.dumps(fact).encode() + b"\n" for fact in FACTS),
}
RESET = struct.pack("ii", 1, 0)


class Served(NamedTuple):
    """A server, its store, and the headers of an app that sends facts."""

    port: int
    store: Store
    headers: dict[str, str]

    def head(self, form: str, key: str, *more: str) -> bytes:
        """The head of a call with facts."""
        own = {"Host": "x", "Content-Type": form, "Idempotency-Key": key}
        lines = [f"{name}: {value}" for name, value in (self.headers | own).items()]
        return "\r\n".join([f"POST {PATH} HTTP/1.1", *lines, *more, "", ""]).encode()

    def activations(self) -> int:
        """How many there are."""
        with self.store.snapshot() as reader:
            return reader.counts().activations


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server on a store with one app."""
    path: Path = tmp_path_factory.mktemp("cut") / "store.db"
    path.write_bytes(empty_sqlite_file())
    database = f"sqlite:///{path}"
    with open_store(database, wire_row) as store, serving(database) as port:
        app = quick_access(store, system_clock, secrets.token_bytes).add_app("app", ["intake"])
        yield Served(port, store, bearer(port, app))


def before_the_cut(form: str) -> bytes:
    """Four whole lines of NDJSON, which could be all of it, and less than JSON."""
    whole = BODIES[form]
    return b"".join(whole.splitlines(keepends=True)[:4]) if form == NDJSON else whole[:400]


def chunk(content: bytes) -> bytes:
    """One chunk of a body."""
    return b"%x\r\n%b\r\n" % (len(content), content)


CUTS = {
    "less than its length": ("Content-Length: {length}", "{cut}"),
    "chunks without an end": ("Transfer-Encoding: chunked", "{chunk}"),
    "half a chunk": ("Transfer-Encoding: chunked", "{length:x}\r\n{cut}"),
    "chunks beside a length": (
        "Transfer-Encoding: chunked\r\nContent-Length: {length}",
        "{chunk}",
    ),
    "what is no chunk": ("Transfer-Encoding: chunked", "{chunk}zz\r\n"),
    "a chunk of less than nothing": ("Transfer-Encoding: chunked", "{chunk}-5\r\n0\r\n\r\n"),
}


@pytest.mark.parametrize("is_reset", [False, True], ids=["ended", "reset"])
@pytest.mark.parametrize("form", BODIES)
@pytest.mark.parametrize("name", CUTS)
def test_a_body_that_is_cut_off_brings_nothing_and_leaves_its_key_free(
    served: Served, name: str, form: str, is_reset: bool
) -> None:
    cut, length = before_the_cut(form), len(BODIES[form])
    header, sent = (
        part.format(length=length, cut=cut.decode(), chunk=chunk(cut).decode())
        for part in CUTS[name]
    )
    key, before = secrets.token_hex(8), served.activations()
    with socket.create_connection(("127.0.0.1", served.port), timeout=30) as client:
        client.sendall(served.head(form, key, header) + sent.encode())
        if is_reset:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        else:
            client.shutdown(socket.SHUT_WR)
            assert client.recv(65_536).split(b" ", 2)[1] in {b"400", b"411"}
    assert served.activations() == before
    again = served.headers | {"Content-Type": form, "Idempotency-Key": key}
    reply = call(served.port, "POST", PATH, BODIES[form], again)
    assert (reply.status, reply.json["read"]) == (200, len(FACTS))


def test_json_may_come_in_chunks_for_it_shows_where_it_ends(served: Served) -> None:
    head = served.head(JSON, secrets.token_hex(8), "Transfer-Encoding: chunked")
    with socket.create_connection(("127.0.0.1", served.port), timeout=30) as client:
        client.sendall(head + chunk(BODIES[JSON]) + chunk(b""))
        assert client.recv(65_536).startswith(b"HTTP/1.1 200")
