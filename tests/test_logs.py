"""Lines of the log: what they say, and that nobody who is quoted can write one."""

from __future__ import annotations

import json
import logging
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path

import pytest

from tallystick.core.moments import Moment
from tallystick.logs import (
    GATHERED_MAX,
    WRITE_BYTES_MAX,
    Gathered,
    JsonLines,
    TextLines,
    WholeLines,
    fields,
)

HOSTILE = "x\n2026-11-26T00:00:00Z ERROR forged\r\x1b[2J\u2028\x9b"


def record(message: str, *args: object, **said: object) -> logging.LogRecord:
    made = logging.LogRecord("tallystick.x", logging.INFO, "x.py", 1, message, args, None)
    made.created = 1_764_138_365.691
    made.__dict__ |= fields(**said)
    return made


def failed(message: str) -> logging.LogRecord:
    made = record("it failed")
    try:
        int(f"no number: {message}")
    except ValueError:
        made.exc_info = sys.exc_info()
    return made


def test_a_line_of_text_is_one_line_with_its_fields_behind() -> None:
    line = TextLines().format(record("call of %s", "ann", status=200, user=HOSTILE, app=None))
    head = "2025-11-26T06:26:05.691Z INFO tallystick.x: call of ann status=200 user="
    assert line.startswith(head)
    assert json.loads(line.removeprefix(head)) == HOSTILE
    assert line.isprintable()
    assert TextLines().format(record(HOSTILE)).isprintable()


def test_a_line_of_json_is_one_object_in_ascii() -> None:
    line = JsonLines().format(record(HOSTILE, status=200, user=HOSTILE, app=""))
    assert line.isascii()
    assert line.isprintable()
    assert json.loads(line) == {
        "ts": "2025-11-26T06:26:05.691Z",
        "level": "info",
        "logger": "tallystick.x",
        "event": HOSTILE,
        "status": 200,
        "user": HOSTILE,
    }


class Counted(int):
    """A number that prints as a text of its own, as the ICCID of a SIM does."""

    def __str__(self) -> str:
        return f"no. {int(self)}"


VALUES: dict[str, tuple[object, object]] = {
    "int": (3, 3),
    "bool": (True, True),
    "float": (0.5, 0.5),
    "large": (2**70, 2**70),
    "infinite": (float("inf"), None),
    "counted": (Counted(3), "no. 3"),
    "bytes": (b"x", "b'x'"),
    "list": (["x", None], "['x', None]"),
    "empty": ([], "[]"),
    "set": ({1}, "{1}"),
    "moment": (datetime(2026, 5, 5, tzinfo=UTC), "2026-05-05 00:00:00+00:00"),
    "path": (Path("/x"), "/x"),
    "error": (ValueError("x"), "x"),
}


@pytest.mark.parametrize("other", ["e", "\N{LATIN SMALL LETTER E WITH ACUTE}", "\x7f", "\udce9"])
def test_a_value_reads_the_same_whatever_stands_beside_it_in_a_line_of_json(other: str) -> None:
    given = {name: value for name, (value, _) in VALUES.items()}
    line = JsonLines().format(record("call", **given, other=other))
    assert (line.isascii(), line.isprintable()) == (True, True)
    told = json.loads(line)
    for name, (_, read) in VALUES.items():
        assert (name, told[name]) == (name, read)
    assert told["other"] == other.replace("\udce9", "\\udce9")


def test_a_list_stands_in_a_line_of_text() -> None:
    line = TextLines().format(record("call", numbers=[1], names=[]))
    assert line.endswith(' numbers="[1]" names="[]"')


def test_a_traceback_is_indented_or_within_the_object() -> None:
    first, *others = TextLines().format(failed(HOSTILE)).split("\n")
    assert first.endswith("it failed")
    assert others
    assert all(each.startswith("    ") and each.isprintable() for each in others)
    line = JsonLines().format(failed(HOSTILE))
    assert line.isprintable()
    assert "ValueError: invalid literal" in json.loads(line)["traceback"]


def numbers(text: str) -> list[int]:
    """What the lines of a log say as their number, in order."""
    return sorted(json.loads(line)["number"] for line in text.splitlines())


def test_lines_that_are_gathered_are_each_written_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    now = 1_764_138_365_691_000
    gathered = Gathered(logging.getLogger("tallystick.x"), "call", lambda: Moment(now))
    count = 20 * GATHERED_MAX + 1

    def note(number: int) -> None:
        gathered.note({"number": number, "user": HOSTILE, "app": None})

    with ThreadPoolExecutor(8) as callers:
        list(callers.map(note, range(count)))
    gathered.write()
    gathered.write()
    text = "\n".join(map(JsonLines().format, caplog.records))
    assert numbers(text) == list(range(count))
    assert len(caplog.records) < count / 2
    assert text.startswith('{"ts":"2025-11-26T06:26:05.691Z","level":"info","logger":')
    lines = "\n".join(map(TextLines().format, caplog.records)).split("\n")
    assert len(lines) == count
    assert all(line.isprintable() for line in lines)


@pytest.mark.parametrize("text", ["x", "\N{GREEK SMALL LETTER PI}", "\N{CUNEIFORM SIGN A}"])
def test_a_pipe_takes_each_write_of_several_lines_as_a_whole(text: str) -> None:
    end, begin = os.pipe()
    writes: list[bytes] = []

    class Pipe(StringIO):
        def write(self, part: str) -> int:
            writes.append(part.encode())
            return os.write(begin, writes[-1])

    handler = WholeLines(Pipe())
    handler.setFormatter(TextLines())
    lines = [(Moment(0), {"text": text * length}) for length in (1, 300, 700, 2000, 1, 1)]
    handler.emit(logging.makeLogRecord({"msg": "call", "gathered": lines}))
    os.close(begin)
    with os.fdopen(end, "rb") as reader:
        assert reader.read() == b"".join(writes)
    whole = [each for each in writes if each.count(b"\n") > 1]
    assert whole
    assert all(len(each) <= WRITE_BYTES_MAX for each in whole)
    assert all(each.endswith(b"\n") for each in writes)
    assert b"".join(writes).count(b"\n") == len(lines)
