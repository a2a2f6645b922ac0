"""What clients send that no specification would: byte for byte, through a socket."""

from __future__ import annotations

import json
import secrets
import socket
import time
from http.client import HTTPResponse
from typing import TYPE_CHECKING

import pytest

from tallystick.clock import system_clock
from tallystick.store import open_store
from tallystick.thingspace.rows import wire_row
from tests.quick_access import quick_access
from tests.serving import (
    LOGIN,
    LOGOUT,
    PASSWORD,
    REPORT,
    REVOKE,
    TOKEN,
    Reply,
    basic,
    bearer,
    serving,
    signed_in,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tallystick.access import Credentials

WINDOW = {"earliest": "2026-03-01T00:00:00Z", "latest": "2026-05-31T00:00:00Z"}
STALE = {"VZ-M2M-Token": "9d956929-1e6a-4db4-8764-f18e4ce5de09"}
LIST = "/api/m2m/v1/devices/actions/list"
FILTER = {"kind": "iccid", "contains": "1"}
ID, NONE = {"kind": "iccid", "id": "89148000000800000001"}, dict[str, str]()
LONG_S_MAX = 20
UNEXPECTED = "UnifiedWebService.REQUEST_FAILED.UnexpectedError"


@pytest.fixture(scope="module")
def app_and_port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Credentials, int]]:
    """A server on a store with one app and one user."""
    database = f"sqlite:///{tmp_path_factory.mktemp('raw')}/store.db"
    with open_store(database, wire_row) as store:
        store.init("UTC")
        access = quick_access(store, system_clock, secrets.token_bytes)
        access.add_user("user", PASSWORD, ["0342077109-00001"], all_accounts=False)
        app = access.add_app("app", ["m2m"])
    with serving(database) as port:
        yield app, port


@pytest.fixture
def port(app_and_port: tuple[Credentials, int]) -> int:
    """The server's port."""
    return app_and_port[1]


@pytest.fixture
def app(app_and_port: tuple[Credentials, int]) -> Credentials:
    """The app's key and secret."""
    return app_and_port[0]


@pytest.fixture
def headers(app: Credentials, port: int) -> dict[str, str]:
    """The headers of a call within a session."""
    return signed_in(port, app, "user")


def send(port: int, method: str, path: str, headers: dict[str, str], body: bytes = b"") -> Reply:
    """Send exactly these headers and bytes."""
    head = "".join(f"{name}: {value}\r\n" for name, value in {"Host": "x", **headers}.items())
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode() + body)
        with HTTPResponse(connection) as answer:
            answer.begin()
            return Reply(
                answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()
            )


def chunked(body: bytes, size: int = 7) -> bytes:
    """A body in chunks."""
    chunks = [body[start : start + size] for start in range(0, len(body), size)]
    return b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in [*chunks, b""])


def sized(headers: dict[str, str], body: bytes) -> dict[str, str]:
    """The headers with the body's length."""
    return headers | {"Content-Length": str(len(body))}


def test_bodies_may_be_chunked(app: Credentials, port: int, headers: dict[str, str]) -> None:
    in_chunks = {"Transfer-Encoding": "chunked"}
    form = chunked(b"grant_type=client_credentials&scope=")
    assert send(port, "POST", TOKEN, basic(app) | in_chunks, form).json["token_type"] == "Bearer"
    question = chunked(json.dumps({"filter": WINDOW}).encode())
    assert send(port, "POST", REPORT, headers | in_chunks, question).body == b'{"devices":[]}'


def test_an_empty_chunked_body_is_empty(port: int, headers: dict[str, str]) -> None:
    reply = send(port, "POST", REPORT, headers | {"Transfer-Encoding": "chunked"}, chunked(b""))
    assert reply.json["errorCode"] == "UnifiedWebService.INPUT_INVALID.RequestUndefined"


