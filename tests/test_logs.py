"""Lines of the log: what they say, and that nobody who is quoted can write one."""

from __future__ import annotations

import json
import logging
import sys

from tallystick.logs import JsonLines, TextLines, fields

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


def test_a_traceback_is_indented_or_within_the_object() -> None:
    first, *others = TextLines().format(failed(HOSTILE)).split("\n")
    assert first.endswith("it failed")
    assert others
    assert all(each.startswith("    ") and each.isprintable() for each in others)
    line = JsonLines().format(failed(HOSTILE))
    assert line.isprintable()
    assert "ValueError: invalid literal" in json.loads(line)["traceback"]
