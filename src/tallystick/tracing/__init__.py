"""Traces: what this process did, stretch by stretch, told to a collector of OpenTelemetry.

They are off unless the process has begun them, and then need the packages of the extra `traces`.
Whether they are on is a property of the process, as where its log goes is. So any room may name a
stretch of its work with `span`, which costs one look at a variable while traces are off.

A span names kinds of things, counts and outcomes. It must never have an identifier of a SIM, a
subscriber or hardware, nor the message of an error, which may quote one.
"""

from __future__ import annotations

from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, TypeVar

from tallystick.core.errors import SettingRefused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from contextlib import AbstractContextManager

    from tallystick.tracing.collector import Collector, OpenSpan, Place

Opened = TypeVar("Opened")

EXTRA = "tallystick[traces]"

# Each function looks at it once, for another thread may end tracing meanwhile.
_collector: Collector | None = None
_NO_SPAN = nullcontext[None]()


def begin_tracing() -> Callable[[], None]:
    """Have spans sent from now on; give what sends the last of them and ends that.

    Where they go, how many of them are sent, and what is said of this service beside its name
    OpenTelemetry reads from variables of its own (`OTEL_EXPORTER_OTLP_ENDPOINT` and others). Raises
    `SettingRefused` where the extra is not installed.
    """
    global _collector  # noqa: PLW0603 - on or off for the whole process, as the log is
    require_packages()
    from tallystick.tracing.collector import Collector  # noqa: PLC0415 - its packages may be missing

    _collector = Collector()
    return end_tracing


def end_tracing() -> None:
    """Send what is left, and begin no more spans."""
    global _collector
    ending, _collector = _collector, None
    if ending is not None:
        ending.close()


@contextmanager
def traced(*, is_on: bool) -> Iterator[None]:
    """A stretch in which the spans of this process are sent, if that is on."""
    if is_on:
        begin_tracing()
    try:
        yield
    finally:
        end_tracing()


def require_packages() -> None:
    """Raise `SettingRefused` unless the packages of the extra are installed."""
    try:
        import tallystick.tracing.collector  # noqa: F401, PLC0415 - its packages may be missing
    except ImportError as error:
        message = (
            f"TALLYSTICK_TRACES: yes needs packages that are not installed ({error.name}): "
            f"`pip install '{EXTRA}'`, or set it to no"
        )
        raise SettingRefused(message) from error


def span(name: str, **attributes: str | int) -> AbstractContextManager[OpenSpan | None]:
    """A stretch of work, within the one that this thread is in; None while traces are off.

    Attributes get the prefix `tallystick.`.
    """
    collector = _collector
    return _NO_SPAN if collector is None else collector.span(name, attributes)


def linked_span(
    name: str, places: Iterable[Place | None], **attributes: str | int
) -> AbstractContextManager[OpenSpan | None]:
    """A stretch of work that is done for several others at once, which have said `here`."""
    collector = _collector
    if collector is None:
        return _NO_SPAN
    return collector.span(name, attributes, links=[each for each in places if each])


def client_span(name: str, **attributes: str | int) -> AbstractContextManager[OpenSpan | None]:
    """A stretch of work in which another server is called, with `trace_headers`."""
    collector = _collector
    return _NO_SPAN if collector is None else collector.span(name, attributes, calls=True)


def span_of_call(method: str, headers: Mapping[str, str]) -> OpenSpan | None:
    """Begin the stretch in which a call to this server is answered, within its caller's trace.

    `headers` are those of W3C Trace Context that it brought. Its thread is in it until it is ended.
    """
    collector = _collector
    return None if collector is None else collector.begin_call(method, headers)


def entered(
    context: AbstractContextManager[Opened], name: str, entry: str
) -> AbstractContextManager[Opened]:
    """A context whose block is a stretch of work, and whose entry is one of its own within that."""
    collector = _collector
    return context if collector is None else collector.entered(context, name, entry)


def here() -> Place | None:
    """The stretch that this thread is in, for `linked_span`; None while traces are off."""
    collector = _collector
    return None if collector is None else collector.here()


def trace_id() -> str:
    """The id of the trace that this thread is in; empty where it is in none."""
    collector = _collector
    return "" if collector is None else collector.trace_id()


def trace_headers() -> dict[str, str]:
    """The headers by which another server goes on with the trace; none while traces are off."""
    collector = _collector
    return {} if collector is None else collector.headers()
