"""Calls that are refused: how they are logged, and what the connection and the caller see of it."""

from __future__ import annotations

import logging
import socket
from contextlib import closing
from http.client import HTTPConnection
from typing import TYPE_CHECKING

import pytest
from falcon import testing

from tallystick.http.paths import fault_of, plain
from tallystick.http.refusals import (
    LINES_A_SECOND_MAX,
    MESSAGE_LENGTH_MAX,
    TRACES_A_SECOND_MAX,
    Refusals,
)
from tests.serving import TOKEN, serving

if TYPE_CHECKING:
    from collections.abc import Iterator

V1, M2M = "/api/v1", "/api/m2m/v1"
LOGGER = "tallystick.http.refusals"


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """A server that nobody may ask anything."""
    with serving(f"sqlite:///{tmp_path_factory.mktemp('refusing')}/store.db") as port:
        yield port


def answer_to(port: int, target: str) -> bytes:
    """What comes back for a request line with this target, byte for byte."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as client:
        head = f"POST {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        client.sendall(head.encode())
        answer = b""
        while more := client.recv(65536):
            answer += more
        return answer


@pytest.mark.parametrize(
    ("room", "status", "shape"),
    [
        (V1, b" 404 ", b'{"error":{"code":"not-found"'),
        (M2M, b" 400 ", b'{"fault":{"code":"900906"'),
    ],
)
def test_a_path_that_can_be_read_in_two_ways_is_refused_in_its_rooms_shape(
    port: int, room: str, status: bytes, shape: bytes
) -> None:
    targets = {
        f"/{room}/groups": b"it has an empty segment",
        f"{room}//groups": b"it has an empty segment",
        f"{room}/groups/": b"it has an empty segment",
        f"/.{room}/groups": b"it has a segment . or ..",
        f"{room}/x/../groups": b"it has a segment . or ..",
        f"{room}/%2e%2e/groups": b"it has a segment . or ..",
        f"/%2f{room}/groups": b"it has an empty segment",
        f"{room}/groups/%00": b"it has a control character",
        f"{room}/groups/%0a": b"it has a control character",
        f"{room}/groups/%ff": b"it is not UTF-8",
        f"{room}/{'x' * 5000}": b"it is longer than 2,000 characters",
    }
    for target, fault in targets.items():
        head, _, body = answer_to(port, target).partition(b"\r\n\r\n")
        assert status in head.split(b"\r\n")[0], (target, head)
        assert body.startswith(shape), (target, body)
        assert fault in body, (target, body)
        assert len(body) < 300


def test_an_ordinary_path_is_taken_and_plain_ones_tell_the_room() -> None:
    for path in ("/", "/healthz", "/api/v1/accounts/A.B +%2F", "/api/v1/accounts/...", "/x/.y"):
        assert fault_of(path) is None
    assert plain("//api/.//v1/../sims/") == "/api/v1/sims"


@pytest.mark.parametrize("size", [2, 60_000, 3_000_000])
def test_a_refusal_before_the_body_is_read_leaves_the_connection_in_step(
    port: int, size: int
) -> None:
    refused = [("POST", f"{V1}/sims"), ("POST", f"{V1}/nope"), ("DELETE", "/nope"), ("POST", TOKEN)]
    with closing(HTTPConnection("127.0.0.1", port, timeout=30)) as connection:
        for turn in range(60 if size < 1_000_000 else 8):
            method, path = refused[turn % 4]
            connection.request(method, path, b"x" * size)
            with connection.getresponse() as answer:
                assert answer.status in {401, 404}
                answer.read()
                assert not answer.will_close


def test_a_connection_whose_body_is_too_large_to_be_read_is_closed_with_a_word(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=30) as client:
        head = f"POST {V1}/sims HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n"
        client.sendall(head.encode() + bytes(9 << 20))
        assert b"\r\nconnection: close\r\n" in client.recv(65536).lower()


def test_every_answer_forbids_caches_and_guesses_and_names_no_software(port: int) -> None:
    for path in ("/healthz", "/nope", "/openapi.json", f"{V1}/sims", f"{M2M}/groups/x"):
        with closing(HTTPConnection("127.0.0.1", port, timeout=30)) as connection:
            connection.request("GET", path, headers={"Origin": "https://elsewhere.example"})
            headers = connection.getresponse().headers
        assert headers["Cache-Control"] == "no-store"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Server"] == "tallystick"
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
        assert "Access-Control-Allow-Origin" not in headers


class Timer:
    """A timer that is set by hand."""

    now = 0.0

    def __call__(self) -> float:
        """What it shows."""
        return self.now


def test_a_refusal_is_one_line_of_bounded_length_that_nobody_can_forge(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, LOGGER)
    req = testing.create_req(path="/api/v1/x\n2026-11-25 ERROR forged\x1b[2J")
    Refusals().note(req, 404, "there is no 'x\n\x1b[2J'" + "y" * 10_000)
    Refusals().note(req, 503, "busy")
    refused, busy = caplog.records
    assert (refused.levelno, busy.levelno) == (logging.INFO, logging.WARNING)
    assert refused.getMessage().isprintable()
    assert len(refused.getMessage()) < MESSAGE_LENGTH_MAX + 200


def test_a_flood_of_refusals_is_counted_and_not_written(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, LOGGER)
    timer = Timer()
    refusals = Refusals(timer)
    req = testing.create_req(path="/nope")
    for _ in range(LINES_A_SECOND_MAX + 7):
        refusals.note(req, 404, "there is none")
    assert len(caplog.records) == LINES_A_SECOND_MAX
    timer.now = 1.0
    refusals.note(req, 404, "there is none")
    assert [each.getMessage()[:2] for each in caplog.records[-2:]] == ["7 ", "40"]


def test_of_a_flood_of_failures_few_say_where_in_the_program_they_were(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, LOGGER)
    refusals = Refusals(Timer())
    req = testing.create_req(path="/nope")
    for _ in range(LINES_A_SECOND_MAX):
        refusals.note(req, 500, "500 Internal Server Error", ZeroDivisionError())
    assert [each.levelno for each in caplog.records] == [logging.ERROR] * LINES_A_SECOND_MAX
    assert sum(each.exc_info is not None for each in caplog.records) == TRACES_A_SECOND_MAX
