"""One call to a real listener: what is accepted, what is refused, and what takes too long."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import pytest

from tallystick.core.errors import InvalidValue
from tallystick.outbox import posting
from tallystick.outbox.posting import post
from tallystick.outbox.targets import SETTING, parse_url, why_not_registered
from tests.listening import PATIENCE_S, listening
from tests.serving import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

BODY = b'{"requestId":"1"}'


def local(port: int, path: str = "/") -> str:
    return f"http://127.0.0.1:{port}{path}"


@contextmanager
def endless(head: bytes, more: bytes, pause_s: float) -> Iterator[int]:
    """A server whose answer goes on until nobody listens; gives its port."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            connection, _ = server.accept()
            with connection, suppress(OSError):
                connection.sendall(head)
                while True:
                    connection.sendall(more)
                    time.sleep(pause_s)

        thread = threading.Thread(target=answer)
        thread.start()
        yield server.getsockname()[1]
        thread.join()


def test_a_message_goes_over_as_json_to_the_path_and_query_of_the_url() -> None:
    with listening(204) as listener:
        assert post(local(listener.port, "/a/b?c=d"), BODY, private_allowed=True) is None
    assert listener.messages == [{"requestId": "1"}]
    assert listener.headers[0]["Content-Type"] == "application/json"
    assert listener.headers[0]["Host"] == f"127.0.0.1:{listener.port}"


@pytest.mark.parametrize("status", [199, 300, 304, 400, 401, 404, 500, 503])
def test_any_status_but_2xx_is_a_failure(status: int) -> None:
    with listening(status) as listener:
        error = post(local(listener.port), BODY, private_allowed=True)
    assert error
    assert str(status) in error


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(status: int) -> None:
    with listening() as other, listening(status, Location=local(other.port)) as listener:
        error = post(local(listener.port), BODY, private_allowed=True)
        assert error == f"answered {status}; redirects are not followed"
        assert len(listener.messages) == 1
        assert other.messages == []


def test_nobody_is_called_at_a_private_address_unless_that_is_allowed() -> None:
    with listening() as listener, listening(tls=True) as over_tls:
        for url in (
            local(listener.port),
            f"http://localhost:{listener.port}/",
            f"http://127.1:{listener.port}/",
            f"http://[::ffff:127.0.0.1]:{listener.port}/",
            f"https://localhost:{over_tls.port}/",
        ):
            error = post(url, BODY, private_allowed=False)
            assert error
            assert SETTING in error
        assert listener.messages == over_tls.messages == []


METADATA = ("169.254.169.254", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "fd00:ec2::254")


@pytest.mark.parametrize("address", METADATA)
@pytest.mark.parametrize("private_allowed", [False, True])
def test_where_clouds_hand_out_credentials_nobody_is_called(
    monkeypatch: pytest.MonkeyPatch, address: str, private_allowed: bool
) -> None:
    """Not even by a name that leads there, and where private addresses are allowed."""
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 80))]
    monkeypatch.setattr(posting, "getaddrinfo", lambda *_, **__: found)
    error = post("http://listener.example/", BODY, private_allowed=private_allowed)
    assert error
    assert error.startswith(f"{address} is never called")


LOOPBACK = [
    "127.0.0.1", "127.1", "127.0.1", "2130706433", "0x7f000001", "017700000001", "0x7f.1", "0177.1",
    "127.255.255.254", "0", "00000000.0", "localhost", "LOCALHOST", "localhost.", "[::1]", "[::]",
    "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[0:0:0:0:0:0:0:1]", "[64:ff9b::7f00:1]",
    "[2002:7f00:1::]", "[::127.0.0.1]", "127.0.0.1%00", "127.0.0.1%2f", "%31%32%37.0.0.1",
]  # fmt: skip


@pytest.mark.parametrize("host", LOOPBACK)
def test_no_form_of_this_machines_address_is_called(host: str) -> None:
    """Whatever the resolver makes of it."""
    with listening() as plain, listening(tls=True) as over_tls:
        assert post(f"http://{host}:{plain.port}/", BODY, private_allowed=False)
        assert post(f"https://{host}:{over_tls.port}/", BODY, private_allowed=False)
        assert plain.messages == over_tls.messages == []


def test_a_name_is_refused_if_one_of_its_addresses_may_not_be_called(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found: list[Any] = [
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 443))
        for address in ("8.8.8.8", "10.0.0.7")
    ]
    monkeypatch.setattr(posting, "getaddrinfo", lambda *_, **__: found)
    error = post("https://listener.example/", BODY, private_allowed=False)
    assert error == f"10.0.0.7 is no public address; calling it needs {SETTING}"


