"""Wiring: settings, the store and the HTTP shells as one WSGI app, and the server that runs it."""

from __future__ import annotations

import gc
import logging
import multiprocessing
import os
import secrets
import signal
import socket
import time
from functools import partial
from multiprocessing.util import Finalize
from typing import TYPE_CHECKING, Any

import falcon
from granian import Granian
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.log import LogLevels

from tallystick.access import Access
from tallystick.api import errors as api_errors
from tallystick.api import routes as api
from tallystick.background import Loops
from tallystick.clock import system_clock
from tallystick.console import errors as console_errors
from tallystick.console import routes as console
from tallystick.console.exports import WireRows
from tallystick.core.errors import SettingRefused, StoreRefused
from tallystick.http.cookies import Browsers
from tallystick.http.gate import Gate, open_to_all
from tallystick.intake import LiveIntake
from tallystick.outbox import Outbox, post
from tallystick.outbox.uploads import Uploads
from tallystick.settings import read_settings
from tallystick.store import open_store
from tallystick.thingspace import errors as thingspace_errors
from tallystick.thingspace import routes as thingspace
from tallystick.thingspace.callbacks import message_of
from tallystick.thingspace.rows import columns_in, devices_in, wire_row

if TYPE_CHECKING:
    from falcon import Request, Response

    from tallystick.settings import Settings
    from tallystick.store import Store

BACKLOG = 1024
LOOK_FOR_WORK_S = 60.0  # that a killed process has left
FREE_BYTES_MIN = 16 << 20  # on the store's disk; with less, facts will soon be refused
RESPAWN_PAUSE_S = 1.0  # before a worker that ended is started again
STOP_S_MAX = 30  # requests under way have so long to end when the server is stopped
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "loggers": {
        "tallystick": {"handlers": ["stderr"], "level": "INFO", "propagate": False},
        "_granian": {"handlers": ["stderr"], "propagate": False},
    },
}

log = logging.getLogger(__name__)


class Health:
    """`GET /healthz`: the process is alive."""

    @open_to_all
    def on_get(self, _req: Request, resp: Response) -> None:
        """Say so."""
        resp.data = b'{"status":"alive"}'

    on_head = on_get


class Readiness:
    """`GET /readyz`: the store answers, takes facts in, and no background loop fails for long."""

    def __init__(self, store: Store, loops: Loops) -> None:
        self._store = store
        self._loops = loops

    @open_to_all
    def on_get(self, _req: Request, resp: Response) -> None:
        """Say whether this worker can serve; what is wrong is in the log, not in the answer."""
        wrong = self._wrong()
        if wrong:
            log.warning("not ready: %s", "; ".join(wrong))
            raise falcon.HTTPServiceUnavailable(title="not-ready", description="see the log")
        resp.data = b'{"status":"ready"}'

    on_head = on_get

    def _wrong(self) -> list[str]:
        """What keeps this worker from serving."""
        try:
            with self._store.glance() as reader:
                reader.wire_zone()
            space = self._store.space()
        except StoreRefused as refusal:
            return [refusal.message]
        wrong = [
            f"{work.name} has been failing for more than a minute" for work in self._loops.failing()
        ]
        if space is not None and space.stuck:
            wrong.append(space.stuck)
        if space is not None and space.free_bytes < FREE_BYTES_MIN:
            wrong.append(f"only {space.free_bytes:,} bytes are free on the store's disk")
        return wrong


def build_app(
    settings: Settings,
    store: Store,
    access: Access,
    live: LiveIntake,
    uploads: Uploads,
    loops: Loops | None = None,
) -> falcon.App[Request, Response]:
    """Every room's routes in one WSGI app."""
    browsers = Browsers(settings.public_url)
    app = falcon.App(middleware=[Gate(access, browsers)])
    thingspace.add_routes(app, settings, store, access, uploads)
    api.add_routes(app, settings, store, access, live, columns_in)
    rows = WireRows(columns_in, devices_in)
    console.add_routes(app, settings, store, access, system_clock, browsers, rows)
    app.add_route("/healthz", Health())
    app.add_route("/readyz", Readiness(store, loops or Loops()))
    app.add_error_handler((Exception, falcon.HTTPError), _answer_error)
    return app


