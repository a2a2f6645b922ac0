"""Processes of the program that are forked from one that has loaded it.

To load the program takes a second of processor time, longer than most of these processes live.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
from typing import TYPE_CHECKING

from tallystick import server, settings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from multiprocessing.context import ForkServerProcess

STOP_S_MAX = 40
FORKING = multiprocessing.get_context("forkserver")
FORKING.set_forkserver_preload(
    ["tallystick.server", "tallystick.intake", "tallystick.operations.copying"]
)


class Forked:
    """A process in a session of its own, with whatever it starts."""

    def __init__(self, work: Callable[..., None], *arguments: object) -> None:
        self._process: ForkServerProcess = FORKING.Process(
            target=_in_own_session, args=(work, *arguments)
        )
        self._process.start()
        assert self._process.pid
        self.pid = self._process.pid

    def poll(self) -> int | None:
        """How it ended, None while it lives."""
        return self._process.exitcode

    def kill(self) -> None:
        """End it and what it has started, at once."""
        os.killpg(self.pid, signal.SIGKILL)

    def terminate(self) -> None:
        """Ask it to end."""
        self._process.terminate()

    def wait(self) -> int:
        """Come back when it has ended, with how."""
        self._process.join(STOP_S_MAX)
        assert self._process.exitcode is not None, "it does not end"
        return self._process.exitcode


def _in_own_session(work: Callable[..., None], *arguments: object) -> None:
    os.setsid()
    work(*arguments)


def serve(environment: Mapping[str, str]) -> None:
    """Serve as `tallystick serve --create` does, with this environment."""
    os.environ.clear()
    os.environ.update(environment)
    server.serve(settings.read_settings(os.environ), lambda _: None, create=True)
