"""A client that does as little as can be done: raw sockets, connections kept."""

from __future__ import annotations

import socket
from http.client import HTTPResponse
from typing import NamedTuple

BUFFER_BYTES = 1 << 20


class Answer(NamedTuple):
    """What came back."""

    status: bytes
    body: bytes


class Connection:
    """One kept connection."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._buffer = bytearray(BUFFER_BYTES)

    def size_of(self, request: bytes) -> int:
        """Send a request, read the answer to its end and forget it; give its body's size."""
        head, rest = self._head(request)
        if b"transfer-encoding: chunked" in head:
            return self._chunked(rest)
        size = _length(head)
        got = len(rest)
        while got < size:
            got += self._socket.recv_into(self._buffer)
        return size

    def ask(self, request: bytes) -> Answer:
        """Send a request and give the answer, which must tell its length."""
        head, body = self._head(request)
        size = _length(head)
        while len(body) < size:
            body += self._socket.recv(BUFFER_BYTES)
        return Answer(head.split(b" ", 2)[1], body)

    def _head(self, request: bytes) -> tuple[bytes, bytes]:
        self._socket.sendall(request)
        read = b""
        while b"\r\n\r\n" not in read:
            more = self._socket.recv(65536)
            assert more, "the server closed the connection"
            read += more
        head, _, rest = read.partition(b"\r\n\r\n")
        return head.lower(), rest

    def _chunked(self, rest: bytes) -> int:
        got, tail = len(rest), rest[-5:]
        while tail != b"0\r\n\r\n":
            size = self._socket.recv_into(self._buffer)
            got += size
            tail = (tail + bytes(self._buffer[max(0, size - 5) : size]))[-5:]
        return got


def whole_answer(port: int, request: bytes) -> Answer:
    """The answer to one request on a connection of its own, however it is sent."""
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(request)
        response = HTTPResponse(connection)
        response.begin()
        return Answer(str(response.status).encode(), response.read())


def _length(head: bytes) -> int:
    return int(
        next(line for line in head.split(b"\r\n") if line.startswith(b"content-length")).split(
            b":"
        )[1]
    )
