"""Limits at the gate: how often an address, an app and a user may call, and try to log in.

Each worker keeps its own buckets in memory and gives out its share of the rate, so that no call
asks the store for leave. A try of a name with a secret counts for the name at its address, and for
the address; one that was right is given back. So nobody is slowed down by the tries of others
elsewhere, and whoever guesses is slowed down. That a user is locked after five wrong
passwords in a row is another rule, of `access/sessions.py`.
"""

from __future__ import annotations

from contextlib import contextmanager
from math import ceil
from typing import TYPE_CHECKING, Any, NamedTuple

from tallystick.core.addresses import block_of
from tallystick.core.buckets import Buckets
from tallystick.core.errors import AccessRefused, Refusal
from tallystick.core.identifiers import NAME_LENGTH_MAX
from tallystick.http.calls import PROBES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from falcon import Request, Response

    from tallystick.settings import Settings

BURST_S = 2
"""So many seconds' calls may come at once."""
NAMES_AN_ADDRESS = 20
"""An address may try for so many times as much as one name at it: many users may share one."""
ADDRESS, APP, USER, LOGIN = "address", "app", "user", "login"


class Throttled(Refusal):
    """More calls came than the limit allows; send them more slowly.

    `limit` names it: of `count` calls in `window_s` seconds.
    """

    code = "throttled"

    def __init__(self, limit: str, wait_s: float, count: int, window_s: int) -> None:
        retry_after_s = max(1, ceil(wait_s))
        what = "tries to log in" if limit == LOGIN else f"calls of this {limit}"
        super().__init__(f"too many {what}; try again in {retry_after_s} s")
        self.limit = limit
        self.headers = {
            "Retry-After": str(retry_after_s),
            "RateLimit-Policy": f'"{limit}";q={count};w={window_s}',
            "RateLimit": f'"{limit}";r=0;t={retry_after_s}',
        }


class _Limit(NamedTuple):
    """One limit: its name, its buckets, and over how many seconds it is stated."""

    name: str
    buckets: Buckets
    window_s: int

    def require(self, name: object, now: float) -> None:
        """Take a token. Raises `Throttled`."""
        wait_s = self.buckets.take(name, now)
        if wait_s:
            raise self.refusal(wait_s)

    def refusal(self, wait_s: float) -> Throttled:
        """What a caller is refused with who must wait for so long."""
        count = max(1, round(self.buckets.a_second * self.window_s))
        return Throttled(self.name, wait_s, count, self.window_s)


class CallLimits:
    """The limits of one worker. `refused` is told the name of the limit at each refusal."""

    def __init__(self, settings: Settings, refused: Callable[[str], None]) -> None:
        workers, tries = settings.workers, settings.login_tries_a_min
        self.of_address = _calls(ADDRESS, settings.address_calls_a_s, workers)
        self.of_app = _calls(APP, settings.app_calls_a_s, workers)
        self.of_user = _calls(USER, settings.user_calls_a_s, workers)
        self._of_name = _tries(tries, workers)
        self._of_names = _tries(tries * NAMES_AN_ADDRESS, workers)
        self._refused = refused

    def note_refusal(self, error: Exception) -> None:
        """Count a refusal of these limits."""
        if isinstance(error, Throttled):
            self._refused(error.limit)

    @contextmanager
    def one_try(self, address: str, name: str, now: float) -> Iterator[None]:
        """A try to show that one is who one says, which counts if that is refused.

        Raises `Throttled`, and whatever the try raises.
        """
        if not (self._of_name and self._of_names):
            yield
            return
        name = name[:NAME_LENGTH_MAX]  # nobody is called longer
        block, is_wrong = block_of(address), False
        self._of_name.require((block, name), now)
        self._of_names.require(block, now)
        try:
            yield
        except AccessRefused:
            is_wrong = True
            raise
        finally:
            if not is_wrong:
                self._of_name.buckets.give_back((block, name))
                self._of_names.buckets.give_back(block)


class AddressLimit:
    """The middleware that refuses an address's calls beyond its limit, before any work is done."""

    def __init__(self, limits: CallLimits) -> None:
        self._limits = limits
        self._limit = limits.of_address

    def process_request(self, req: Request, resp: Response) -> None:  # noqa: ARG002 - the form of a middleware
        """Count a call for its address. Raises `Throttled`."""
        context = req.context
        context.limits = self._limits
        if self._limit is None:
            return
        wait_s = self._limit.buckets.take(block_of(req.remote_addr), context.began)
        if wait_s and req.path not in PROBES:
            raise self._limit.refusal(wait_s)


class CallerLimits:
    """The middleware behind the gate that refuses an app's and a user's calls beyond the limits."""

    def __init__(self, limits: CallLimits) -> None:
        self._of_app = limits.of_app
        self._of_user = limits.of_user

    def process_resource(
        self,
        req: Request,
        resp: Response,  # noqa: ARG002 - the form of a middleware
        resource: object,  # noqa: ARG002 - the same
        params: dict[str, Any],  # noqa: ARG002 - the same
    ) -> None:
        """Count a call for its app and its user. Raises `Throttled`."""
        context = req.context
        caller = getattr(context, "caller", None)
        if caller is None:
            return
        if self._of_app and caller.app_key:
            self._of_app.require(caller.app_key, context.began)
        if self._of_user and caller.user_id is not None:
            self._of_user.require(caller.user_id, context.began)


@contextmanager
def one_try(req: Request, name: str) -> Iterator[None]:
    """A try of this call to log in as somebody, or as an app. Raises `Throttled`."""
    limits: CallLimits | None = getattr(req.context, "limits", None)
    if limits is None:
        yield
        return
    with limits.one_try(req.remote_addr, name, req.context.began):
        yield


def _calls(name: str, a_second: int, workers: int) -> _Limit | None:
    """A limit of calls a second, of which each worker gives out its share; None for no limit."""
    if not a_second:
        return None
    share = a_second / workers
    return _Limit(name, Buckets(share, max(1.0, share * BURST_S)), BURST_S)


def _tries(a_minute: int, workers: int) -> _Limit | None:
    """A limit of tries a minute: a worker's share of the rate, and a minute's tries at once."""
    if not a_minute:
        return None
    return _Limit(LOGIN, Buckets(a_minute / 60 / workers, a_minute), 60)
