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
from granian.constants import Interfaces
from granian.log import LogLevels

from tallystick.access import Access
from tallystick.api import errors as api_errors
from tallystick.api import routes as api
from tallystick.background import Loops
from tallystick.clock import system_clock
from tallystick.core.errors import SettingRefused, StoreRefused
from tallystick.http.gate import Gate, open_to_all
from tallystick.intake import LiveIntake
from tallystick.outbox import Outbox, post
from tallystick.outbox.uploads import Uploads
from tallystick.settings import read_settings
from tallystick.store import open_store
from tallystick.thingspace import errors as thingspace_errors
from tallystick.thingspace import routes as thingspace
from tallystick.thingspace.callbacks import message_of
from tallystick.thingspace.rows import columns_in, wire_row

if TYPE_CHECKING:
    from falcon import Request, Response

    from tallystick.settings import Settings
    from tallystick.store import Store

BACKLOG = 1024
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


class Readiness:
    """`GET /readyz`: the store answers, and no background loop has been failing for long."""

    def __init__(self, store: Store, loops: Loops) -> None:
        self._store = store
        self._loops = loops

    @open_to_all
    def on_get(self, _req: Request, resp: Response) -> None:
        """Ask the store for something small, and the loops whether one fails."""
        with self._store.glance() as reader:
            reader.wire_zone()
        failing = self._loops.failing()
        if failing:
            names = ", ".join(work.name for work in failing)
            message = f"failing for more than a minute: {names}"
            raise falcon.HTTPServiceUnavailable(title="failing", description=message)
        resp.data = b'{"status":"ready"}'


def build_app(
    settings: Settings,
    store: Store,
    access: Access,
    live: LiveIntake,
    uploads: Uploads,
    loops: Loops | None = None,
) -> falcon.App[Request, Response]:
    """Every room's routes in one WSGI app."""
    app = falcon.App(middleware=[Gate(access)])
    thingspace.add_routes(app, settings, store, access, uploads)
    api.add_routes(app, settings, store, access, live, columns_in)
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
    for each in (
        outbox,
        uploads,
        live,
        access,
    ):  # when the worker ends, which for its forks `atexit` does not see
        Finalize(None, each.close, exitpriority=1)
    return build_app(settings, store, access, live, uploads, loops)


def serve(settings: Settings) -> None:
    """Serve until SIGINT or SIGTERM, making the store where there is none.

    Raises `StoreRefused`.
    """
    with open_store(settings.database, wire_row) as store:
        if store.is_empty():
            store.init(settings.time_zone)
        store.finish_work()  # what a process that was killed has left to be done
        with (
            store.glance() as reader
        ):  # a store that cannot be read is refused here, before a worker starts
            reader.wire_zone()
    address = _free_address(settings.host, settings.port)
    multiprocessing.set_start_method(
        "spawn", force=True
    )  # a fork would inherit locks of threads that it lacks
    Granian(
        f"{__name__}:app",
        address,
        settings.port,
        interface=Interfaces.WSGI,
        workers=settings.workers,
        blocking_threads=settings.threads,
        websockets=False,
        backlog=BACKLOG,
        log_level=LogLevels.error,
        log_dictconfig=LOGGING,
        respawn_failed_workers=True,
        workers_kill_timeout=STOP_S_MAX,
    ).serve(target_loader=partial(_worker, settings), wrap_loader=False)


def _worker(settings: Settings) -> falcon.App[Request, Response]:
    """The app of one worker, which ends with the process that started it.

    It ends without taking the interpreter down: a request whose client is gone may still be in
    it, and its thread, which is the server's and not Python's, would then abort the process.
    """
    Finalize(
        None, os._exit, args=(0,), exitpriority=0
    )  # after what is taken in and noted has been saved
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
