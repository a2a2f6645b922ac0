"""Wiring: settings, the store and the HTTP shells as one WSGI app, with the loops behind it."""

from __future__ import annotations

import secrets
import time
from functools import partial
from multiprocessing.util import Finalize
from typing import TYPE_CHECKING, Any, NamedTuple

import falcon

from tallystick.access import Access
from tallystick.access.audit import PRUNE_EVERY_S
from tallystick.api import errors as api_errors
from tallystick.api import routes as api
from tallystick.background import Loops
from tallystick.clock import system_clock
from tallystick.console import errors as console_errors
from tallystick.console import routes as console
from tallystick.console.exports import WireRows
from tallystick.console.import_queue import ImportQueue
from tallystick.core.errors import Refusal
from tallystick.core.moments import MICROSECONDS_A_SECOND
from tallystick.http.acts import Acts
from tallystick.http.cookies import Browsers
from tallystick.http.gate import Gate, open_to_all
from tallystick.http.leaving import Leaving
from tallystick.http.limits import AddressLimit, CallerLimits, CallLimits, Throttled
from tallystick.http.observed import MetricsPage, Observed, lines_of_calls
from tallystick.http.own_port import serve_beside
from tallystick.http.paths import Paths, plain
from tallystick.http.refusals import Refusals
from tallystick.http.traced import Traced
from tallystick.intake import LiveIntake, doubts_of_expectations, forget_old
from tallystick.operations.metrics import Metrics
from tallystick.operations.readiness import Readiness
from tallystick.operations.tallies import (
    INTAKE_FACTS,
    LAST_FACT,
    SAVE_EVERY_S,
    Counts,
    Tallies,
    brought_by_calls,
    key_of,
)
from tallystick.outbox import Outbox, post
from tallystick.outbox.uploads import Uploads
from tallystick.store import open_store
from tallystick.thingspace import errors as thingspace_errors
from tallystick.thingspace import routes as thingspace
from tallystick.thingspace.callbacks import message_of
from tallystick.thingspace.rows import columns_in, devices_in, wire_row
from tallystick.tracing import begin_tracing

if TYPE_CHECKING:
    from pathlib import Path

    from falcon import Request, Response

    from tallystick.console.pages import Pages
    from tallystick.http.calls import Calls
    from tallystick.logs import Gathered
    from tallystick.settings import Settings
    from tallystick.store import Store

LOOK_FOR_WORK_S = 60.0  # that a killed process has left
METRICS_PATH = "/metrics"
LINES_EVERY_S = 0.1  # how late a line of an answered call may be


class Health:
    """`GET /healthz`: the process is alive."""

    @open_to_all
    def on_get(self, _req: Request, resp: Response) -> None:
        """Say so."""
        resp.data = b'{"status":"alive"}'

    on_head = on_get


class Ready:
    """`GET /readyz`: this worker can serve."""

    def __init__(self, readiness: Readiness) -> None:
        self._readiness = readiness

    @open_to_all
    def on_get(self, _req: Request, resp: Response) -> None:
        """Say whether this worker can serve; why not is in the log and at `/api/v1/readiness`."""
        if self._readiness.wrong():
            raise falcon.HTTPServiceUnavailable(title="not-ready", description="see the log")
        resp.data = b'{"status":"ready"}'

    on_head = on_get


class Seen(NamedTuple):
    """What of a worker is seen from outside."""

    readiness: Readiness
    tallies: Tallies
    metrics: Metrics
    lines: Gathered
    """The lines of the log about answered calls."""


