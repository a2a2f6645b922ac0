"""Wiring: settings, the store and the HTTP shells as one WSGI app, and the server that runs it."""

from __future__ import annotations

import gc
import logging
import multiprocessing
import os
import resource
import secrets
import signal
import socket
import time
from contextlib import ExitStack, suppress
from dataclasses import replace
from functools import partial
from multiprocessing.util import Finalize
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, NamedTuple

import falcon
from granian import Granian
from granian.constants import HTTPModes, Interfaces, SSLProtocols
from granian.http import HTTP1Settings
from granian.log import LogLevels

from tallystick.access import Access
from tallystick.access.audit import PRUNE_EVERY_S, AuditTrail
from tallystick.api import errors as api_errors
from tallystick.api import routes as api
from tallystick.background import Loops
from tallystick.clock import system_clock
from tallystick.console import errors as console_errors
from tallystick.console import routes as console
from tallystick.console.exports import WireRows
from tallystick.console.import_queue import ImportQueue
from tallystick.core.errors import Refusal, SettingRefused, StoreMissing, StoreRefused
from tallystick.core.moments import MICROSECONDS_A_SECOND
from tallystick.http.acts import Acts
from tallystick.http.calls import Calls
from tallystick.http.connections import LOOK_EVERY_S, Connections, Limits
from tallystick.http.cookies import Browsers
from tallystick.http.gate import Gate, open_to_all
from tallystick.http.leaving import Leaving
from tallystick.http.limits import AddressLimit, CallerLimits, CallLimits, Throttled
from tallystick.http.observed import MetricsPage, Observed
from tallystick.http.own_port import serve_beside
from tallystick.http.paths import Paths, plain
from tallystick.http.refusals import Refusals
from tallystick.http.traced import Traced
from tallystick.intake import LiveIntake, doubts_of_expectations, forget_old
from tallystick.logs import logging_config
from tallystick.operations import certificates, service_manager
from tallystick.operations.certificates import CertificateWatch, check_certificate
from tallystick.operations.file_limit import connections_allowed
from tallystick.operations.metrics import Metrics
from tallystick.operations.readiness import Readiness
from tallystick.operations.tallies import SAVE_EVERY_S, Counts, Tallies, key_of
from tallystick.outbox import Outbox, post
from tallystick.outbox.uploads import Uploads
from tallystick.settings import read_settings, settings_changed, variable
from tallystick.store import open_store
from tallystick.thingspace import errors as thingspace_errors
from tallystick.thingspace import routes as thingspace
from tallystick.thingspace.callbacks import message_of
from tallystick.thingspace.rows import columns_in, devices_in, wire_row
from tallystick.tracing import begin_tracing, require_packages

if TYPE_CHECKING:
    from collections.abc import Callable

    from falcon import Request, Response

    from tallystick.http.calls import WsgiApp
    from tallystick.settings import Settings
    from tallystick.store import Store

BACKLOG = 1024
LOOK_FOR_WORK_S = 60.0  # that a killed process has left
START_S_MAX = 60.0  # that a worker which takes the place of another may take to start
LOOK_FOR_START_S = 0.1
LISTEN_S = 0.5  # from when a worker has started until it surely listens
STARTED = ".started"
"""The ending of the file by which a worker says that it has started."""
RESPAWN_PAUSE_S = 1.0  # before a worker that ended is started again
METRICS_PATH = "/metrics"
STOP_S_MAX = 30  # requests under way have so long to end when the server is stopped
log = logging.getLogger(__name__)


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
    readiness, tallies, metrics = seen or _seen(settings, store, Loops(), Tallies(Counts))
    limits = CallLimits(settings, partial(_count_throttled, tallies))
    app = falcon.App()
    if settings.traces:
        app.add_middleware(Traced())
    observed = Observed(tallies.note, is_logged=settings.log_requests)
    app.add_middleware(observed)
    app.add_middleware(Leaving(is_over_tls=settings.is_over_tls))
    app.add_middleware(AddressLimit(limits))
    if calls:
        app.add_middleware(calls)
    app.add_middleware(Paths())
    app.add_middleware(Gate(access, browsers))
    app.add_middleware(CallerLimits(limits))
    app.add_middleware(acts)
    thingspace.add_routes(app, settings, store, access, uploads)
    describe = api.add_routes(app, settings, store, access, live, columns_in, readiness)
    rows = WireRows(columns_in, devices_in)
    queue = imports or ImportQueue(store, system_clock, access.audit.note, Loops())
    console.add_routes(
        app, settings, store, access, system_clock, browsers, rows, imports=queue, describe=describe
    )
    _add_probes(app, readiness)
    app.add_route(METRICS_PATH, MetricsPage(metrics))
    notes = _Notes(observed, Refusals(), limits, acts)
    app.add_error_handler((Exception, falcon.HTTPError), notes.answer_error)
    return app


