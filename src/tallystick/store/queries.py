"""Named queries: read once from the `.sql` files beside this module.

A query begins with `-- name: its_name` and a comment that says what it answers. Queries in `sql/`
serve every engine; a file in `sql/<engine>/` holds only what must differ there, under the same
names. A cluster runs what PostgreSQL does, but for what `sql/citus/` holds. What several queries
share is a part: it begins with `-- part: its_name` and a comment, and stands in a query, or in
another part, wherever that says `/* part: its_name */`.
"""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from importlib.resources.abc import Traversable

HEADER = re.compile(r"^-- (name|part): (\w+)$", re.MULTILINE)
PLACE_OF_PART = re.compile(r"^( *)(.*?)/\* part: (\w+) \*/", re.MULTILINE)
# A comment, a text, a quoted name and the body of a function may each hold a semicolon.
STATEMENT = re.compile(r"""(?:--.*|'[^']*'|"[^"]*"|\$\$(?s:.*?)\$\$|[^;])+""")
LEADING_COMMENT = re.compile(r"(--.*\n)+")
SQL = files("tallystick.store") / "sql"
FOLDERS = {"citus": ("postgresql", "citus")}


class NamedSql(NamedTuple):
    """The queries and the parts of queries of one place, by name."""

    queries: dict[str, str]
    parts: dict[str, str]


def parse_sql(text: str) -> NamedSql:
    """Split one file's text into its queries and parts by name.

    A name that stands twice is a `ValueError`.
    """
    _, *pieces = HEADER.split(text)
    kinds, names, bodies = pieces[::3], pieces[1::3], pieces[2::3]
    if len(set(names)) != len(names):
        message = f"a query's name stands twice among {sorted(names)}"
        raise ValueError(message)
    parsed = NamedSql({}, {})
    for kind, name, body in zip(kinds, names, bodies, strict=True):
        home = parsed.queries if kind == "name" else parsed.parts
        home[name] = body.strip()
    return parsed


def _with_parts(sql: str, parts: Mapping[str, str]) -> str:
    """A query with its parts in their places, indented like the lines that name them."""

    def in_place(place: re.Match[str]) -> str:
        indent, before, name = place.groups()
        part = _with_parts(LEADING_COMMENT.sub("", parts[name], count=1), parts)
        return indent + before + part.replace("\n", f"\n{indent}")

    return PLACE_OF_PART.sub(in_place, sql)


def _sql_files(folder: Traversable) -> Iterator[Traversable]:
    if folder.is_dir():
        yield from sorted(
            (entry for entry in folder.iterdir() if entry.name.endswith(".sql")),
            key=lambda e: e.name,
        )


def _read_folder(folder: Traversable) -> NamedSql:
    read = NamedSql({}, {})
    for file in _sql_files(folder):
        parsed = parse_sql(file.read_text("utf-8"))
        read.queries.update(parsed.queries)
        read.parts.update(parsed.parts)
    return read


@cache
def queries_for(engine: str) -> Mapping[str, str]:
    """Every query by name, as this engine runs it."""
    read = _read_folder(SQL)
    for folder in FOLDERS.get(engine, (engine,)):
        own = _read_folder(SQL / folder)
        read.queries.update(own.queries)
        read.parts.update(own.parts)
    return {name: _with_parts(sql, read.parts) for name, sql in read.queries.items()}


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


def statements_of(text: str) -> list[str]:
    """The statements of a migration one by one, each with the comments before it."""
    ends = (piece.strip() for piece in STATEMENT.findall(text))
    return [piece for piece in ends if LEADING_COMMENT.sub("", f"{piece}\n").strip()]


def titles_of_migrations(engine: str) -> dict[int, str]:
    """What each migration is about in a word or two, by its number."""
    return {
        int(file.name[:4]): file.name[5:].removesuffix(".sql").replace("_", " ")
        for file in _migration_files(engine)
    }


def _migration_files(engine: str) -> Iterator[Traversable]:
    return _sql_files(SQL / "migrations" / engine)
