"""The server: its processes and addresses, and what is looked at before they start."""

from __future__ import annotations

import gc
import logging
import multiprocessing
import os
import resource
import signal
import socket
import time
from contextlib import ExitStack, suppress
from dataclasses import replace
from functools import partial
from multiprocessing.util import Finalize
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from granian import Granian
from granian.constants import HTTPModes, Interfaces, SSLProtocols
from granian.http import HTTP1Settings
from granian.log import LogLevels

from tallystick.access.audit import AuditTrail
from tallystick.background import Loops
from tallystick.clock import system_clock
from tallystick.core.errors import SettingRefused, StoreMissing, StoreRefused
from tallystick.http.calls import Calls
from tallystick.http.connections import LOOK_EVERY_S, Connections, Limits
from tallystick.logs import leave_out_of_records, logging_config
from tallystick.memory import collect_rarely, hold_less_memory
from tallystick.operations import certificates, service_manager
from tallystick.operations.certificates import CertificateWatch, check_certificate
from tallystick.operations.file_limit import connections_allowed
from tallystick.settings import read_settings, settings_changed, variable
from tallystick.store import open_store
from tallystick.thingspace.rows import wire_row
from tallystick.tracing import require_packages
from tallystick.wiring import wired_app

if TYPE_CHECKING:
    from collections.abc import Callable

    import falcon
    from falcon import Request, Response

    from tallystick.http.calls import WsgiApp
    from tallystick.settings import Settings
    from tallystick.store import Store

BACKLOG = 1024
START_S_MAX = 60.0  # that a worker which takes the place of another may take to start
LOOK_FOR_START_S = 0.1
LISTEN_S = 0.5  # from when a worker has started until it surely listens
STARTED = ".started"
"""The ending of the file by which a worker says that it has started."""
RESPAWN_PAUSE_S = 1.0  # before a worker that ended is started again
STOP_S_MAX = 30  # requests under way have so long to end when the server is stopped
log = logging.getLogger(__name__)


def app() -> falcon.App[Request, Response]:
    """The app as the environment's settings have it, for any WSGI server."""
    return wired_app(read_settings(os.environ))


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
    hold_less_memory(os.environ)
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
    with much else to do nobody would listen until the new one does. Where the new one cannot start,
    the one that serves stays.
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
            if former.is_alive() and not self._has_started(worker):
                # Better one with yesterday's certificate than none.
                self.wrks.insert(index, former)
                if worker.is_alive():  # one that has ended is seen by its watcher, and tried again
                    _stop(worker)
                continue
            self.wrks.insert(index, worker)
            _stop(former)
        self.respawned_wrks.clear()  # else a worker that ends twice within 5.5 s ends the server

    def _has_started(self, worker: Any) -> bool:  # noqa: ANN401 - the server's own affair
        """Wait until a worker listens; False where it ends, takes too long, or the server ends."""
        mark = self.shared / f"{worker.inner.pid}{STARTED}"
        until = time.monotonic() + START_S_MAX
        while not mark.exists():
            if self.interrupt_signal or time.monotonic() > until or not worker.is_alive():
                return False
            time.sleep(LOOK_FOR_START_S)
        time.sleep(LISTEN_S)
        return bool(worker.is_alive())

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
    leave_out_of_records()
    # After what is taken in and noted has been saved.
    Finalize(None, os._exit, args=(0,), exitpriority=0)
    loops = Loops()
    parent = multiprocessing.parent_process()
    if parent is not None:
        loops.watch(parent.is_alive, partial(os.kill, os.getpid(), signal.SIGTERM)).start()
    calls = Calls(
        settings.threads, proxies=settings.trusted_proxies, is_over_tls=settings.is_over_tls
    )
    app = calls.wrapped(wired_app(settings, loops, calls, shared))
    _watch_connections(settings, calls, loops)
    # What was made to start with stays: the collector need not look through it again and again.
    gc.freeze()
    collect_rarely()
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
        option = ", or give another --port" if of_port == "port" else ""
        message = (
            f"cannot listen on {host} port {port}: {_why(error)}; change {variable(of_host)} or "
            f"{variable(of_port)}{option}"
        )
        raise SettingRefused(message) from error
    return str(address)


def _why(error: OSError) -> str | None:
    """The system's words for an error; Python adds the address to those of one that binds."""
    if isinstance(error, socket.gaierror) or error.errno is None:
        return error.strerror
    return os.strerror(error.errno)
