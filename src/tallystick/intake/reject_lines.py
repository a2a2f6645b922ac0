"""Refused lines as CSV, with their reasons: corrected, the file can be imported."""

from __future__ import annotations

import csv
import zlib
from io import StringIO
from typing import TYPE_CHECKING, Any

from tallystick.core.identifiers import printable
from tallystick.intake.kinds import KINDS
from tallystick.intake.sources import REASON

if TYPE_CHECKING:
    from collections.abc import Callable

    from tallystick.intake.kinds import KindName
    from tallystick.intake.receipt import Reject

KEPT_CHARACTERS_MAX = 4 << 20
"""So much of the refused lines of one import is kept; a command may write them all to a file."""


class RejectLines:
    """A CSV file of refused lines with their reasons.

    It has the columns of the first file that was read. Where more files follow, which may have
    others, it has all columns of the kind, and its reasons name the file.
    """

    def __init__(
        self, write_row: Callable[[list[str]], Any], kind: KindName, *, several: bool = False
    ) -> None:
        self._write_row = write_row
        self._more = KINDS[kind].column_names if several else ()
        self._several = several
        self._header: tuple[str, ...] = ()
        self._columns: tuple[str, ...] = ()
        self._where = ""

    def begin(self, path: str, columns: tuple[str, ...]) -> None:
        """A file with these columns follows."""
        self._columns = columns
        self._where = f"{printable(path)}, line" if self._several else "line"
        if not self._header:
            self._header = tuple(
                dict.fromkeys(column for column in (*columns, *self._more) if column != REASON)
            )
            self._write_row([*self._header, REASON])

    def write(self, reject: Reject) -> None:
        """Write one refused line; values go under the header's columns by name."""
        values = dict(zip(self._columns, reject.values, strict=False))
        reason = f"{self._where} {reject.line}: {reject.reason}"
        self._write_row([*(values.get(column, "") for column in self._header), reason])


class KeptRejects:
    """The first refused lines of one file, as they are kept with its receipt; `lines` of them."""

    def __init__(self, kind: KindName) -> None:
        self.lines = 0
        self._text = StringIO()
        self._csv = RejectLines(csv.writer(self._text, lineterminator="\n").writerow, kind)

    def begin(self, columns: tuple[str, ...]) -> None:
        """The file has these columns."""
        self._csv.begin("", columns)

    def write(self, reject: Reject) -> None:
        """Keep a refused line, if there is room for it."""
        if self._text.tell() + sum(map(len, reject.values)) < KEPT_CHARACTERS_MAX:
            self._csv.write(reject)
            self.lines += 1

    def packed(self) -> bytes | None:
        """All of them, as `unpacked` reads them; None where there are none."""
        return zlib.compress(self._text.getvalue().encode()) if self.lines else None


def unpacked(rejects: bytes) -> bytes:
    """CSV as `KeptRejects` has packed it."""
    return zlib.decompress(rejects)
