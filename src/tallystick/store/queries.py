"""Named queries: read once from the `.sql` files beside this module.

A query begins with `-- name: its_name` and a comment that says what it answers. Queries in `sql/`
serve every engine; a file in `sql/<engine>/` holds only what must differ there, under the same
names. A cluster runs what PostgreSQL does, but for what `sql/citus/` holds.
"""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from importlib.resources.abc import Traversable

HEADER = re.compile(r"^-- name: (\w+)$", re.MULTILINE)
SQL = files("tallystick.store") / "sql"
FOLDERS = {"citus": ("postgresql", "citus")}


def parse_queries(text: str) -> dict[str, str]:
    """Split one file's text into its queries by name.

    A name that stands twice is a `ValueError`.
    """
    _, *parts = HEADER.split(text)
    names, bodies = parts[::2], parts[1::2]
    if len(set(names)) != len(names):
        message = f"a query's name stands twice among {sorted(names)}"
        raise ValueError(message)
    return dict(zip(names, (body.strip() for body in bodies), strict=True))


def _sql_files(folder: Traversable) -> Iterator[Traversable]:
    if folder.is_dir():
        yield from sorted(
            (entry for entry in folder.iterdir() if entry.name.endswith(".sql")),
            key=lambda e: e.name,
        )


def _read_folder(folder: Traversable) -> dict[str, str]:
    return {
        name: sql
        for file in _sql_files(folder)
        for name, sql in parse_queries(file.read_text("utf-8")).items()
    }


@cache
def queries_for(engine: str) -> Mapping[str, str]:
    """Every query by name, as this engine runs it."""
    queries = _read_folder(SQL)
    for folder in FOLDERS.get(engine, (engine,)):
        queries |= _read_folder(SQL / folder)
    return queries


@cache
def migrations_for(engine: str) -> list[tuple[int, str]]:
    """The engine's migrations as (number, text), in order.

    Numbers count up from 1 without a gap.
    """
    migrations = [
        (int(file.name[:4]), file.read_text("utf-8")) for file in _migration_files(engine)
    ]
    numbers = [number for number, _ in migrations]
    if numbers != list(range(1, len(numbers) + 1)):
        message = f"migrations of {engine} are not numbered 1, 2, 3, …: {numbers}"
        raise ValueError(message)
    return migrations


def titles_of_migrations(engine: str) -> dict[int, str]:
    """What each migration is about in a word or two, by its number."""
    return {
        int(file.name[:4]): file.name[5:].removesuffix(".sql").replace("_", " ")
        for file in _migration_files(engine)
    }


def _migration_files(engine: str) -> Iterator[Traversable]:
    return _sql_files(SQL / "migrations" / engine)