class _Notes(NamedTuple):
    """Who notes what a call was refused with."""

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
        _answer_error(req, resp, error)
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


def _answer_error(req: Request, resp: Response, error: Exception) -> None:
    """Let the room whose path it is say what went wrong, in its own shape."""
    path = plain(req.path)
    if isinstance(error, Throttled):
        resp.set_headers(error.headers)
    if thingspace.owns(path):
        thingspace_errors.answer_error(req, resp, error)
    elif console.owns(req):
        console_errors.answer_error(req, resp, error)
    elif api.owns(path) or not isinstance(error, falcon.HTTPError):
        api_errors.answer_error(resp, error)
    else:
        resp.status = error.status
        resp.set_headers(error.headers or {})
        resp.data = error.to_json()
        resp.content_type = falcon.MEDIA_JSON


def app() -> falcon.App[Request, Response]:
    """The app as the environment's settings have it, for any WSGI server."""
    return wired_app(read_settings(os.environ))


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
    loops.loop("unfinished work", store.finish_work, LOOK_FOR_WORK_S).start()
    prune_audit = partial(access.audit.prune, settings.audit_days)
    loops.loop("end of the audit's time", prune_audit, PRUNE_EVERY_S).start()
    imports = ImportQueue(store, system_clock, access.audit.note, loops)
    loops.loop("end of receipts' time", partial(_forget_receipts, store), PRUNE_EVERY_S).start()
    # When the worker ends, which for its forks `atexit` does not see.
    for part in (imports, outbox, uploads, live, access):
        Finalize(None, part.close, exitpriority=1)
    tallies = Tallies(partial(_counted, live, uploads, loops, calls), shared)
    tallies.take_over()
    loops.loop("metrics", tallies.save, SAVE_EVERY_S).start()
    Finalize(None, tallies.save, exitpriority=0)
    seen = _seen(settings, store, loops, tallies)
    if calls:
        _answer_beside(settings, seen)
    return build_app(settings, of_callers, access, live, uploads, calls, seen, imports=imports)


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
    return Seen(Readiness(store, loops), tallies, metrics)


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
        counts.totals[key_of("intake_facts_total", kind, outcome)] = facts
    for outcome, pairs in (("accepted", uploaded.accepted), ("rejected", uploaded.rejected)):
        if pairs:
            key = key_of("intake_facts_total", "expectations", outcome)
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
        counts.latest["last_fact_timestamp_seconds"] = seconds
    return counts


def serve(settings: Settings, announce: Callable[[str], None], *, create: bool = False) -> None:
    """Serve until SIGINT or SIGTERM.

    A store that is missing is made if `create` is set. `announce` takes the store's name when it
    has been opened and the port is free. Raises `StoreRefused` and `SettingRefused`.
    """
    check_certificate(settings)
    if settings.traces:
        require_packages()
    name = _prepared(settings, create=create)
    with ExitStack() as held:
        address = _free_address(settings, "host", "port", held)
        if settings.health_port:
            _free_address(settings, "host", "health_port", held)
        if settings.metrics_port:
            metrics_address = _free_address(settings, "metrics_host", "metrics_port", held)
            settings = replace(settings, metrics_host=metrics_address)
    connections = _held_at_most(settings)
    settings = replace(settings, host=address, connections=connections)
    announce(name)
    _tell_service_manager(settings)
    _watch_certificate(settings)
    # A fork would inherit locks of threads that it lacks.
    multiprocessing.set_start_method("spawn", force=True)
    with TemporaryDirectory(prefix="tallystick-") as shared:
        worker = partial(_worker, settings, Path(shared))
        _server(settings, Path(shared)).serve(target_loader=worker, wrap_loader=False)


