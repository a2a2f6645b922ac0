"""The server as a process: it starts, says how it is, and stops."""

from __future__ import annotations

import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from contextlib import closing, suppress
from functools import partial
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tallystick.clock import system_clock
from tallystick.core.errors import SettingRefused, StoreBroken, StoreMissing
from tallystick.memory import ALLOCATOR
from tallystick.server import serve
from tallystick.settings import Settings
from tallystick.store import open_store
from tallystick.thingspace.rows import wire_row
from tests.engines import empty_sqlite_file, rows_of
from tests.listening import PATIENCE_S, wait_until
from tests.quick_access import quick_access
from tests.serving import (
    LOGIN,
    PASSWORD,
    SERVE,
    bearer,
    call,
    free_port,
    running,
    server_of,
    serving,
    told,
    wait_until_alive,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

tells_of_children = pytest.mark.skipif(
    not Path("/proc/self/task").exists(), reason="where /proc tells of no children, none is killed"
)


def say(_store: str) -> None:
    """Tell nobody what is served."""


def test_it_refuses_a_store_that_is_missing_and_makes_none(tmp_path: Path) -> None:
    path = tmp_path / "volume" / "store.db"
    path.parent.mkdir()
    with pytest.raises(StoreMissing, match=r"mount its disk .*serve --create"):
        serve(Settings(database=f"sqlite:///{path}"), say)
    assert list(path.parent.iterdir()) == []


def test_it_warns_of_a_store_that_others_can_read_and_leaves_its_mode(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "store.db"
    path.write_bytes(empty_sqlite_file())
    path.chmod(0o640)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        settings = Settings(database=f"sqlite:///{path}", port=taken.getsockname()[1])
        with pytest.raises(SettingRefused):
            serve(settings, say)
    assert "can be read by other users" in caplog.text
    ((action, details),) = rows_of(settings.database, "SELECT action, details FROM audit_records")
    assert (action, f'"TALLYSTICK_PORT":"{settings.port}"' in details) == ("settings", True)
    assert path.stat().st_mode & 0o777 == 0o640


def test_it_refuses_to_serve_what_is_no_store(tmp_path: Path) -> None:
    path = tmp_path / "text.db"
    path.write_text("this is no database, however long it is" * 100, "utf-8")
    with pytest.raises(StoreBroken, match=r"text\.db"):
        serve(Settings(database=f"sqlite:///{path}"), say)


@pytest.mark.parametrize("asked", [signal.SIGINT, signal.SIGTERM])
def test_it_stops_when_asked_and_first_ends_what_is_under_way(
    database: str, asked: signal.Signals
) -> None:
    with open_store(database, wire_row) as store:
        store.init("UTC")
        access = quick_access(store, system_clock, secrets.token_bytes)
        access.add_user("user", PASSWORD, [], all_accounts=True)
        app = access.add_app("app", ["m2m"])
        with server_of(database) as (port, server):
            headers = bearer(port, app)
            with closing(HTTPConnection("127.0.0.1", port, timeout=30)) as connection:
                with store.transaction():  # until this ends, the login waits to write its session
                    connection.request(
                        "POST", LOGIN, f'{{"username":"user","password":"{PASSWORD}"}}', headers
                    )
                    wait_until(store.is_awaited)
                    os.kill(server.pid, asked)
                    time.sleep(0.3)
                assert connection.getresponse().status == 200
            assert server.wait() == 0


def test_it_stops_in_order_while_calls_wait_whose_clients_are_gone(tmp_path: Path) -> None:
    database, port = f"sqlite:///{tmp_path}/store.db", free_port()
    with open_store(database, wire_row) as store, (tmp_path / "said").open("w+") as said:
        store.init("UTC")
        app = quick_access(store, system_clock, secrets.token_bytes).add_app("app", ["intake"])
        command, environment = (
            [sys.executable, "-c", SERVE],
            os.environ | told(DATABASE=database, PORT=str(port)),
        )
        with subprocess.Popen(command, env=environment, stderr=said) as server:
            wait_until_alive(port, server)
            request = intake_request(bearer(port, app))
            with store.transaction():  # until this ends, the calls wait for their turn
                for _ in range(12):
                    with socket.create_connection(("127.0.0.1", port)) as client:
                        client.sendall(request)
                wait_until(store.is_awaited)
                server.terminate()
                time.sleep(0.5)
            assert server.wait(PATIENCE_S) == 0
        with store.snapshot() as reader:
            assert reader.counts().activations == 1  # what was under way is taken in all the same
        said.seek(0)
        assert said.read() == ""


def intake_request(headers: dict[str, str]) -> bytes:
    """A whole call that brings one activation."""
    body = (
        '[{"iccid":"89148000000800000011","imei":"352099001761481",'
        '"activated_at":"2026-03-05T10:00:00Z"}]'
    )
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    begin = f"POST /api/v1/activations HTTP/1.1\r\nHost: x\r\n{head}"
    return f"{begin}Content-Length: {len(body)}\r\n\r\n{body}".encode()


def test_a_server_that_is_killed_does_not_leave_its_workers_behind(database: str) -> None:
    with server_of(database) as (port, server):
        os.kill(server.pid, signal.SIGKILL)
        server.wait()
        wait_until(lambda: not answers(port))


def answers(port: int) -> bool:
    """Whether anybody does."""
    try:
        return call(port, "GET", "/healthz").status == 200
    except (OSError, HTTPException):
        return False


def refuse_to_say(_store: str) -> None:
    """Fail: nothing is served yet."""
    pytest.fail("said to serve")


def test_a_port_that_is_taken_is_named(database: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(SettingRefused, match=rf"{port}.*TALLYSTICK_PORT"):
            serve(Settings(database=database, port=port), refuse_to_say, create=True)


@pytest.mark.parametrize("name", ["health_port", "metrics_port"])
def test_a_port_that_two_settings_name_is_refused(database: str, name: str) -> None:
    """The system would share it out: half of the calls would reach the wrong one."""
    port = free_port()
    given: dict[str, Any] = {"port": port, name: port}
    settings = Settings(database=database, **given)
    with pytest.raises(SettingRefused, match=rf"{port}.*TALLYSTICK_{name.upper()}"):
        serve(settings, refuse_to_say, create=True)


def workers_of(server: subprocess.Popen[bytes]) -> list[int]:
    """The processes that a server has started and that serve: its children with a command line."""
    children = Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text("ascii").split()
    return [int(child) for child in children if b"spawn_main" in command_line(child)]


def command_line(process: str) -> bytes:
    """The words that a process was started with; none if it has ended meanwhile."""
    with suppress(FileNotFoundError, ProcessLookupError):
        return Path(f"/proc/{process}/cmdline").read_bytes()
    return b""


@tells_of_children
def test_a_worker_is_started_so_that_it_keeps_little_memory(tmp_path: Path) -> None:
    database, port = f"sqlite:///{tmp_path}/store.db", free_port()
    with running(["-c", SERVE], port, told(DATABASE=database, PORT=str(port))) as server:
        (worker,) = workers_of(server)
        given = Path(f"/proc/{worker}/environ").read_bytes().split(b"\0")
    assert {f"{name}={value}".encode() for name, value in ALLOCATOR.items()} <= set(given)


@tells_of_children
def test_a_worker_that_is_killed_again_and_again_is_started_again(tmp_path: Path) -> None:
    database, port = f"sqlite:///{tmp_path}/store.db", free_port()
    with running(["-c", SERVE], port, told(DATABASE=database, PORT=str(port))) as server:
        for _ in range(3):
            (worker,) = workers_of(server)
            os.kill(worker, signal.SIGKILL)
            wait_until(partial(is_replaced, worker, server, port))
        assert server.poll() is None


def is_replaced(worker: int, server: subprocess.Popen[bytes], port: int) -> bool:
    """Whether another worker answers in the place of one that was killed."""
    return worker not in workers_of(server) and answers(port)


def replaced(server: subprocess.Popen[bytes]) -> tuple[int, int]:
    """Have the one worker replaced; give it, and the one in its place, which has yet to start."""
    (former,) = workers_of(server)
    os.kill(server.pid, signal.SIGHUP)
    wait_until(lambda: len(workers_of(server)) > 1)
    (new,) = set(workers_of(server)) - {former}
    return former, new


@tells_of_children
def test_a_worker_is_not_stopped_before_the_one_that_takes_its_place_has_started(
    tmp_path: Path,
) -> None:
    database, port = f"sqlite:///{tmp_path}/store.db", free_port()
    with running(["-c", SERVE], port, told(DATABASE=database, PORT=str(port))) as server:
        _, new = replaced(server)
        os.kill(new, signal.SIGSTOP)  # it takes long to start
        time.sleep(2)
        assert answers(port)
        os.kill(new, signal.SIGCONT)
        wait_until(lambda: is_served(port) and workers_of(server) == [new])


@tells_of_children
def test_a_worker_stays_while_the_one_that_takes_its_place_cannot_start(tmp_path: Path) -> None:
    database, port = f"sqlite:///{tmp_path}/store.db", free_port()
    with running(["-c", SERVE], port, told(DATABASE=database, PORT=str(port))) as server:
        former, new = replaced(server)
        os.kill(new, signal.SIGKILL)
        # Another one is started, and serves.
        wait_until(lambda: is_served(port) and not {former, new} & set(workers_of(server)))


def is_served(port: int) -> bool:
    """Whether whoever asks a second time is answered. It has to be so while a worker is replaced.

    What waited in the queue of the former worker when it stopped is lost.
    """
    assert answers(port) or answers(port)
    return True


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """A server that keeps silent connections for a second."""
    folder = tmp_path_factory.mktemp("served")
    with serving(f"sqlite:///{folder}/store.db", KEEP_ALIVE_S="1") as port:
        yield port


def test_a_connection_that_speaks_http2_is_refused(port: int) -> None:
    answer = b""
    # A server that ends a connection of which it has not read everything resets it.
    with (
        socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S) as client,
        suppress(ConnectionResetError),
    ):
        client.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(3) + b"\x04" + bytes(5))
        answer = client.recv(1024)
    assert not answer or answer.startswith(b"HTTP/1.1 4")
    assert call(port, "GET", "/healthz").status == 200


def test_a_connection_that_says_nothing_is_ended(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S) as client:
        assert client.recv(1024) == b""


def test_probes_may_ask_for_heads_alone(port: int) -> None:
    for path in ("/healthz", "/readyz"):
        assert call(port, "HEAD", path).status == 200