def test_a_name_is_looked_up_once_and_what_was_checked_is_called(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with listening() as listener:
        answers = [[(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", listener.port))]]
        monkeypatch.setattr(posting, "getaddrinfo", lambda *_, **__: answers.pop())
        assert post(f"http://listener.example:{listener.port}/", BODY, private_allowed=True) is None
        assert answers == []
        assert listener.headers[0]["Host"] == f"listener.example:{listener.port}"


def test_no_public_address_is_called_without_tls(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("8.8.8.8", 80))]
    monkeypatch.setattr(posting, "getaddrinfo", lambda *_, **__: found)
    error = post("http://listener.example/", BODY, private_allowed=True)
    assert error == "8.8.8.8 is public, and only https:// may call it"


def test_a_certificate_that_nobody_trusts_is_refused() -> None:
    with listening(tls=True) as listener:
        error = post(f"https://localhost:{listener.port}/", BODY, private_allowed=True)
        assert error
        assert "certificate verify failed" in error
        assert listener.messages == []


def test_whoever_does_not_answer_in_time_is_hung_up_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(posting, "ANSWER_S_MAX", 0.4)
    with listening() as listener:
        listener.holding.set()
        began = time.monotonic()
        assert post(local(listener.port), BODY, private_allowed=True) == "no answer within 0.4 s"
    with endless(b"HTTP/1.1 200 OK\r\nX-Slow: ", b"x", 0.05) as port:
        assert post(local(port), BODY, private_allowed=True) == "no answer within 0.4 s"
    with socket.create_server(
        ("127.0.0.1", 0)
    ) as silent:  # it takes the connection, and never begins with TLS
        error = post(f"https://127.0.0.1:{silent.getsockname()[1]}/", BODY, private_allowed=True)
        assert error == "no answer within 0.4 s"
    assert time.monotonic() - began < PATIENCE_S


def test_of_an_endless_answer_no_more_is_read_than_says_whether_it_is_accepted() -> None:
    began = time.monotonic()
    with endless(b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 65536, 0) as port:
        assert post(local(port), BODY, private_allowed=True) is None
    with endless(b"HTTP/1.1 200 OK\r\n", b"X-Extra: and more\r\n", 0) as port:
        assert post(local(port), BODY, private_allowed=True) == "got more than 100 headers"
    assert time.monotonic() - began < PATIENCE_S


def test_what_a_listener_says_cannot_move_the_cursor_of_whoever_reads_it() -> None:
    with endless(b"\x1b[2J\0 nonsense\r\n", b"x", 0.01) as port:
        assert post(local(port), BODY, private_allowed=True) == "?[2J? nonsense??"


def test_where_nobody_listens_and_where_there_is_no_host_is_told() -> None:
    refused = post(local(free_port()), BODY, private_allowed=True)
    assert refused
    assert "refused" in refused.lower()
    for host in (f"{'x' * 70}.example", ".example", "a..example"):
        assert post(f"https://{host}/", BODY, private_allowed=True)


BAD_URLS = {
    "": "visible",
    "ftp://listener.example/": "https://listener.example",
    "https://": "https://listener.example",
    "listener.example": "https://listener.example",
    "https:///path": "https://listener.example",
    "https://listener.example:0/": "https://listener.example",
    "https://listener.example:99999/": "port",
    "https://listener.example/#part": "#part",
    "https://[::1/": "host or port",
    "https://listener.example/a b": "visible",
    "https://listener.example/\r\nX: y": "visible",
    "https://lïstener.example/": "visible",
    f"https://listener.example/{'x' * 2000}": "2000",
}


@pytest.mark.parametrize("url", BAD_URLS)
def test_what_is_no_url_to_call_is_refused(url: str) -> None:
    with pytest.raises(InvalidValue, match=BAD_URLS[url]):
        parse_url(url)


@pytest.mark.parametrize(
    "url",
    [
        "https://user:hush@listener.example/",
        "https://user@listener.example/",
        "https://user:hush@x y/",
    ],
)
def test_a_password_within_a_url_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(InvalidValue) as refused:
        parse_url(url)
    assert "hush" not in refused.value.message


@pytest.mark.parametrize(
    ("url", "private_allowed", "is_registered"),
    [
        ("https://listener.example/", False, True),
        ("http://listener.example/", False, False),
        ("http://listener.example/", True, True),
        ("https://10.0.0.7:9001/", False, False),
        ("https://[fd00::1]/", False, False),
        ("https://10.0.0.7/", True, True),
        ("http://8.8.8.8/", True, False),
        ("https://8.8.8.8/", False, True),
        ("https://localhost/", False, False),
        ("https://localhost./", False, False),
        ("https://a.localhost/", False, False),
        ("https://localhost/", True, True),
        ("https://metadata.google.internal/", False, False),
        ("https://printer.local/", False, False),
        ("https://intranet/", False, False),
        ("http://listener.internal/", True, True),
        ("https://internal.example/", False, True),
        ("https://2130706433/", False, False),
        ("https://2130706433/", True, False),
        ("https://127.1/", False, False),
        ("https://0x7f.0.0.1/", False, False),
        ("https://0x7f000001/", True, False),
        ("https://017700000001/", False, False),
        ("https://127.0.0.1./", False, False),
        ("https://169.254.169.254/latest/", False, False),
        ("https://169.254.169.254/latest/", True, False),
        ("http://169.254.169.254/latest/", True, False),
        ("http://169.254.170.2/", True, False),
        ("http://[::ffff:169.254.169.254]/", True, False),
        ("http://[fd00:ec2::254]/", True, False),
        ("https://168.63.129.16/", False, False),
        ("http://100.100.100.200/", True, False),
    ],
)
def test_a_listener_is_refused_early_where_its_url_tells(
    url: str,
    private_allowed: bool,
    is_registered: bool,
) -> None:
    assert (
        why_not_registered(parse_url(url), private_allowed=private_allowed) is None
    ) == is_registered