def build_app(  # noqa: PLR0913 - what the rooms are made of
    settings: Settings,
    store: Store,
    access: Access,
    live: LiveIntake,
    uploads: Uploads,
    calls: Calls | None = None,
    seen: Seen | None = None,
    *,
    imports: ImportQueue | None = None,
) -> falcon.App[Request, Response]:
    """Every room's routes in one WSGI app.

    With `calls`, it works at so many calls at a time as those have seats.
    """
    browsers = Browsers(settings.public_url)
    acts = Acts(access.audit, system_clock)
    seen = seen or _seen(settings, store, Loops(), Tallies(Counts))
    readiness, tallies, metrics, lines = seen
    limits = CallLimits(settings, partial(_count_throttled, tallies))
    app = falcon.App()
    observed = Observed(tallies.note, lines.note if settings.log_requests else None)
    outermost = (Traced(), observed) if settings.traces else (observed,)
    of_every_call = (
        *outermost,
        Leaving(is_over_tls=settings.is_over_tls),
        AddressLimit(limits),
        *((calls,) if calls else ()),
        Paths(),
        Gate(access, browsers),
        CallerLimits(limits),
        acts,
    )
    for each in of_every_call:
        app.add_middleware(each)
    thingspace.add_routes(app, settings, store, access, uploads)
    describe = api.add_routes(app, settings, store, access, live, columns_in, readiness)
    rows = WireRows(columns_in, devices_in)
    queue = imports or ImportQueue(store, system_clock, access.audit.note, Loops())
    others = console.Others(rows, queue, describe, lambda: brought_by_calls(tallies.all()))
    pages = console.add_routes(app, settings, store, access, system_clock, browsers, others)
    _add_probes(app, readiness)
    app.add_route(METRICS_PATH, MetricsPage(metrics))
    notes = _Notes(pages, observed, Refusals(), limits, acts)
    app.add_error_handler((Exception, falcon.HTTPError), notes.answer_error)
    return app


class _Notes(NamedTuple):
    """Who notes what a call was refused with; `pages` show it to people."""

    pages: Pages
    observed: Observed
    refusals: Refusals
    limits: CallLimits
    acts: Acts

    def answer_error(
        self,
        req: Request,
        resp: Response,
        error: Exception,
        params: dict[str, Any],  # noqa: ARG002 - the form of an error handler
    ) -> None:
        """Answer what was raised, and note it."""
        # The framework refuses its own words as methods before it asks the first middleware.
        self.observed.begin(req)
        _answer_error(self.pages, req, resp, error)
        message = error.message if isinstance(error, Refusal) else str(resp.status)
        failure = None if isinstance(error, Refusal | falcon.HTTPError) else error
        self.refusals.note(req, resp.status_code, message, failure)
        self.limits.note_refusal(error)
        self.acts.note_refusal(req, error)


def _count_throttled(tallies: Tallies, limit: str) -> None:
    tallies.count(key_of("throttled_calls_total", limit))


def _add_probes(app: falcon.App[Request, Response], readiness: Readiness) -> None:
    app.add_route("/healthz", Health())
    app.add_route("/readyz", Ready(readiness))


def _answer_error(pages: Pages, req: Request, resp: Response, error: Exception) -> None:
    """Let the room whose path it is say what went wrong, in its own shape."""
    path = plain(req.path)
    if isinstance(error, Throttled):
        resp.set_headers(error.headers)
    if thingspace.owns(path):
        thingspace_errors.answer_error(req, resp, error)
    elif console.owns(req):
        console_errors.answer_error(pages, req, resp, error)
    elif api.owns(path) or not isinstance(error, falcon.HTTPError):
        api_errors.answer_error(resp, error)
    else:
        resp.status = error.status
        resp.set_headers(error.headers or {})
        resp.data = error.to_json()
        resp.content_type = falcon.MEDIA_JSON


