"""Where the values of a table are: what its columns are called, and which of them are read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tallystick.core.errors import FileRefused
from tallystick.intake.mappings.mapping import is_secret, plain_name
from tallystick.intake.mappings.naming import (
    KNOWN_NAMES,
    Names,
    advice,
    headerless_presets,
    hints_about,
    is_a_value,
    kept_places,
    lacking,
    names_of,
    places_of,
    read_of_several,
)
from tallystick.intake.receipt import in_one_sentence
from tallystick.intake.sources import limits
from tallystick.intake.sources.blocks import REASON, Notes, refuse_wide_header

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tallystick.intake.kinds import Kind
    from tallystick.intake.mappings import Mapping
    from tallystick.intake.mappings.naming import Places


@dataclass(frozen=True, slots=True)
class Layout:
    """The columns of a table, and which of them are which of ours.

    `line` is the line that names them, 0 where none does. `filters` are the values by which rows
    are kept, by their columns. A table `has_secrets` where a column may hold keys or codes: no
    line of it that cannot be taken apart is repeated.
    """

    names: tuple[str, ...]
    places: dict[str, Places]
    filters: dict[str, list[str]]
    separator: str = ","
    line: int = 1
    has_secrets: bool = False
    header: bytes = b""
    """The line that names the columns as it stands in the file, where it is one line."""
    hints: tuple[str, ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that are read, by our names, in the file's order."""
        return tuple(self.places)

    @property
    def passed_over(self) -> tuple[str, ...]:
        """The file's names of the columns that are not read."""
        read = {place for places in self.places.values() for place in places}
        names = (name for place, name in enumerate(self.names) if place not in read)
        return tuple(dict.fromkeys(name for name in names if name and name != REASON))

    @property
    def read_as(self) -> dict[str, str]:
        """The file's names of the columns that it calls otherwise than we do."""
        called = {
            column: " and ".join(self.names[place] or f"column {place + 1}" for place in places)
            for column, places in self.places.items()
        }
        return {
            column: name
            for column, name in called.items()
            if plain_name(name) != plain_name(column)
        }

    def notes(self, encoding: str = "utf-8") -> Notes:
        """How the table is read."""
        return Notes(
            encoding, self.separator, self.line, self.read_as, self.passed_over, self.hints
        )


def layout_of(
    kind: Kind, names: Sequence[str], mapping: Mapping, separator: str = ",", line: int = 1
) -> Layout:
    """The layout of a table with these columns, whether or not it has all that are required."""
    looked_at = names[: limits.COLUMNS_MAX]  # a table with more is refused by their number alone
    known = Names(looked_at)
    places = places_of(kind, known, mapping)
    filters = {}
    by = zip(mapping.keep, kept_places(known, mapping.keep), strict=True)
    for number, (keep, place) in enumerate(by, 1):
        if place is not None:
            column = _column_at(places, place) or names[place] or f"kept by {number}"
            places.setdefault(column, (place,))
            filters[column] = keep.texts
    has_secrets = any(is_secret(name) for name in looked_at) or mapping.has_no_header
    in_order = dict(sorted(places.items(), key=lambda each: each[1]))
    hints = tuple(hints_about(kind, known, places, mapping))
    return Layout(tuple(names), in_order, filters, separator, line, has_secrets, hints=hints)


def _column_at(places: dict[str, Places], place: int) -> str | None:
    return next((name for name, each in places.items() if each == (place,)), None)


def check_layout(name: str, layout: Layout, kind: Kind, mapping: Mapping) -> None:
    """Refuse a table that lacks a column, or has one twice. Raises `FileRefused`."""
    refuse_wide_header(name, layout.names, layout.line or 1)
    names = Names(layout.names)
    faults = [f"has no column {column}" for column in lacking(kind, layout.places)]
    _refuse_twice(name, layout, read_of_several(kind, names, layout.places, mapping))
    by = zip(mapping.keep, kept_places(names, mapping.keep), strict=True)
    unknown = [keep.column for keep, place in by if place is None]
    faults += [f"has no column {column}, by which rows are kept" for column in unknown]
    if not faults:
        return
    where = f"line {layout.line}" if layout.line else "the file"
    if any(map(is_a_value, layout.names)):
        message = (
            f"{name}: {where} {in_one_sentence(faults)}, but values. If no line names the columns, "
            f"name them with --columns. Columns of {kind.name}: {', '.join(kind.column_names)}"
            f"{headerless_presets(kind, len(layout.names))}"
        )
        raise FileRefused(message)
    message = f"{name}: {where} {in_one_sentence(faults)}. {advice(kind, names)}"
    raise FileRefused(message)


def other_header_of(kind: Kind, layout: Layout) -> Callable[[Sequence[str]], bool]:
    """What says whether the values of a line name columns, and not those that they stand in.

    So a table begins whose columns have another order, as where files were put together.
    """
    known = {plain_name(name) for name in layout.names if name} | KNOWN_NAMES
    also = {column.name: names_of(column) for column in kind.columns}
    own = [
        also.get(column, frozenset()) | {plain_name(layout.names[at[0]])}
        for column, at in layout.places.items()
    ]

    def is_other_header(values: Sequence[str]) -> bool:
        if not values or is_a_value(values[0]):
            return False
        names = [*zip(map(plain_name, values), own, strict=False)]
        are_names = all(name in known for name, _ in names)
        return are_names and not all(name in own_names for name, own_names in names)

    return is_other_header


def _refuse_twice(name: str, layout: Layout, repeated: Sequence[str]) -> None:
    """Refuse a table with two columns of which either may be meant. Raises `FileRefused`."""
    twice = [*repeated, *([REASON] if layout.names.count(REASON) > 1 else [])]
    if twice:
        message = (
            f"{name}: line {layout.line} has the column {twice[0]} twice: take one out, or name "
            "the one that is meant by its place, in a mapping file"
        )
        raise FileRefused(message)