@pytest.mark.parametrize("spelling", [str.lower, str.upper])
def test_header_names_are_spelt_in_any_case(
    port: int, headers: dict[str, str], spelling: type[str]
) -> None:
    body = json.dumps({"filter": WINDOW}).encode()
    spelt = {spelling(name): value for name, value in sized(headers, body).items()}
    assert send(port, "POST", REPORT, spelt, body).status == 200


@pytest.mark.parametrize("scheme", ["bearer", "BEARER"])
def test_the_scheme_of_authorization_is_spelt_in_any_case(
    port: int, headers: dict[str, str], scheme: str
) -> None:
    body = json.dumps({"filter": WINDOW}).encode()
    token = headers["Authorization"].split()[1]
    reply = send(
        port, "POST", REPORT, sized(headers, body) | {"Authorization": f"{scheme} {token}"}, body
    )
    assert reply.status == 200


def test_content_type_may_carry_parameters(port: int, headers: dict[str, str]) -> None:
    body = json.dumps({"filter": WINDOW}).encode()
    more = sized(headers, body) | {"Content-Type": "Application/JSON; charset=UTF-8"}
    assert send(port, "POST", REPORT, more, body).status == 200


def test_an_empty_logout_may_call_itself_a_form(port: int, headers: dict[str, str]) -> None:
    form = {"Content-Type": "application/x-www-form-urlencoded", "Content-Length": "0"}
    reply = send(port, "POST", LOGOUT, headers | form)
    assert (reply.status, reply.json) == (200, {"sessionToken": headers["VZ-M2M-Token"]})


def test_a_stale_session_header_is_ignored_where_no_session_is_needed(
    app: Credentials, port: int
) -> None:
    form = b"grant_type=client_credentials"
    assert send(port, "POST", TOKEN, sized(basic(app) | STALE, form), form).status == 200
    login = json.dumps({"username": "user", "password": PASSWORD}).encode()
    assert send(port, "POST", LOGIN, sized(bearer(port, app) | STALE, login), login).status == 200
    revoke = b"token=unknown"
    reply = send(port, "POST", REVOKE, sized(basic(app) | STALE, revoke), revoke)
    assert (reply.status, reply.body) == (200, b"")
    assert "revokedaccesstoken" in reply.headers


