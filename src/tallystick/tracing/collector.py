"""How spans are made and sent, by OpenTelemetry. Its packages are an extra."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from importlib.metadata import version
from threading import Thread
from typing import TYPE_CHECKING, Any, TypeVar

from opentelemetry import context as contexts
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Link, SpanKind, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from tallystick.core.errors import Refusal, StoreRefused

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from contextlib import AbstractContextManager

    from opentelemetry.trace import Span

Opened = TypeVar("Opened")
Place = trace.SpanContext
"""Which span of which trace a stretch of work is."""

SERVICE = "tallystick"
PREFIX = "tallystick."
SERVER_ERROR = 500
CLOSE_S_MAX = 5.0  # of the half minute in which a worker has to end


class OpenSpan:
    """A stretch of work that has not ended."""

    def __init__(self, span: Span) -> None:
        self._span = span
        self._token = contexts.attach(trace.set_span_in_context(span))

    def say(self, **attributes: str | int) -> None:
        """Say more of it, by attributes with the prefix `tallystick.`."""
        self._span.set_attributes(_prefixed(attributes))

    def fail(self, error: BaseException) -> None:
        """Say what it was ended by: the kind of it, not its words, which may quote a subscriber."""
        kind = error.code if isinstance(error, Refusal) else type(error).__name__
        self._span.set_attribute("error.type", kind)
        if not isinstance(error, Refusal) or isinstance(error, StoreRefused):
            self._span.set_status(StatusCode.ERROR)

    def answer(self, method: str, route: str, status: int) -> None:
        """Say of a call how it was answered, and end it."""
        self._span.update_name(f"{method} {route}")
        self._span.set_attributes({"http.route": route, "http.response.status_code": status})
        if status >= SERVER_ERROR:
            self._span.set_attribute("error.type", str(status))
            self._span.set_status(StatusCode.ERROR)
        self.end()

    def end(self) -> None:
        """End it; its thread is in the stretch again that it was in before."""
        contexts.detach(self._token)
        self._span.end()


class Collector:
    """Spans on their way to where the variables of OpenTelemetry say."""

    def __init__(self) -> None:
        own: dict[str, Any] = {"service.name": SERVICE, "service.version": version(SERVICE)}
        given = OTELResourceDetector().detect().attributes
        resource = Resource.create({**own, **given})
        # Who has begun it ends it: a worker ends without what Python does at the end.
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        self._tracer = self._provider.get_tracer(SERVICE, version(SERVICE))
        # Not what the variables name: a caller's `baggage` must not go on to listeners.
        self._propagator = TraceContextTextMapPropagator()

    def close(self) -> None:
        """Send what is left, or give it up where the collector does not take it soon."""
        ending = Thread(target=self._provider.shutdown, daemon=True)
        ending.start()
        ending.join(CLOSE_S_MAX)

    @contextmanager
    def span(
        self,
        name: str,
        attributes: Mapping[str, str | int],
        links: Iterable[Place] = (),
        *,
        calls: bool = False,
    ) -> Iterator[OpenSpan]:
        """A stretch of work; with `calls`, another server is called in it."""
        opened = OpenSpan(
            self._tracer.start_span(
                name,
                kind=SpanKind.CLIENT if calls else SpanKind.INTERNAL,
                attributes=_prefixed(attributes),
                links=[Link(each) for each in links],
            )
        )
        try:
            yield opened
        except BaseException as error:
            opened.fail(error)
            raise
        finally:
            opened.end()

    def begin_call(self, method: str, headers: Mapping[str, str]) -> OpenSpan:
        """Begin the stretch in which a call is answered."""
        return OpenSpan(
            self._tracer.start_span(
                method,
                self._propagator.extract(headers, contexts.Context()),
                SpanKind.SERVER,
                {"http.request.method": method},
            )
        )

    @contextmanager
    def entered(
        self, context: AbstractContextManager[Opened], name: str, entry: str
    ) -> Iterator[Opened]:
        """A context whose block is a stretch of work, with its entry as one within that."""
        with self.span(name, {}), ExitStack() as held:
            with self.span(entry, {}):
                opened = held.enter_context(context)
            yield opened

    def here(self) -> Place | None:
        """The stretch that this thread is in, if it is in any."""
        place = trace.get_current_span().get_span_context()
        return place if place.is_valid else None

    def trace_id(self) -> str:
        """The id of the trace that this thread is in; empty where it is in none."""
        place = self.here()
        return trace.format_trace_id(place.trace_id) if place else ""

    def headers(self) -> dict[str, str]:
        """The headers by which another server goes on with the trace."""
        carrier: dict[str, str] = {}
        self._propagator.inject(carrier)
        return carrier


def _prefixed(attributes: Mapping[str, str | int]) -> dict[str, str | int]:
    return {PREFIX + name: value for name, value in attributes.items()}
