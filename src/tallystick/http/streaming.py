"""A large answer in pieces: printed, joined, compressed and sent, and never whole in memory."""

from __future__ import annotations

import csv
import io
import os
import re
import socket
import zlib
from contextlib import ExitStack, closing, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from tallystick.http.calls import peer_of

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator, Sequence

    from falcon import Request, Response

# Up to here one piece is fastest; from here on memory must not follow the answer.
WHOLE_BYTES_MAX = 4 * 1024 * 1024
PIECE_BYTES = 1024 * 1024
SHOWN_BYTES = 64 * 1024  # a piece of a page, which a browser paints while the next one is drawn
GZIP_LEVEL = 1
GZIP_WINDOW_BITS = 31  # zlib's word for a gzip header around the widest window
FORMULA_BEGINNINGS = ("=", "+", "-", "@", "\t", "\r")
ZERO_WEIGHT = re.compile(r"\s*q\s*=\s*0(?:\.0*)?\s*")


def send(
    req: Request,
    resp: Response,
    parts: Generator[bytes, None, None],
    held: ExitStack,
    *,
    is_packed: bool = False,
) -> None:
    """Answer with parts: whole where they are small, streamed where they are not.

    Gzipped if the request accepts it, unless they are packed already. `held` is what the parts are
    read from. A stream takes it over, and lets go of it when the server closes it. Where it cannot
    be read to its end, the stream breaks off, so that nobody takes what has come for the whole.
    """
    zipped = not is_packed and accepts_gzip(req.get_header("Accept-Encoding") or "")
    if zipped:
        parts = gzipped(parts)
    gathered, size = gather(parts, WHOLE_BYTES_MAX)
    if zipped:  # said only now: a refusal that comes with the first row is plain text
        resp.set_header("Content-Encoding", "gzip")
    if size < WHOLE_BYTES_MAX:
        resp.set_stream(iter(gathered), size)
    else:
        _stream(req, resp, b"".join(gathered), parts, PIECE_BYTES, held)
    resp.set_header("Vary", "Accept-Encoding")


def stream(
    req: Request, resp: Response, parts: Generator[bytes, None, None], held: ExitStack
) -> None:
    """Answer with parts as they come, for somebody who looks at the first of them at once.

    What fails before them is a refusal like any other, for the answer has not begun.
    """
    first, _ = gather(parts, SHOWN_BYTES)
    _stream(req, resp, b"".join(first), parts, SHOWN_BYTES, held)


def _stream(
    req: Request,
    resp: Response,
    first: bytes,
    parts: Generator[bytes, None, None],
    piece_bytes: int,
    held: ExitStack,
) -> None:
    held.enter_context(closing(parts))
    break_off = partial(break_off_all, peer_of(req), int(req.env["SERVER_PORT"]))
    resp.stream = Stream(first, parts, piece_bytes, held.pop_all(), break_off)


def csv_lines(rows: Iterable[Sequence[str | None]]) -> bytes:
    """Rows as lines of a CSV file; None is an empty field.

    A field that a spreadsheet would take for a formula gets an apostrophe in front.
    """
    text = io.StringIO()
    lines = csv.writer(text, lineterminator="\n")
    lines.writerows([field and _no_formula(field) for field in row] for row in rows)
    return text.getvalue().encode()


def _no_formula(field: str) -> str:
    return f"'{field}" if field.startswith(FORMULA_BEGINNINGS) else field


def gzipped(parts: Iterator[bytes]) -> Generator[bytes, None, None]:
    """The same parts, compressed as they come."""
    compressor = zlib.compressobj(GZIP_LEVEL, wbits=GZIP_WINDOW_BITS)
    for part in parts:
        yield compressor.compress(part)
    yield compressor.flush()


def gather(parts: Iterator[bytes], bytes_min: int) -> tuple[list[bytes], int]:
    """The next parts until there are so many bytes, and how many there are.

    Fewer, or none, are the end.
    """
    gathered, size = list[bytes](), 0
    while size < bytes_min and (part := next(parts, None)) is not None:
        gathered.append(part)
        size += len(part)
    return gathered, size


def break_off_all(address: str, port: int) -> None:
    """End every connection that a client has to this process on a port, without a word.

    A chunked body must not get its end when there should be more of it. Granian gives it one also
    where reading fails, and tells neither the connection nor the client's port. So the client's
    other calls to this worker break off, too.
    """
    for entry in Path("/dev/fd").iterdir():
        with suppress(OSError):  # it has been closed meanwhile, or is not connected
            if entry.is_socket():
                _break_off(int(entry.name), address, port)


def _break_off(number: int, address: str, port: int) -> None:
    """Shut a socket down, if that is a connection of this client to this port."""
    with socket.socket(fileno=os.dup(number)) as each:
        is_on_network = each.family in {socket.AF_INET, socket.AF_INET6}
        if is_on_network and each.getpeername()[0] == address and each.getsockname()[1] == port:
            each.shutdown(socket.SHUT_RDWR)


def accepts_gzip(accept_encoding: str) -> bool:
    """Whether an Accept-Encoding header allows gzip (RFC 9110, 12.5.3)."""
    for offer in accept_encoding.lower().split(","):
        coding, _, weight = offer.partition(";")
        if coding.strip() == "gzip":
            return not ZERO_WEIGHT.fullmatch(weight)
    return False


class Stream:
    """A body sent in pieces.

    What it is read from stays open until the server closes the body, sent or given up. `break_off`
    is called when no more can be read although there is more; then the error is raised.
    """

    def __init__(
        self,
        first: bytes,
        parts: Iterator[bytes],
        bytes_min: int,
        held: ExitStack,
        break_off: Callable[[], None],
    ) -> None:
        self._next = first
        self._parts = parts
        self._bytes_min = bytes_min
        self._held = held
        self._break_off = break_off

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        with ExitStack() as failed:
            failed.callback(self._break_off)
            piece = self._next or b"".join(gather(self._parts, self._bytes_min)[0])
            failed.pop_all()
        self._next = b""
        if not piece:
            raise StopIteration
        return piece

    def close(self) -> None:
        """Let go of what the body is read from.

        The server calls this at its end and when the client is gone.
        """
        self._held.close()