def _answer_error(req: Request, resp: Response, error: Exception, params: dict[str, Any]) -> None:  # noqa: ARG001
    """Let the room whose path it is say what went wrong, in its own shape."""
    if thingspace.owns(req.path):
        thingspace_errors.answer_error(req, resp, error)
    elif api.owns(req.path):
        api_errors.answer_error(req, resp, error)
    elif console.owns(req):
        console_errors.answer_error(req, resp, error)
    elif isinstance(error, falcon.HTTPError):
        raise error
    elif isinstance(error, StoreRefused):
        raise falcon.HTTPServiceUnavailable(title=error.code, description=error.message) from error
    else:
        log.error("%s %s failed", req.method, req.path, exc_info=error)
        raise falcon.HTTPInternalServerError from error


def app() -> falcon.App[Request, Response]:
    """The app as the environment's settings have it, for any WSGI server."""
    return wired_app(read_settings(os.environ))


def wired_app(settings: Settings, loops: Loops | None = None) -> falcon.App[Request, Response]:
    """Everything that these settings call for, as one WSGI app; its threads are among `loops`."""
    loops = loops or Loops()
    store = open_store(settings.database, wire_row, loops)
    access = Access(store, system_clock, secrets.token_bytes, loops)
    live = LiveIntake(store, system_clock, time.perf_counter, loops)
    uploads = Uploads(store, system_clock, secrets.token_bytes, loops)
    uploads.start()
    outbox = Outbox(
        store,
        system_clock,
        secrets.SystemRandom().random,
        message_of,
        partial(post, private_allowed=settings.callback_private_addresses),
        loops,
    )
    outbox.start()
    loops.loop("unfinished work", store.finish_work, LOOK_FOR_WORK_S).start()
    # When the worker ends, which for its forks `atexit` does not see.
    for part in (outbox, uploads, live, access):
        Finalize(None, part.close, exitpriority=1)
    return build_app(settings, store, access, live, uploads, loops)


def serve(settings: Settings) -> None:
    """Serve until SIGINT or SIGTERM, making the store where there is none.

    Raises `StoreRefused`.
    """
    with open_store(settings.database, wire_row) as store:
        if store.is_empty():
            store.init(settings.time_zone)
        # A store that cannot be read is refused here, before a worker starts.
        with store.glance() as reader:
            reader.wire_zone()
    address = _free_address(settings.host, settings.port)
    # A fork would inherit locks of threads that it lacks.
    multiprocessing.set_start_method("spawn", force=True)
    _Server(
        f"{__name__}:app",
        address,
        settings.port,
        interface=Interfaces.WSGI,
        workers=settings.workers,
        blocking_threads=settings.threads,
        # A connection of HTTP/2 carries many calls at once, and could hold every thread.
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(header_read_timeout=settings.keep_alive_s * 1000),
        websockets=False,
        backlog=BACKLOG,
        log_level=LogLevels.error,
        log_dictconfig=LOGGING,
        respawn_failed_workers=True,
        workers_kill_timeout=STOP_S_MAX,
    ).serve(target_loader=partial(_worker, settings), wrap_loader=False)


class _Server(Granian):  # type: ignore[misc, valid-type] # a name for one of several classes
    """The server, which starts a worker again however often it ends; its own would give up."""

    def _respawn_workers(
        self,
        workers: list[int],
        spawn_target: Any,  # noqa: ANN401 - the server's own affair
        target_loader: Any,  # noqa: ANN401 - the same
        delay: float = 0,
    ) -> None:
        time.sleep(RESPAWN_PAUSE_S)
        super()._respawn_workers(workers, spawn_target, target_loader, delay)
        self.respawned_wrks.clear()  # else a worker that ends twice within 5.5 s ends the server


def _worker(settings: Settings) -> falcon.App[Request, Response]:
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
    app = wired_app(settings, loops)
    # What was made to start with stays: the collector need not look through it again and again.
    gc.freeze()
    return app


def _free_address(host: str, port: int) -> str:
    """The numeric address of a host, where nobody listens on the port yet. Raises `SettingRefused`.

    Granian knows no names, and would share the port with a server that runs already.
    """
    try:
        family, _, _, _, (address, *_) = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        socket.create_server((str(address), port), family=family).close()
    except OSError as error:
        message = (
            f"cannot listen on {host} port {port}: {error.strerror}; change TALLYSTICK_HOST or "
            "TALLYSTICK_PORT"
        )
        raise SettingRefused(message) from error
    return str(address)
