"""Stores to measure on, made once: files of SQLite, or databases of a server."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol
from urllib.parse import urlsplit

import apsw

from benchmarks.fleets import crowd_files, fleet_files, made
from benchmarks.postgresql import Session, program
from tallystick.intake import import_file
from tallystick.store import open_store
from tallystick.thingspace.rows import wire_row

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager

    from tallystick.intake.kinds import KindName

BARE = """
CREATE TABLE activations (iccid, imei, activated_at);
.mode csv
.import --skip 1 {file} activations
"""


class Stores(Protocol):
    """Where stores are, and what their engine takes for the least that a load can do."""

    floor: str

    def made(self, name: str, fill: Callable[[str], None]) -> str:
        """The address of the store of this name, filled once."""

    def copied(self, address: str) -> AbstractContextManager[str]:
        """A copy to be written to, gone at the block's end."""

    def size(self, address: str) -> int:
        """Bytes on disk, with nothing left in the log."""

    def bare(self) -> AbstractContextManager[Callable[[Path], None]]:
        """What loads a CSV file of activations into a fresh table that has neither key nor type."""


class Given(NamedTuple):
    """What a benchmark measures: folder of data, stores, SIMs of the larger one, rows of a load."""

    folder: Path
    stores: Stores
    sims: int
    rows: int


def whole_store(given: Given, sims: int, crowd: int) -> str:
    """A store of a fleet and of a crowd; gives its address."""
    files = [*fleet_files(given.folder, sims).items(), *crowd_files(given.folder, crowd).items()]
    return given.stores.made(f"store-{sims}-crowd-{crowd}", lambda address: _take(address, files))


def waiting_store(given: Given, sims: int) -> str:
    """A store that has a fleet's SIMs and expectations, and no activation yet."""
    return _store_of(given, sims, "waiting", {"sims", "expectations"})


def loaded_store(given: Given, sims: int) -> str:
    """A store that has a fleet's SIMs, and nothing else."""
    return _store_of(given, sims, "loaded", {"sims"})


def _store_of(given: Given, sims: int, what: str, kinds: set[KindName]) -> str:
    kept = [each for each in fleet_files(given.folder, sims).items() if each[0] in kinds]
    return given.stores.made(f"store-{sims}-{what}", lambda address: _take(address, kept))


def _take(address: str, files: Sequence[tuple[KindName, Path]]) -> None:
    with open_store(address, wire_row) as store:
        store.init("UTC")
        for kind, path in files:
            import_file(store, kind, str(path))


class SqliteStores:
    """Files in a folder."""

    floor = "sqlite3 .import"

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def made(self, name: str, fill: Callable[[str], None]) -> str:
        """A file of this name."""
        address = _address(
            made(self._folder / f"{name}.db", lambda part: self._fill(_address(part), fill))
        )
        with open_store(address, wire_row) as store:
            store.init("UTC")  # an older program may have made it
        return address

    def _fill(self, address: str, fill: Callable[[str], None]) -> None:
        fill(address)
        self.size(address)  # a file that is given another name must not need its log

    @contextmanager
    def copied(self, address: str) -> Iterator[str]:
        """The file copied, and on the disk before anything is measured on it."""
        self.size(address)
        copy = self._folder / f"copy-{secrets.token_hex(4)}.db"
        try:
            copy.touch(0o600)
            shutil.copyfile(_path(address), copy)
            with copy.open("rb") as file:
                os.fsync(file)
            yield _address(copy)
        finally:
            for each in self._folder.glob(f"{copy.name}*"):
                each.unlink()

    def size(self, address: str) -> int:
        """The file's size after a checkpoint."""
        driver = apsw.Connection(str(_path(address)))
        driver.pragma("wal_checkpoint", "TRUNCATE")
        driver.close()
        return _path(address).stat().st_size

    @contextmanager
    def bare(self) -> Iterator[Callable[[Path], None]]:
        """`.import` of the sqlite3 program."""
        bare = self._folder / f"bare-{secrets.token_hex(4)}.db"

        def load(file: Path) -> None:
            subprocess.run(
                ["sqlite3", str(bare)], input=BARE.format(file=file).encode(), check=True
            )

        try:
            yield load
        finally:
            bare.unlink(missing_ok=True)


def _address(path: Path) -> str:
    return f"sqlite:///{path}"


def _path(address: str) -> Path:
    return Path(address.removeprefix("sqlite:///"))


class PostgresqlStores:
    """Databases of a server, beside the one that its address names."""

    floor = "COPY"

    def __init__(self, server: str) -> None:
        self._server = server

    def made(self, name: str, fill: Callable[[str], None]) -> str:
        """A database of this name."""
        database = "tallystick_" + name.replace("-", "_")
        part = f"{database}_making"
        with Session(program(), self._server) as session:
            if [database] not in session.rows("SELECT datname FROM pg_database"):
                session.run("SET client_min_messages = warning")
                session.run(f"DROP DATABASE IF EXISTS {part}")
                session.run(f"CREATE DATABASE {part}")
                fill(self._address(part))
                session.run(f"ALTER DATABASE {part} RENAME TO {database}")
        return self._address(database)

    @contextmanager
    def copied(self, address: str) -> Iterator[str]:
        """A database with that one for its template."""
        with self._database(f"TEMPLATE {urlsplit(address).path[1:]}") as copy:
            yield copy

    def size(self, address: str) -> int:
        """The database's size after a checkpoint."""
        with Session(program(), address) as session:
            session.run("CHECKPOINT")
            return int(session.rows("SELECT pg_database_size(current_database())")[0][0])

    @contextmanager
    def bare(self) -> Iterator[Callable[[Path], None]]:
        """`COPY` into a logged table."""
        with self._database("") as address, Session(program(), address) as session:
            session.run("CREATE TABLE activations (iccid text, imei text, activated_at text)")
            yield lambda file: session.run(f"\\copy activations FROM '{file}' (FORMAT csv, HEADER)")

    @contextmanager
    def _database(self, how: str) -> Iterator[str]:
        name = f"tallystick_copy_{secrets.token_hex(4)}"
        with Session(program(), self._server) as session:
            session.run(f"CREATE DATABASE {name} {how}")
            try:
                yield self._address(name)
            finally:
                session.run(f"DROP DATABASE {name} WITH (FORCE)")

    def _address(self, database: str) -> str:
        parts = urlsplit(self._server)
        return f"postgresql://{parts.netloc}/{database}{'?' if parts.query else ''}{parts.query}"
