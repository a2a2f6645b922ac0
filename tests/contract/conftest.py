"""A served store on each engine, for tests that keep to an account of their own."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, NamedTuple
from zlib import crc32

import pytest

from tallystick.clock import system_clock
from tallystick.core.facts import Sim
from tallystick.core.identifiers import Iccid, Mdn
from tallystick.core.moments import parse_moment
from tallystick.store import open_store
from tallystick.thingspace.rows import wire_row
from tests.answering import answering
from tests.engines import ENGINES, database_on, made
from tests.quick_access import quick_access
from tests.serving import PASSWORD, Session, signed_in

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tallystick.access import Credentials
    from tallystick.store import Store

Serve = Callable[[str], AbstractContextManager[int]]
FOREIGN = "somebody else's"


class Served(NamedTuple):
    """A store and its server, with a user who sees everything, and one of a single account."""

    store: Store
    port: int
    app: Credentials

    def session(self, user: str = "user") -> Session:
        """A user's session."""
        return Session(self.port, signed_in(self.port, self.app, user))

    def fleet(self, account: str, size: int, first: int = 0) -> list[Iccid]:
        """Make so many SIMs of an account known, numbered from `first`; give them in order."""
        return fleet_of(self.store, account, size, first)


def fleet_of(store: Store, account: str, size: int, first: int = 0) -> list[Iccid]:
    """The same in any store."""
    own = f"{crc32(account.encode()) % 10**6:06}"
    iccids = [Iccid.parse(f"89148000{own}{number:06}") for number in range(first, first + size)]
    moment = parse_moment("2026-01-02T03:04:05Z")
    with store.transaction() as writer:
        writer.take_sims([Sim(iccid, mdn_of(iccid), account, moment, "4G") for iccid in iccids])
    return iccids


def account_with(store: Store, account: str, size: int) -> tuple[int, list[Iccid]]:
    """An account with so many SIMs: its number, and theirs."""
    iccids = fleet_of(store, account, size)
    with store.snapshot() as reader:
        return reader.accounts()[account], iccids


def mdn_of(iccid: Iccid) -> Mdn:
    """The number of a SIM of a fleet."""
    return Mdn.parse(str(iccid)[-12:])


@pytest.fixture(scope="module")
def serve() -> Serve:
    """How a store is served; a module that needs more than answers has another way."""
    return answering


@pytest.fixture(scope="module", params=ENGINES)
def served(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, serve: Serve
) -> Iterator[Served]:
    """The server, on each engine in turn."""
    with (
        database_on(request.param, tmp_path_factory.mktemp("served")) as database,
        open_store(database, wire_row) as store,
    ):
        made(store, request.param)
        access = quick_access(store, system_clock, secrets.token_bytes)
        access.add_user("user", PASSWORD, [], all_accounts=True)
        access.add_user("other", PASSWORD, [FOREIGN], all_accounts=False)
        app = access.add_app("app", ["m2m"])
        access.close()
        with serve(database) as port:
            yield Served(store, port, app)