def wired_app(
    settings: Settings,
    loops: Loops | None = None,
    calls: Calls | None = None,
    shared: Path | None = None,
) -> falcon.App[Request, Response]:
    """Everything that these settings call for, as one WSGI app; its threads are among `loops`.

    With `calls`, this process is a server of ours, and answers at the ports for probes and metrics,
    too. `shared` is the folder in which its workers tell each other what they count.
    """
    loops = loops or Loops()
    if settings.traces:
        # Behind what the parts of the worker do at their end.
        Finalize(None, begin_tracing(), exitpriority=0)
    store = open_store(settings.database, wire_row, loops)
    # Half of the calls at work may wait for the turn to write, so that the others can read.
    of_callers = store.with_places(max(1, settings.threads // 2))
    access = Access(of_callers, system_clock, secrets.token_bytes, loops)
    live = LiveIntake(store, system_clock, time.perf_counter, loops)
    uploads = Uploads(store, system_clock, secrets.token_bytes, loops, doubts_of_expectations)
    uploads.start()
    outbox = _outbox(settings, store, loops)
    outbox.start()
    imports = ImportQueue(store, system_clock, access.audit.note, loops)
    _begin_upkeep(settings, store, access, loops)
    # When the worker ends, which for its forks `atexit` does not see.
    for part in (imports, outbox, uploads, live, access):
        Finalize(None, part.close, exitpriority=1)
    tallies = Tallies(partial(_counted, live, uploads, loops, calls), shared)
    tallies.take_over()
    seen = _seen(settings, store, loops, tallies)
    _begin_to_tell(settings, seen, loops)
    if calls:
        _answer_beside(settings, seen)
    return build_app(settings, of_callers, access, live, uploads, calls, seen, imports=imports)


def _begin_upkeep(settings: Settings, store: Store, access: Access, loops: Loops) -> None:
    """Begin the loops that finish what was left, and remove what has been kept for its time."""
    loops.loop("unfinished work", store.finish_work, LOOK_FOR_WORK_S).start()
    prune_audit = partial(access.audit.prune, settings.audit_days)
    loops.loop("end of the audit's time", prune_audit, PRUNE_EVERY_S).start()
    loops.loop("end of receipts' time", partial(_forget_receipts, store), PRUNE_EVERY_S).start()


def _begin_to_tell(settings: Settings, seen: Seen, loops: Loops) -> None:
    """Begin the loops that share counts and write lines, once more when the worker ends."""
    loops.loop("metrics", seen.tallies.save, SAVE_EVERY_S).start()
    Finalize(None, seen.tallies.save, exitpriority=0)
    if settings.log_requests:
        loops.loop("lines of calls", seen.lines.write, LINES_EVERY_S).start()
        Finalize(None, seen.lines.write, exitpriority=0)


def _outbox(settings: Settings, store: Store, loops: Loops) -> Outbox:
    return Outbox(
        store,
        system_clock,
        secrets.SystemRandom().random,
        message_of,
        partial(post, private_allowed=settings.callback_private_addresses),
        loops,
    )


def _forget_receipts(store: Store) -> bool:
    """Forget receipts of imports whose time is over; give False: nothing is left to be done."""
    with store.transaction() as writer:
        forget_old(writer, system_clock())
    return False


def _seen(settings: Settings, store: Store, loops: Loops, tallies: Tallies) -> Seen:
    metrics = Metrics(store, settings.database, tallies)
    lines = lines_of_calls(system_clock)
    return Seen(Readiness(store, loops), tallies, metrics, lines)


def _answer_beside(settings: Settings, seen: Seen) -> None:
    """Answer at the ports for probes and for metrics, where there are some."""
    if settings.health_port:
        probes: falcon.App[Request, Response] = falcon.App()
        _add_probes(probes, seen.readiness)
        serve_beside(probes, settings.host, settings.health_port)
    if settings.metrics_port:
        beside: falcon.App[Request, Response] = falcon.App()
        beside.add_route(METRICS_PATH, MetricsPage(seen.metrics))
        serve_beside(beside, settings.metrics_host, settings.metrics_port)


def _counted(live: LiveIntake, uploads: Uploads, loops: Loops, calls: Calls | None) -> Counts:
    """What the parts of this worker count by themselves."""
    counts, brought, uploaded = Counts(), live.brought(), uploads.brought()
    for (kind, outcome), facts in brought.facts.items():
        counts.totals[key_of(INTAKE_FACTS, kind, outcome)] = facts
    for outcome, pairs in (("accepted", uploaded.accepted), ("rejected", uploaded.rejected)):
        if pairs:
            key = key_of(INTAKE_FACTS, "expectations", outcome)
            counts.totals[key] = counts.totals.get(key, 0) + pairs
    waiting_calls, waiting_facts = live.waiting()
    counts.levels = {
        "intake_waiting_calls": waiting_calls,
        "intake_waiting_facts": waiting_facts,
        "failing_loops": len(loops.failing()),
    }
    if calls:
        counts.levels |= {"open_calls": len(calls.open()), "waiting_calls": calls.waiting()}
    last_at = max(brought.last_at or 0, uploaded.last_at or 0)
    if last_at:
        seconds = last_at / MICROSECONDS_A_SECOND
        counts.latest[LAST_FACT] = seconds
    return counts
