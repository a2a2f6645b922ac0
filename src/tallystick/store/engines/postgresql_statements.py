"""What PostgreSQL is asked: queries and their parameters, in the forms that its driver takes."""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg.adapt import Dumper
from psycopg.types.string import StrDumperUnknown

from tallystick.store.queries import queries_for

if TYPE_CHECKING:
    from collections.abc import Mapping

    from psycopg.abc import Buffer

ENGINE = "postgresql"
PARAMETER = re.compile(r"(?<![:\w]):([a-z_]\w*)")
COMMENT = re.compile(r"--.*")
CHANGE = re.compile(r"\b(?:INSERT INTO|UPDATE|DELETE FROM)\b")
VALUES = re.compile(r"VALUES\s*\((:\w+(?:,\s*:\w+)*)\)")
LIST = re.compile(r"\bIN \(SELECT (\w+)\.value FROM carray\((:\w+)\) AS \1\)")

Question = tuple[str, "dict[str, object]"]
"""The text of a query, and its parameters."""


class Numbers(list[int | None]):
    """Integers that go over as one array."""


class NumbersDumper(Dumper):
    """How they do: as PostgreSQL writes arrays, which costs a third of one dumper a number."""

    oid = psycopg.adapters.types["int8"].array_oid

    def dump(self, obj: Numbers) -> bytes:
        """The array as text."""
        return (
            "{" + ",".join("NULL" if each is None else int.__repr__(each) for each in obj) + "}"
        ).encode()


class WordDumper(StrDumperUnknown):
    """A text that goes over alone.

    One with a NUL, which PostgreSQL has none of, goes as one that no name can be.
    """

    def dump(self, obj: str) -> Buffer | None:
        """The text."""
        return super().dump(obj.replace("\0", "\uffff"))


class Texts(list[str]):
    """Texts that go over as one array."""


class TextsDumper(Dumper):
    """How they do: the same, each between quotes."""

    oid = psycopg.adapters.types["text"].array_oid

    def dump(self, obj: Texts) -> bytes:
        """The array as text."""
        quoted = (each.replace("\\", r"\\").replace('"', r"\"") for each in obj)
        return ("{" + ",".join(f'"{each}"' for each in quoted) + "}").encode()


def array_of(column: tuple[Any, ...]) -> list[Any]:
    """Many values of one kind as one parameter."""
    first = next((value for value in column if value is not None), 0)
    if isinstance(first, int):
        return Numbers(column)
    return Texts(column) if isinstance(first, str) else list(column)


@lru_cache
def numbered(sql: str) -> str:
    """A query as the driver takes it: `%(name)s` for `:name`."""
    return PARAMETER.sub(r"%(\1)s", sql.replace("%", "%%"))


@lru_cache
def of_arrays(sql: str, rows_of_arrays: str) -> str:
    """A query about one row of integers, `VALUES (…)`, for an array of each value instead."""
    many = rows_of_arrays.rstrip(";")
    return VALUES.sub(lambda row: many.replace(":arrays", _arrays(row[1])), sql)


def _arrays(names: str) -> str:
    return ", ".join(f"CAST({name.strip()} AS bigint[])" for name in names.split(","))


@cache
def own_queries() -> Mapping[str, str]:
    """All queries by name, as one PostgreSQL is asked; a cluster is asked otherwise.

    One PostgreSQL compares a column with a list as an array, in which it looks a value up by its
    hash. A list of rows a writer would go through for each row that is compared: its hash joins are
    off.
    """
    queries = queries_for(ENGINE)
    return {name: LIST.sub(r"= ANY(\2)", sql) for name, sql in queries.items()}


@lru_cache
def parameters_of(sql: str) -> tuple[str, ...]:
    """The names of a query's parameters, in the order in which they come first."""
    return tuple(dict.fromkeys(PARAMETER.findall(sql)))


def selected(columns: str, sql: str) -> str:
    """A query for columns of the rows of another."""
    return f"SELECT {columns} FROM ({sql.rstrip(';')}) AS q"  # noqa: S608 - a named query of ours


@lru_cache
def in_columns(sql: str, names: tuple[str, ...]) -> str:
    """The same query with each column of integers as one value, eight bytes a row."""
    values = (f"string_agg(int8send(q.{name}), '') AS {name}" for name in names)
    return selected(", ".join(values), sql)


@lru_cache
def is_change(sql: str) -> bool:
    """Whether a query changes anything."""
    return CHANGE.search(COMMENT.sub("", sql)) is not None


@lru_cache
def without_rows(sql: str) -> str:
    """A query with the columns of this one and no rows: no shard of a cluster is asked for any."""
    return selected("*", sql) + " WHERE FALSE"