def test_a_connection_serves_one_request_after_another(port: int, headers: dict[str, str]) -> None:
    """A refused body is read to its end, or the next request would begin in the middle of it."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        for body, status in (
            (b"{", 400),
            (json.dumps({"filter": WINDOW}).encode(), 200),
            (b"[]", 400),
        ):
            head = "".join(f"{name}: {value}\r\n" for name, value in sized(headers, body).items())
            connection.sendall(f"POST {REPORT} HTTP/1.1\r\nHost: x\r\n{head}\r\n".encode() + body)
            answer = HTTPResponse(connection)
            answer.begin()
            assert (answer.status, answer.read()[:1]) == (status, b"{")
            answer.close()


@pytest.mark.parametrize("in_chunks", [False, True])
def test_a_body_over_two_mebibytes_is_refused(
    port: int, headers: dict[str, str], in_chunks: bool
) -> None:
    question = json.dumps({"filter": WINDOW}).encode()
    fits, body = question.ljust(2 * 1024 * 1024), question.ljust(2 * 1024 * 1024 + 1)
    assert send(port, "POST", REPORT, sized(headers, fits), fits).status == 200
    if in_chunks:
        reply = send(
            port,
            "POST",
            REPORT,
            headers | {"Transfer-Encoding": "chunked"},
            chunked(body * 2, size=100_000),
        )
    else:
        reply = send(port, "POST", REPORT, sized(headers, body), body)
    assert (reply.status, reply.json["errorCode"]) == (413, UNEXPECTED)


MALFORMED = {
    "half an object": b'{"filter":',
    "no JSON": b"earliest=2026-03-01",
    "two values": b"{} {}",
    "an array": b"[]",
    "a word": b'"filter"',
    "null": b"null",
    "invalid UTF-8": b'{"accountName":"\xff"}',
    "UTF-16": json.dumps({"filter": WINDOW}).encode("utf-16"),
    "half a surrogate pair": (
        b'{"accountName":"\\ud800","filter":{"earliest":"2026-03-01","latest":"2026-03-02"}}'
    ),
    "a name twice": (
        b'{"filter":{"earliest":"2026-03-01","earliest":"2026-03-02","latest":"2026-03-03"}}'
    ),
    "NaN": b'{"filter":{"earliest":"2026-03-01","latest":"2026-03-02"},"x":NaN}',
    "a deep nest": b'{"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "a long number": b'{"x":' + b"9" * 10_000 + b"}",
    "blanks": b"  ",
}


@pytest.mark.parametrize("body", MALFORMED.values(), ids=MALFORMED)
def test_a_malformed_body_is_an_unexpected_error(
    port: int, headers: dict[str, str], body: bytes
) -> None:
    reply = send(port, "POST", REPORT, sized(headers, body), body)
    assert (reply.status, reply.json["errorCode"]) == (400, UNEXPECTED)
    assert 0 < len(reply.json["errorMessage"]) < 300


def test_explicit_nulls_are_absent(port: int, headers: dict[str, str]) -> None:
    empties: list[object] = [None, "", []]
    for empty in empties:
        question = {
            "accountName": empty,
            "groupName": empty,
            "devices": empty,
            "filter": WINDOW,
            "ipAddress": None,
        }
        body = json.dumps(question).encode()
        assert send(port, "POST", REPORT, sized(headers, body), body).body == b'{"devices":[]}'


def test_a_request_without_a_content_type_is_refused(port: int, headers: dict[str, str]) -> None:
    body = json.dumps({"filter": WINDOW}).encode()
    del headers["Content-Type"]
    assert send(port, "POST", REPORT, sized(headers, body), body).json["errorCode"] == UNEXPECTED


MANY = 50_000
LONG = {
    "one name again and again": (LOGIN, "{" + ",".join(['"a":1'] * MANY) + "}"),
    "many names": (LOGIN, "{" + ",".join(f'"{n}":1' for n in range(MANY)) + "}"),
    "many fields of a form": (TOKEN, "&".join(f"{n}=1" for n in range(MANY))),
    "one field again and again": (TOKEN, "&".join(["a=1"] * MANY)),
    "many filters": (LIST, json.dumps({"filter": {"deviceIdentifierFilters": [FILTER] * MANY}})),
    "many ids": (REPORT, json.dumps({"filter": WINDOW, "devices": [{"deviceIds": [ID] * 25_000}]})),
    "many lists of no ids": (REPORT, json.dumps({"filter": WINDOW, "devices": [NONE] * MANY})),
}


@pytest.mark.parametrize("name", LONG)
def test_a_long_body_is_refused_in_a_time_that_follows_its_length(
    app: Credentials, port: int, headers: dict[str, str], name: str
) -> None:
    """A time by its square would be half a minute or more."""
    path, text = LONG[name]
    began = time.monotonic()
    sent_with = basic(app) if path == TOKEN else headers
    reply = send(port, "POST", path, sized(sent_with, text.encode()), text.encode())
    assert reply.status == 400
    assert time.monotonic() - began < LONG_S_MAX


def test_a_cookie_in_quotes_is_read_in_a_time_that_follows_its_length(port: int) -> None:
    """By Python's own parser of cookies, this call takes minutes."""
    cookie = "tallystick-session=" + '"' + "\\" * 100_000 + '"'
    began = time.monotonic()
    assert send(port, "GET", "/mismatches", {"Cookie": cookie}).status == 303
    assert time.monotonic() - began < LONG_S_MAX


@pytest.mark.parametrize("path", [REPORT, "/login", "/api/v1/sims", "/healthz", "/nope"])
def test_a_method_that_the_framework_knows_as_a_word_of_its_own_is_refused(
    port: int, path: str
) -> None:
    reply = send(port, "WEBSOCKET", path, {})
    assert reply.status == 400
    assert reply.headers["x-request-id"]
