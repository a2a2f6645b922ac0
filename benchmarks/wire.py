"""The report over HTTP beside a file over nginx, from stores of two sizes, and its memory."""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.client import Connection
from benchmarks.figures import Figure, figure, in_turn
from benchmarks.processes import memory_mib
from benchmarks.served import serving
from benchmarks.stores import Given, whole_store

if TYPE_CHECKING:
    from collections.abc import Iterator

ROWS, MANY_ROWS = 10_000, 1_000_000
ROUNDS = 101
GET = b"GET /answer.json HTTP/1.1\r\nHost: localhost\r\n\r\n"
NGINX = """daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/errors; events {{}}
http {{ access_log off; sendfile on; server {{ listen 127.0.0.1:{port}; root {folder}; }} }}
"""


def wire(given: Given) -> list[Figure]:
    """The same 10,000 rows from a large store, from a small one and from a file."""
    sims, fewer = given.sims, max(given.sims // 10, 1)
    large, small = whole_store(given, sims, ROWS), whole_store(given, fewer, ROWS)
    with serving(large) as server, serving(small) as other:
        request, other_request = server.report(), other.report()
        body = Connection(server.port).ask(request).body
        assert body == Connection(other.port).ask(other_request).body, (
            "the two stores answer differently"
        )
        one, two = Connection(server.port), Connection(other.port)
        with _nginx(body) as port:
            file = Connection(port)
            runs = in_turn(
                ROUNDS,
                lambda: one.size_of(request),
                lambda: two.size_of(other_request),
                lambda: file.size_of(GET),
            )
    ours, small_runs, theirs = ([seconds * 1e3 for seconds in each] for each in runs)
    by_nginx, by_us = (
        figure("a file of the same bytes, nginx", "ms", theirs),
        figure("", "ms", ours),
    )
    in_small = figure("", "ms", small_runs)
    return [
        by_us._replace(
            what=f"report of {ROWS:,} rows ({len(body) / 1e6:.1f} MB), {sims:,} SIMs",
            ratio=f"{by_us.median / by_nginx.median:.2f} x nginx",
        ),
        in_small._replace(
            what=f"the same from {fewer:,} SIMs",
            ratio=f"{by_us.median / in_small.median:.2f} x between the stores",
        ),
        by_nginx,
    ]


@contextmanager
def _nginx(body: bytes) -> Iterator[int]:
    program = shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/usr/bin")
    assert program, "install nginx to measure beside it"
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = int(probe.getsockname()[1])
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        folder.chmod(0o755)
        (folder / "answer.json").write_bytes(body)
        (folder / "conf").write_text(NGINX.format(folder=folder, port=port))
        with subprocess.Popen(
            [program, "-c", str(folder / "conf")], stderr=subprocess.DEVNULL
        ) as process:
            time.sleep(0.5)
            try:
                yield port
            finally:
                process.terminate()


def memory(given: Given) -> list[Figure]:
    """What a report of a million rows adds to the server's memory."""
    with serving(whole_store(given, 1, MANY_ROWS)) as server:
        connection, request = Connection(server.port), server.report()
        for _warm in range(3):
            Connection(server.port).size_of(server.report("nobody"))
        before = memory_mib(server.process, "VmRSS")
        started = time.perf_counter()
        size = connection.size_of(request)
        seconds = time.perf_counter() - started
        after = memory_mib(server.process, "VmHWM")
    return [
        figure(
            f"memory added by a report of {MANY_ROWS:,} rows ({size / 1e6:.0f} MB)",
            "MiB",
            [after - before],
        ),
        figure("seconds that it takes", "s", [seconds]),
    ]
