"""The way to a PostgreSQL server: its address, the driver's connection, and what errors mean.

Errors of the driver become ours here and nowhere else.
"""

from __future__ import annotations

import re
import time
from contextlib import contextmanager
from math import inf
from typing import TYPE_CHECKING, Any, NamedTuple

import psycopg
from psycopg import errors
from psycopg.conninfo import conninfo_to_dict

from tallystick.core.errors import SettingRefused, StoreBroken, StoreBusy, StoreRefused
from tallystick.store.connection import TURN_WAIT_S_MAX

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from psycopg.abc import PQGen

CONNECT_S_MAX = 10
IDLE_READING_S_MAX = 600  # a transaction that is left open for longer is ended by the server
# For the connection to a machine that has gone: both sides hear of it within half a minute or so.
KEEPALIVE_IDLE_S, KEEPALIVE_INTERVAL_S, KEEPALIVE_COUNT = 10, 5, 3
UNACKNOWLEDGED_MS_MAX = 60_000
LOOK_EVERY_S = 0.1  # at how long the server has said nothing
OF_THE_WAY: dict[str, int | str] = {
    "fallback_application_name": "tallystick",
    "connect_timeout": CONNECT_S_MAX,
    "keepalives_idle": KEEPALIVE_IDLE_S,
    "keepalives_interval": KEEPALIVE_INTERVAL_S,
    "keepalives_count": KEEPALIVE_COUNT,
    "tcp_user_timeout": UNACKNOWLEDGED_MS_MAX,
}
PORTS = re.compile(r"[0-9,]*")
NO_ADDRESS = (
    "TALLYSTICK_DATABASE is no address of a PostgreSQL database, like "
    "postgresql://user@host:5432/name"
)
AMBIGUOUS_ADDRESS = (
    f"{NO_ADDRESS}: its host or its name has an @, or its port is no number; in a user's name and "
    "a password write %40 for @, %2F for / and %3A for :"
)


class Address(NamedTuple):
    """Where a store is: for the driver, and for people, without the password."""

    conninfo: str
    name: str


def address_of(url: str) -> Address:
    """Read `postgresql://user:password@host:port/name`. Raises `SettingRefused`.

    No message repeats the address: a password in which an @ or a / is not percent-encoded looks
    like a part of the host, the port or the name.
    """
    try:
        parts = conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        # The driver's message may hold part of the password, and so would the chain of errors.
        raise SettingRefused(NO_ADDRESS) from None
    user, host, port = (str(parts.get(part, "")) for part in ("user", "host", "port"))
    name = str(parts.get("dbname", ""))
    if "@" in host + name or not PORTS.fullmatch(port):
        raise SettingRefused(AMBIGUOUS_ADDRESS)
    user_before, port_behind = f"{user}@" if user else "", f":{port}" if port else ""
    return Address(url, f"postgresql://{user_before}{host}{port_behind}/{name}")


# Errors that are the server's or the way's, by the first two signs of their code. A code of none of
# these, such as that of a broken constraint, is a mistake of ours: to try again would not help.
FAULTS_OF_SERVER = frozenset(
    "08 0A 25 28 3D 3F 40 53 54 55 57 58 F0 XX".split()  # noqa: SIM905 - as the manual lists them
)
FAULTS_OF_SCHEMA = frozenset({"42501", "42P01", "42P07", "42703", "42883"})

Meanings = dict["str | None", "tuple[type[StoreRefused], str]"]
"""By the code of an error, the refusal that it is, and the form of its message.

An error of the way to the server has no code.
"""

