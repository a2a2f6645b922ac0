"""How lines of the log read: as text for people, or as JSON for programs.

A message is one line, whatever is in it. A traceback stands below its line, indented, or within the
object. So nobody who is quoted in the log can write a line of it.
"""

from __future__ import annotations

import json
import logging
import re
import sys
from collections import deque
from datetime import UTC
from threading import Lock
from typing import TYPE_CHECKING, Any, TextIO

import msgspec

from tallystick.core.identifiers import in_one_line, printable
from tallystick.core.moments import MICROSECONDS_A_SECOND, Moment, wire

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

TEXT, JSON = FORMATS = ("text", "json")
LEVELS = ("debug", "info", "warning", "error")
FIELDS, GATHERED = "fields", "gathered"
"""The attributes of a record with what its line says beside its message, by name; or, of several
lines, each line's moment and what it says."""
GATHERED_MAX = 64
"""So many lines of calls are written at once at most."""
WRITE_BYTES_MAX = 4096
"""What a pipe takes as a whole on Linux, however many processes write to it."""
BYTES_A_CHARACTER_MAX = 4
PLAIN = re.compile(r"[\w./:{}+@\-]+", re.ASCII)
INDENT = "    "
NOT_PRINTABLE = re.compile(r"[^ -~]")
"""What JSON holds within texts alone, and lines of the log as escapes."""
AS_THEY_ARE = frozenset({str, int, float, bool})
"""The types of values that lines in JSON keep. Of all others they hold the text."""
_encode = msgspec.json.encode


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
        "handlers": {"stderr": {"()": "tallystick.logs.WholeLines", "formatter": "line"}},
        "loggers": {
            "tallystick": {"handlers": ["stderr"], "level": level.upper(), "propagate": False},
            "_granian": {"handlers": ["stderr"], "propagate": False},
            "opentelemetry": {"handlers": ["stderr"], "propagate": False},
        },
    }


class Gathered:
    """Lines with the same message that are written many at a time, so that each costs little.

    A line waits until `GATHERED_MAX` of them have been noted, or for the next `write`.
    """

    def __init__(self, log: logging.Logger, message: str, clock: Callable[[], Moment]) -> None:
        self._log = log
        self._message = message
        self._clock = clock
        self._lines: deque[tuple[Moment, dict[str, object]]] = deque()
        self._writing = Lock()

    def note(self, said: dict[str, object]) -> None:
        """Take a line of this moment, by what it says beside its message."""
        self._lines.append((self._clock(), said))
        if len(self._lines) >= GATHERED_MAX:
            self.write()

    def write(self) -> bool:
        """Write the lines that were noted; give False: nothing is left to be done."""
        with self._writing:  # only who writes takes lines away
            lines = [self._lines.popleft() for _ in range(len(self._lines))]
            if lines:
                self._log.info(self._message, extra={GATHERED: lines})
        return False


class WholeLines(logging.StreamHandler["WholeWrites"]):
    """Standard error, or another stream, where lines of several processes stay whole."""

    def __init__(self, stream: TextIO | None = None) -> None:
        super().__init__(WholeWrites(stream or sys.stderr))


class WholeWrites:
    """A stream for lines, which writes as many at once as a pipe takes as a whole."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, lines: str) -> None:
        """Write lines, each of which has its end."""
        for part in _parts(lines):
            self._stream.write(part)
            self._stream.flush()

    def flush(self) -> None:
        """Do nothing: what was written is out already."""


class TextLines(logging.Formatter):
    """A line for people: the moment in UTC, the level, the logger, the message, then the fields."""

    def format(self, record: logging.LogRecord) -> str:
        """Print a record."""
        about = f"{record.levelname} {record.name}: {in_one_line(record.getMessage())}"
        lines = [f"{_printed(at)} {about}{_fields(said)}" for at, said in _lines(record)]
        text = "\n".join(lines)
        return text if not record.exc_info else text + _indented(_traceback(self, record))


class JsonLines(logging.Formatter):
    """An object on a line of its own, in ASCII."""

    def format(self, record: logging.LogRecord) -> str:
        """Print a record."""
        about = {
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.getMessage(),
        }
        failure = {"traceback": _traceback(self, record)} if record.exc_info else {}
        lines = [
            {"ts": _printed(at), **about, **dict(_given(said)), **failure}
            for at, said in _lines(record)
        ]
        return "\n".join(map(_printable_json, lines))


def _lines(record: logging.LogRecord) -> list[tuple[Moment, dict[str, object]]]:
    """The moment of each line of a record, and what it says beside the message."""
    gathered: list[tuple[Moment, dict[str, object]]] | None = getattr(record, GATHERED, None)
    if gathered is not None:
        return gathered
    moment = Moment(round(record.created * MICROSECONDS_A_SECOND))
    return [(moment, getattr(record, FIELDS, {}))]


def _printed(moment: Moment) -> str:
    """Print a moment in UTC with milliseconds."""
    return f"{wire(moment, UTC)[:-1]}.{moment // 1000 % 1000:03}Z"


def _parts(lines: str) -> Iterator[str]:
    """Lines as they are written: as many together as a pipe takes as a whole, else one."""
    if len(lines) * BYTES_A_CHARACTER_MAX < WRITE_BYTES_MAX:
        yield lines
        return
    part, size = "", 0
    for line in lines.splitlines(keepends=True):
        line_bytes = len(line.encode("utf-8", "backslashreplace"))
        if part and size + line_bytes > WRITE_BYTES_MAX:
            yield part
            part, size = "", 0
        part += line
        size += line_bytes
    yield part


def _printable_json(line: dict[str, object]) -> str:
    """JSON of printable characters of ASCII, in which all others stand as escapes."""
    try:
        text = _encode(line).decode()
    except UnicodeEncodeError:  # bytes of a file name that are no UTF-8
        text = _encode({name: _in_unicode(value) for name, value in line.items()}).decode()
    # A line of each call is to cost little of the call: what is usual goes the shorter way.
    is_plain = text.isascii() and text.isprintable()
    return text if is_plain else NOT_PRINTABLE.sub(_escaped, text)


def _in_unicode(value: object) -> object:
    """A value of a line; in a text each half of a surrogate pair reads as its number."""
    if not isinstance(value, str):
        return value
    return value.encode("utf-8", "backslashreplace").decode()


def _escaped(character: re.Match[str]) -> str:
    return json.dumps(character[0])[1:-1]


def _given(said: dict[str, object]) -> Iterable[tuple[str, object]]:
    """What of that has a value: each as JSON keeps it, or as its text."""
    return [
        (name, value if type(value) in AS_THEY_ARE else str(value))
        for name, value in said.items()
        if value is not None and value != ""
    ]


def _fields(said: dict[str, object]) -> str:
    return "".join([f" {name}={_text(value)}" for name, value in _given(said)])


def _text(value: object) -> str:
    text = str(value)
    return text if PLAIN.fullmatch(text) else json.dumps(text)


def _traceback(formatter: logging.Formatter, record: logging.LogRecord) -> str:
    assert record.exc_info  # noqa: S101 - asked by the callers
    return formatter.formatException(record.exc_info)


def _indented(text: str) -> str:
    return "".join(f"\n{INDENT}{printable(line)}" for line in text.splitlines())