def _server(settings: Settings, shared: Path) -> _Server:
    """The server that starts the workers, at a numeric address."""
    connections = settings.connections
    server = _Server(
        f"{__name__}:app",
        settings.host,
        settings.port,
        interface=Interfaces.WSGI,
        workers=settings.workers,
        blocking_threads=Calls(settings.threads).threads,
        # Of connections, more than are held: those beyond are looked through once a second.
        backpressure=connections + connections // 4,
        # A connection of HTTP/2 carries many calls at once, and could hold every thread.
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(header_read_timeout=settings.keep_alive_s * 1000),
        ssl_cert=Path(settings.tls_certificate) if settings.tls_certificate else None,
        ssl_key=Path(settings.tls_key) if settings.tls_key else None,
        ssl_protocol_min=SSLProtocols.tls12,
        websockets=False,
        backlog=BACKLOG,
        log_level=LogLevels.error,
        log_dictconfig=logging_config(settings.log_format, settings.log_level),
        respawn_failed_workers=True,
        workers_kill_timeout=STOP_S_MAX,
    )
    server.shared = shared
    return server


def _tell_service_manager(settings: Settings) -> None:
    """Have a loop tell systemd that the server answers, if systemd has started it."""
    address = service_manager.socket_of(os.environ)
    if address is None:
        return
    manager = service_manager.ServiceManager(
        partial(service_manager.send, address),
        partial(
            service_manager.is_alive,
            settings.host,
            settings.health_port or settings.port,
            is_tls=bool(settings.tls_certificate) and not settings.health_port,
        ),
        service_manager.watchdog_s_of(os.environ),
        time.monotonic,
    )
    Loops().loop("service manager", manager.look, service_manager.LOOK_EVERY_S).start()


def _watch_certificate(settings: Settings) -> None:
    """Have a loop look for another certificate. The server starts its workers anew on SIGHUP."""
    if settings.tls_certificate:
        watch = CertificateWatch(settings, partial(os.kill, os.getpid(), signal.SIGHUP))
        Loops().loop("certificate", watch.look, certificates.LOOK_EVERY_S).start()


def _prepared(settings: Settings, *, create: bool) -> str:
    """The name of the store, which is there and can be read. Raises `StoreRefused`.

    A store that is missing may be one whose disk is not mounted: an empty one in its place would
    answer that there are no mismatches.
    """
    with open_store(settings.database, wire_row) as store:
        if store.is_empty():
            if not create:
                message = (
                    f"{store.name}: there is no store; mount its disk if it has one, or make a"
                    " store with `tallystick init` or `tallystick serve --create`"
                )
                raise StoreMissing(message)
            store.init(settings.time_zone)
        # A store that cannot be read is refused here, before a worker starts.
        with store.glance() as reader:
            reader.wire_zone()
        _record_settings(store, settings)
        if store.is_read_by_others():
            log.warning(
                "%s can be read by other users of this machine, and holds phone numbers and"
                " passwords of listeners; `chmod 600` leaves it to its owner",
                store.name,
            )
        return store.name


def _record_settings(store: Store, settings: Settings) -> None:
    """Record what the server starts with; a store that cannot be written may still be read."""
    audit = AuditTrail(store, system_clock, Loops())
    try:
        audit.record_settings(settings_changed(settings))
    except StoreRefused as refusal:
        log.warning("the settings were not recorded in the audit: %s", refusal.message)