MEANINGS: Meanings = {
    errors.LockNotAvailable.sqlstate: (
        StoreBusy,
        f"another writer kept the store for {TURN_WAIT_S_MAX:g} s; try again",
    ),
    errors.QueryCanceled.sqlstate: (StoreBusy, "the server took too long ({said}); try again"),
    errors.TooManyConnections.sqlstate: (
        StoreBusy,
        "{said}; try again, or raise max_connections of the server",
    ),
    errors.DiskFull.sqlstate: (
        StoreBroken,
        "the server's disk is full; nothing of this transaction was taken in",
    ),
    errors.ReadOnlySqlTransaction.sqlstate: (
        StoreBroken,
        "{said}: the server takes nothing in, as a standby does until it is promoted",
    ),
}


@contextmanager
def our_errors(name: str, meanings: Meanings = MEANINGS) -> Iterator[None]:
    """Turn the driver's errors into refusals that name the store."""
    try:
        yield
    except psycopg.Error as error:
        refusal = refusal_of(name, error, meanings)
        if refusal is None:
            raise
        raise refusal from error


def refusal_of(
    name: str, error: psycopg.Error, meanings: Meanings = MEANINGS
) -> StoreRefused | None:
    """What a driver's error means for whoever asked; None where it is a mistake of the program."""
    code = error.sqlstate
    if code is None:
        if not isinstance(error, psycopg.OperationalError | psycopg.InterfaceError):
            return None
    elif code[:2] not in FAULTS_OF_SERVER and code not in FAULTS_OF_SCHEMA:
        return None
    elif code.startswith("40"):  # of two transactions that were in each other's way
        return StoreBusy(f"{name}: another writer was in the way; try again")
    kind, form = meanings.get(code, (StoreBroken, "{said}"))
    return kind(f"{name}: {form.format(said=first_line(error))}")


def first_line(error: psycopg.Error) -> str:
    """What an error says, without where in the statement."""
    return str(error).partition("\n")[0]


SESSION = {
    "lock_wait": f"{TURN_WAIT_S_MAX:g}s",
    "idle": f"{IDLE_READING_S_MAX}s",
    "keepalive_idle": str(KEEPALIVE_IDLE_S),
    "keepalive_interval": str(KEEPALIVE_INTERVAL_S),
    "keepalive_count": str(KEEPALIVE_COUNT),
    "unacknowledged": str(UNACKNOWLEDGED_MS_MAX),
}


class GivenUp(psycopg.OperationalError):
    """A machine of a cluster that the answer needs is away; the question is not asked again."""

    sqlstate = errors.ConnectionFailure.sqlstate  # as where the coordinator says so itself


class Driver(psycopg.Connection[Any]):
    """The driver's connection, which does not wait for ever for a server that says nothing."""

    silent_s_max: float | None = None
    look_after_s: float = inf  # of silence
    is_stuck: Callable[[], bool] | None = None  # asked then: whether no answer will come

    def wait(
        self, gen: PQGen[Any], interval: float = LOOK_EVERY_S, timeout: float | None = None
    ) -> Any:  # noqa: ANN401 - whatever the driver waits for
        """Wait for an answer. Raises `OperationalError` where none has come in time."""
        if self.silent_s_max is not None or self.is_stuck is not None:
            gen = self._in_time(gen, inf if self.silent_s_max is None else self.silent_s_max)
        return super().wait(gen, interval, timeout)

    def _in_time(self, gen: PQGen[Any], silent_s_max: float) -> PQGen[Any]:
        """The same steps of the driver, given up when nothing has come for too long."""
        heard_at = looked_at = time.monotonic()
        try:
            wanted = next(gen)
            while True:
                ready = yield wanted
                now = time.monotonic()
                if ready:
                    heard_at = looked_at = now
                elif now - heard_at > silent_s_max:
                    self.close()
                    message = f"the server has said nothing for {silent_s_max:g} s"
                    raise psycopg.OperationalError(message)
                elif self.is_stuck and now - looked_at > self.look_after_s:
                    if self.is_stuck():
                        self.close()
                        message = "the server is stuck with a machine that is away"
                        raise GivenUp(message)
                    looked_at = time.monotonic()
                wanted = gen.send(ready)
        except StopIteration as end:
            return end.value
