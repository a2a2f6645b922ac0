"""How lines of the log read: as text for people, or as JSON for programs.

A message is one line, whatever is in it. A traceback stands below its line, indented, or within the
object. So nobody who is quoted in the log can write a line of it.
"""

from __future__ import annotations

import json
import logging
import re
from datetime import UTC, datetime
from typing import Any

from tallystick.core.identifiers import in_one_line, printable

TEXT, JSON = FORMATS = ("text", "json")
LEVELS = ("debug", "info", "warning", "error")
FIELDS = "fields"
"""The attribute of a record with what a line says beside its message, by name."""
PLAIN = re.compile(r"[\w./:{}+@\-]+", re.ASCII)
INDENT = "    "
_encode = json.JSONEncoder(default=str).encode  # `json.dumps` makes one for each line


def fields(**values: object) -> dict[str, dict[str, object]]:
    """What a line says beside its message, as `extra` of a call of `logging`."""
    return {FIELDS: values}


def leave_out_of_records() -> None:
    """Have no record of this process say what no line prints, which costs more than the line.

    Those are the place in the source, the thread and the process; all loggers of the process go
    without them.
    """
    logging._srcfile = None  # noqa: SLF001 # the manual's way, "Optimization"
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False


def logging_config(form: str, level: str) -> dict[str, Any]:
    """The configuration, for `logging.config`, of lines of this form from this level on."""
    formatter = "tallystick.logs.JsonLines" if form == JSON else "tallystick.logs.TextLines"
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"()": formatter}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
        "loggers": {
            "tallystick": {"handlers": ["stderr"], "level": level.upper(), "propagate": False},
            "_granian": {"handlers": ["stderr"], "propagate": False},
            "opentelemetry": {"handlers": ["stderr"], "propagate": False},
        },
    }


class TextLines(logging.Formatter):
    """A line for people: the moment in UTC, the level, the logger, the message, then the fields."""

    def format(self, record: logging.LogRecord) -> str:
        """Print a record."""
        head = (
            f"{_moment(record)} {record.levelname} {record.name}: {in_one_line(_message(record))}"
        )
        line = " ".join([head, *(f"{name}={_text(value)}" for name, value in _given(record))])
        return line if not record.exc_info else line + _indented(_traceback(self, record))


class JsonLines(logging.Formatter):
    """An object on a line of its own, in ASCII."""

    def format(self, record: logging.LogRecord) -> str:
        """Print a record."""
        line: dict[str, object] = {
            "ts": _moment(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": _message(record),
            **dict(_given(record)),
        }
        if record.exc_info:
            line["traceback"] = _traceback(self, record)
        return _encode(line)


def _moment(record: logging.LogRecord) -> str:
    at = datetime.fromtimestamp(record.created, UTC)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _message(record: logging.LogRecord) -> str:
    return record.getMessage()


def _given(record: logging.LogRecord) -> list[tuple[str, object]]:
    """The fields of a record that have a value."""
    given: dict[str, object] = getattr(record, FIELDS, {})
    return [(name, value) for name, value in given.items() if value not in {"", None}]


def _text(value: object) -> str:
    text = str(value)
    return text if PLAIN.fullmatch(text) else json.dumps(text)


def _traceback(formatter: logging.Formatter, record: logging.LogRecord) -> str:
    assert record.exc_info  # noqa: S101 - asked by the callers
    return formatter.formatException(record.exc_info)


def _indented(text: str) -> str:
    return "".join(f"\n{INDENT}{printable(line)}" for line in text.splitlines())
