"""The first lines of a file as they would be read, without a fact taken in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tallystick.core.moments import LAST, Moment
from tallystick.intake.checking import check, numbered, refuse_other_header
from tallystick.intake.doubt_kinds import NO_DOUBTS, Doubts
from tallystick.intake.doubts import doubts_of_call
from tallystick.intake.kinds import Kind, KindName, kind_in, kind_of
from tallystick.intake.mappings import ANY
from tallystick.intake.sources import open_source

if TYPE_CHECKING:
    import polars as pl

    from tallystick.intake.mappings import Mapping
    from tallystick.intake.receipt import Reject
    from tallystick.intake.sources import Notes
    from tallystick.store import Reader

LINES_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Preview:
    """How a file would be read.

    Its first facts as texts by column, its first refused lines, and the doubts among the lines that
    were looked at, which are those of its first block.
    """

    notes: Notes
    facts: list[dict[str, str]]
    rejects: list[Reject]
    lines: int
    doubts: Doubts
    columns: tuple[str, ...]
    """What the values of the refused lines belong to, in their order."""

    def described(self) -> dict[str, Any]:
        """The preview for programs."""
        return {
            **self.notes.described(),
            "lines": self.lines,
            "facts": self.facts,
            "rejects": [{"line": each.line, "reason": each.reason} for each in self.rejects],
            **self.doubts.described(),
        }


def preview_file(
    kind_name: KindName,
    path: str,
    mapping: Mapping = ANY,
    now: Moment = LAST,
    reader: Reader | None = None,
) -> Preview:
    """Read the first lines of a file. Raises `FileRefused`.

    Without a `reader` of the store, doubts that follow from what is loaded are not told.
    """
    kind = kind_of(kind_name, mapping.account)
    with open_source(path, kind, mapping=mapping) as source:
        notes = source.notes
        block = next((read() for read in source.blocks), None)
        if block is None:
            return Preview(notes, [], [], 0, NO_DOUBTS, source.columns)
        checked = check(block, kind_in(kind, source), source.conventions)
        notes.left_out = block.left_out
        refuse_other_header(source, numbered([*checked.rejects, *block.wordy], source.first_line))
        rejects = numbered(checked.rejects[:LINES_SHOWN], source.first_line)
        facts = _texts(kind, checked.facts.head(LINES_SHOWN))
        doubts = checked.doubts.and_also(doubts_of_call(reader, kind, checked.facts, now))
        return Preview(notes, facts, rejects, checked.lines, doubts, source.columns)


def _texts(kind: Kind, facts: pl.DataFrame) -> list[dict[str, str]]:
    """Facts as the texts that they were read from would best be written.

    An IMSI or MSISDN is shown in part.
    """
    columns = {column.name: column for column in kind.columns}
    return [
        {name: columns[name].text_of(row[name]) for name in kind.fact_columns}
        | ({"imei": row["listed"]} if row.get("listed") else {})
        for row in facts.iter_rows(named=True)
    ]
