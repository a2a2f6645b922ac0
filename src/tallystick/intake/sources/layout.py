"""Where the values of a table are: what its columns are called, and which of them are read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from tallystick.core.errors import FileRefused
from tallystick.intake.mappings.mapping import is_secret, plain_name
from tallystick.intake.mappings.naming import (
    KNOWN_NAMES,
    Names,
    advice,
    has_words,
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
    from collections.abc import Callable, Iterable, Sequence

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
    encoding: str = "utf-8"
    """How the text is written in the file; its lines are read in UTF-8."""

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
    is_whole = not lacking(kind, places)
    hints = tuple(hints_about(kind, known, places, mapping)) if is_whole else ()
    return Layout(tuple(names), in_order, filters, separator, line, has_secrets, hints=hints)


def _column_at(places: dict[str, Places], place: int) -> str | None:
    return next((name for name, each in places.items() if each == (place,)), None)


def best_layout(kind: Kind, candidates: Iterable[Layout], mapping: Mapping) -> Layout | None:
    """The layout by the first line that names all required columns, else by the one with most.

    If the next line also names all of them, and reads no fewer columns, that one counts: as where
    cells of the first were merged over several of its columns. By a mapping that names the columns
    only the first counts. The candidates come in the order of their lines.
    """
    best: tuple[tuple[int, int, int], Layout] | None = None
    last: int | None = None
    for layout in candidates:
        if last is not None and layout.line > last:
            break
        missing = len(lacking(kind, layout.places))
        score = (-missing, len(layout.places), len(layout.names))
        if best is None or score > best[0] or _is_below(layout, score, *best):
            best = (score, layout)
        if not missing and last is None:
            last = layout.line if mapping.columns else layout.line + 1
    return best[1] if best else None


def _is_below(
    layout: Layout, score: tuple[int, int, int], best_score: tuple[int, int, int], best: Layout
) -> bool:
    """Whether a layout is by a line behind the best so far, lacks no more and reads no less."""
    return layout.line > best.line and score[0] == 0 and score[:2] >= best_score[:2]


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


class Called(NamedTuple):
    """What a column that is read may be called, by its `names` or by `words` in them."""

    names: frozenset[str]
    words: frozenset[str]
    is_text: bool

    def by(self, name: str) -> bool:
        """Whether a name is one of the column's."""
        return plain_name(name) in self.names or has_words(name, self.words)


def _called(kind: Kind, layout: Layout) -> list[Called]:
    """What each column that is read may be called, in the file's order."""
    columns = {column.name: column for column in kind.columns}
    called = []
    for column_name, places in layout.places.items():
        in_file = plain_name(" ".join(layout.names[place] for place in places))
        column = columns.get(column_name)
        if column is None:  # rows are kept by it
            called.append(Called(frozenset({in_file}), frozenset(), is_text=True))
            continue
        joined = {plain_name("".join(each)) for each in column.also if isinstance(each, tuple)}
        called.append(Called(names_of(column) | joined | {in_file}, column.words, column.is_text))
    return called


def other_header_of(kind: Kind, layout: Layout) -> Callable[[Sequence[str], int], bool]:
    """What says whether the values of a line name columns, and not those that they stand in.

    So a table begins whose columns are others or have another order, as where files were put
    together. A line names columns if one of its values is a name of its own column, which is no
    column of texts, or all are names that are known. A blank in it names nothing.
    """
    known = {plain_name(name) for name in layout.names if name} | KNOWN_NAMES
    called = _called(kind, layout)

    def is_known(name: str) -> bool:
        return bool(name) and (
            plain_name(name) in known or any(column.by(name) for column in called)
        )

    def is_other_header(values: Sequence[str], known_min: int) -> bool:
        if not all(map(_may_be_name, values)) or sum(map(is_known, values)) < known_min:
            return False
        named = [(name, column) for name, column in zip(values, called, strict=False) if name]
        is_header = any(not column.is_text and column.by(name) for name, column in named)
        if not is_header and not all(plain_name(value) in known for value in values):
            return False
        return not all(column.by(name) for name, column in named)

    return is_other_header


def _may_be_name(value: str) -> bool:
    """Whether a value may be the name of a column."""
    return len(value) <= limits.COLUMN_NAME_LENGTH_MAX and not is_a_value(value)


def _refuse_twice(name: str, layout: Layout, repeated: Sequence[str]) -> None:
    """Refuse a table with two columns of which either may be meant. Raises `FileRefused`."""
    twice = [*repeated, *([REASON] if layout.names.count(REASON) > 1 else [])]
    if twice:
        message = (
            f"{name}: line {layout.line} has the column {twice[0]} twice: take one out, or name "
            "the one that is meant by its place, in a mapping file"
        )
        raise FileRefused(message)
