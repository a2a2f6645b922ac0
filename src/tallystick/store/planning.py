"""What `init` would do to a store of an older program, and about how long it would take."""

from __future__ import annotations

import re
from typing import NamedTuple

from tallystick.store.queries import migrations_for, titles_of_migrations

# Measured with 1,000,000 SIMs on two cores that were busy with other work, so rather too slow.
ROWS_A_S = 150_000
PRINTED_ROWS_A_S = 3_000
PER_STEP_S = 0.05
COMMENT = re.compile(r"--[^\n]*")
GONE_THROUGH = re.compile(r"\b(?:FROM|UPDATE|INDEX \w+ ON) (\w+)")
LEAVES_REASONS_OUT = re.compile(r"\bmismatches_new\b|\breasons\b")
ROWS_OF_REPORT = "mismatches"


class PlannedStep(NamedTuple):
    """One migration: its number, its title, and how many rows of large tables it goes through."""

    number: int
    title: str
    rows: int


class Plan(NamedTuple):
    """What takes a store from the schema that it has to the one that this program wants.

    `rows_explained` is how many kept rows have their reasons filled in after the steps,
    `rows_reprinted` how many are printed in another zone after that.
    """

    have: int
    want: int
    steps: tuple[PlannedStep, ...]
    rows_explained: int
    rows_reprinted: int

    @property
    def seconds(self) -> float:
        """About how long it takes, by the numbers of rows."""
        rows = sum(step.rows for step in self.steps)
        printed = self.rows_explained + self.rows_reprinted
        return len(self.steps) * PER_STEP_S + rows / ROWS_A_S + printed / PRINTED_ROWS_A_S


def plan_of(engine: str, have: int, counts: dict[str, int], *, is_moved: bool) -> Plan:
    """The plan for a store of a schema, with so many rows in its large tables.

    `is_moved` is whether its kept rows will be printed in another zone.
    """
    migrations = migrations_for(engine)
    titles = titles_of_migrations(engine)
    pending = [(number, COMMENT.sub("", text)) for number, text in migrations if number > have]
    steps = tuple(
        PlannedStep(number, titles[number], _rows_of(text, counts)) for number, text in pending
    )
    is_left_out = any(LEAVES_REASONS_OUT.search(text) for _, text in pending)
    kept = counts.get(ROWS_OF_REPORT, 0)
    return Plan(have, len(migrations), steps, kept * is_left_out, kept * is_moved)


def _rows_of(text: str, counts: dict[str, int]) -> int:
    """How many rows of large tables a migration goes through, once for each time that it does."""
    return sum(counts.get(table, 0) for table in GONE_THROUGH.findall(text))