class _Server(Granian):  # type: ignore[misc, valid-type] # a name for one of several classes
    """The server, which starts a worker again however often it ends; its own would give up.

    Where a worker takes the place of one that serves, that one is stopped when the new one has
    started, which it says in the folder `shared`. Granian waits for so many seconds; on a machine
    with much else to do nobody would listen until the new one does.
    """

    shared: Path

    def _respawn_workers(
        self,
        workers: list[int],
        spawn_target: Any,  # noqa: ANN401 - the server's own affair
        target_loader: Any,  # noqa: ANN401 - the same
        delay: float = 0,  # noqa: ARG002 - the same
    ) -> None:
        time.sleep(RESPAWN_PAUSE_S)
        for index in workers:
            former = self.wrks.pop(index)
            worker = self._spawn_worker(index, spawn_target, target_loader)
            worker.start()
            self.wrks.insert(index, worker)
            if former.is_alive():
                self._wait_until_started(worker)
            _stop(former)
        self.respawned_wrks.clear()  # else a worker that ends twice within 5.5 s ends the server

    def _wait_until_started(self, worker: Any) -> None:  # noqa: ANN401 - the server's own affair
        """Come back when a worker listens, has ended, or takes too long, or the server is to."""
        mark = self.shared / f"{worker.inner.pid}{STARTED}"
        until = time.monotonic() + START_S_MAX
        while not mark.exists() and worker.is_alive():
            if self.interrupt_signal or time.monotonic() > until:
                return
            time.sleep(LOOK_FOR_START_S)
        time.sleep(LISTEN_S)

    def shutdown(self, exit_code: int = 0) -> None:
        """End the workers, behind a word to systemd."""
        service_manager.tell_stopping(os.environ)
        super().shutdown(exit_code)


def _stop(worker: Any) -> None:  # noqa: ANN401 - the server's own affair
    """End a worker, which ends its calls first; in vain it has as long as the server has."""
    worker.terminate()
    worker.join(STOP_S_MAX)
    if worker.is_alive():
        worker.kill()
        worker.join()


def _held_at_most(settings: Settings) -> int:
    """How many connections a worker may hold; it may open as many files as the system allows."""
    _, files = resource.getrlimit(resource.RLIMIT_NOFILE)
    if files == resource.RLIM_INFINITY:
        return settings.connections
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))
    allowed = connections_allowed(files)
    if allowed < settings.connections:
        log.warning(
            "each worker holds %d connections, not %d: it may open %d files (ulimit -Hn)",
            allowed,
            settings.connections,
            files,
        )
    return min(settings.connections, allowed)


def _watch_connections(settings: Settings, calls: Calls, loops: Loops) -> None:
    """End connections that are slow, silent or too many."""
    if not Connections.can_be_watched():
        log.warning(
            "this system does not tell how bytes move on a connection: callers who send or read "
            "too slowly are not ended; put a proxy before the server that does"
        )
        return
    limits = Limits(settings.body_s, settings.call_s, settings.bytes_a_s, settings.connections)
    watch = Connections(settings.port, calls, limits)
    loops.loop("connections", watch.look, LOOK_EVERY_S).start()


def _worker(settings: Settings, shared: Path) -> WsgiApp:
    """The app of one worker, which ends with the process that started it.

    It ends without taking the interpreter down: a request whose client is gone may still be in
    it, and its thread, which is the server's and not Python's, would then abort the process.
    """
    # After what is taken in and noted has been saved.
    Finalize(None, os._exit, args=(0,), exitpriority=0)
    loops = Loops()
    parent = multiprocessing.parent_process()
    if parent is not None:
        loops.watch(parent.is_alive, partial(os.kill, os.getpid(), signal.SIGTERM)).start()
    calls = Calls(settings.threads, proxies=settings.trusted_proxies)
    app = calls.wrapped(wired_app(settings, loops, calls, shared))
    _watch_connections(settings, calls, loops)
    # What was made to start with stays: the collector need not look through it again and again.
    gc.freeze()
    with suppress(OSError):  # a full disk; then the worker that this one replaces stays longer
        Path(shared, f"{os.getpid()}{STARTED}").touch()
    return app


def _free_address(settings: Settings, of_host: str, of_port: str, held: ExitStack) -> str:
    """The numeric address of a host, where nobody listens on the port yet. Raises `SettingRefused`.

    `of_host` and `of_port` are the settings' names. Granian knows no names of hosts, and would
    share the port with a server that runs already. The port stays taken until `held` ends, so that
    two settings cannot name the same.
    """
    host, port = getattr(settings, of_host), getattr(settings, of_port)
    try:
        family, _, _, _, (address, *_) = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        held.enter_context(socket.create_server((str(address), port), family=family))
    except OSError as error:
        message = (
            f"cannot listen on {host} port {port}: {error.strerror}; change {variable(of_host)} or "
            f"{variable(of_port)}"
        )
        raise SettingRefused(message) from error
    return str(address)
