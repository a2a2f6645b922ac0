"""What the tests of all rooms share: a fresh store, a clock that is set by hand, access."""

from __future__ import annotations

import gc
import os
import secrets
import shutil
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from tallystick.core.moments import Moment, parse_moment
from tallystick.store import open_store
from tallystick.thingspace.rows import wire_row
from tests.empty_stores import Schemas, empty_store_on
from tests.engines import CITUS_VARIABLE, ENGINES, SQLITE, database_on, made, many_stores
from tests.quick_access import quick_access
from tests.store.few import MDN, ONE, expected, seen, sim, take

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tallystick.access import Access
    from tallystick.store import Store
    from tests.engines import Stores


# Tests start hundreds of processes: they do not compile the program's modules again and again.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
COLLECT_AFTER = (10_000, 20, 20)
# On a machine that is busy with other work any example may take long, which says nothing of ours.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")
# Stores wait for their disk at every commit, and no test can cut the power: they lie in memory.
MEMORY, MEMORY_BYTES_MIN = Path("/dev/shm"), 2 << 30  # noqa: S108 - a file system, not a file
if MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > MEMORY_BYTES_MIN:
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))


class Clock:
    """A clock that stands still until it is told to move."""

    def __init__(self) -> None:
        self._now = parse_moment("2026-06-01T12:00:00Z")

    def __call__(self) -> Moment:
        """What it shows."""
        return self._now

    def advance(self, seconds: float) -> None:
        """Move on."""
        self._now = Moment(self._now + round(seconds * 1_000_000))


def pytest_addoption(parser: pytest.Parser) -> None:
    """How long the soak lasts, and how many calls are made up of each described one."""
    parser.addoption("--minutes", type=float, default=10, help="so long the soak lasts")
    parser.addoption("--rounds", type=int, default=40, help="calls made up of each described one")
    parser.addoption("--seed", type=int, default=1, help="what they are drawn from")


def pytest_collection_finish() -> None:
    """What was loaded to run the tests stays: the collector need not look through it again."""
    gc.freeze()
    gc.set_threshold(*COLLECT_AFTER)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Two processes more than there are cores: they work while others wait for something."""
    return (os.cpu_count() or 1) + 2


def pytest_report_header() -> str | None:
    """What is left out is said."""
    return (
        None
        if CITUS_VARIABLE in os.environ
        else f"left out: the tests on Citus, for {CITUS_VARIABLE} is not set"
    )


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    """Each engine in turn."""
    return str(request.param)


@pytest.fixture(scope="session")
def schemas() -> Iterator[dict[str, Schemas]]:
    """Empty stores on each server, each used by one test after the other."""
    with ExitStack() as stack:
        servers = [engine for engine in ENGINES if engine != SQLITE]
        yield {engine: stack.enter_context(Schemas(engine)) for engine in servers}


@pytest.fixture
def database(
    request: pytest.FixtureRequest, engine: str, tmp_path: Path, schemas: dict[str, Schemas]
) -> Iterator[str]:
    """The address of a store: of `store` where a test has that too, else of none that is there."""
    if "store" in request.fixturenames:
        with empty_store_on(engine, tmp_path, schemas) as address:
            yield address
        return
    with database_on(engine, tmp_path) as address:
        yield address


@pytest.fixture
def store(database: str, engine: str) -> Iterator[Store]:
    """A fresh store, made here if `database` is one of another module and has none."""
    with open_store(database, wire_row) as fresh:
        yield made(fresh, engine) if fresh.is_empty() else fresh


@pytest.fixture
def mismatched(store: Store) -> Store:
    """A store with one SIM that was found in foreign hardware."""
    take(store, sim(ONE, mdn=MDN), expected(ONE), seen(ONE))
    return store


@pytest.fixture(scope="module", params=ENGINES)
def stores(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    schemas: dict[str, Schemas],
) -> Iterator[Stores]:
    """Fresh stores one after the other, on each engine in turn."""
    folder = tmp_path_factory.mktemp("stores")
    with (
        empty_store_on(request.param, folder, schemas) as address,
        many_stores(request.param, address) as several,
    ):
        yield several


@pytest.fixture
def clock() -> Clock:
    """A clock that is set by hand."""
    return Clock()


@pytest.fixture
def access(store: Store, clock: Clock) -> Iterator[Access]:
    """Access to the fresh store, by the clock that is set by hand."""
    opened = quick_access(store, clock, secrets.token_bytes)
    yield opened
    opened.close()
