"""A file of lines, in blocks of bounded size; a record never crosses the end of a line."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import polars as pl

from tallystick.intake.receipt import Fault, Reject
from tallystick.intake.sources import limits
from tallystick.intake.sources.blocks import Block

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tallystick.intake.sources.encoding import Text

START_BYTES_SHOWN = 256  # of a line that cannot be read


class Lines:
    """A file in blocks of whole lines.

    A line over the limit is cut out and told of, however long it is.
    """

    def __init__(self, file: Text) -> None:
        self._file = file
        self._rest = b""

    def head(self, count: int) -> list[bytes]:
        """The first lines without their ends, at most so many; they stay to be read.

        Of one over the limit no more than shows that it is.
        """
        limit = limits.LINE_BYTES_MAX
        while self._rest.count(b"\n") < count and len(self._rest) <= limit and self._more():
            pass
        lines = self._rest.split(b"\n", count)
        is_cut = len(lines) > count or not lines[-1]
        return [line.removesuffix(b"\r") for line in (lines[:-1] if is_cut else lines)]

    def pass_over(self, count: int) -> None:
        """Go on behind the first lines."""
        for _ in range(count):
            self._rest = self._rest.partition(b"\n")[2]

    def whole(self, bytes_max: int) -> bytes | None:
        """All that is left to be read; None where it is more than so many bytes."""
        while len(self._rest) <= bytes_max and self._more():
            pass
        return self._rest if len(self._rest) <= bytes_max else None

    def _more(self) -> bool:
        chunk = self._file.read(limits.BLOCK_BYTES)
        self._rest += chunk
        return bool(chunk)

    def blocks(self, parse: Callable[[bytes, int], Block]) -> Iterator[Callable[[], Block]]:
        """What parses each block of whole lines, and is handed how many ends of lines it has."""
        more = True
        while more or self._rest:
            more = self._more()
            end = self._rest.rfind(b"\n") + 1 if more else len(self._rest)
            if end:
                text, self._rest = self._rest[:end], self._rest[end:]
                yield from (partial(parse, part, ends) for part, ends in _parts(text))
            elif len(self._rest) > limits.LINE_BYTES_MAX:
                yield partial(Block, pl.DataFrame(), 1, [self.too_long()])

    def too_long(self) -> Reject:
        """Pass over a line that has not ended within the limit."""
        start = self._rest[: limits.LINE_BYTES_MAX]
        while (end := self._rest.find(b"\n") + 1) == 0:
            self._rest = b""
            if not self._more():
                break
        self._rest = self._rest[end:] if end else b""
        return too_long(0, start)


def _parts(text: bytes) -> Iterator[tuple[bytes, int]]:
    """Whole lines in parts that have not too many of them, and how many ends of lines each has."""
    ends = text.count(b"\n")
    if ends <= limits.LINES_A_BLOCK_MAX:
        yield text, ends
        return
    middle = len(text) // 2
    end = text.rfind(b"\n", 0, middle) + 1 or text.find(b"\n", middle) + 1
    yield from _parts(text[:end])
    yield from _parts(text[end:])


def too_long(line: int, text: bytes) -> Reject:
    """The reject of a line that is longer than the limit."""
    start = text[:64].decode(errors="replace")
    return Reject(
        line, (Fault("", f"the line is longer than {limits.LINE_BYTES_MAX:,} bytes"),), (start,)
    )


def unreadable(line: int, raw: bytes, what: str) -> Reject:
    """The reject of a line that is no record at all; its beginning stands for its values."""
    start = raw[:START_BYTES_SHOWN].decode(errors="replace")
    return Reject(line, (Fault("", what),), (start,))


def may_have_too_long_line(text: bytes) -> bool:
    """Whether a line may be over the limit: it would cover half of it between two multiples."""
    half = limits.LINE_BYTES_MAX // 2
    return any(
        text.find(b"\n", start, start + half) < 0 for start in range(0, len(text) - half + 1, half)
    )
