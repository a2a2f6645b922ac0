"""What one JSON object says, by the names and paths of a kind's columns."""

from __future__ import annotations

from collections import Counter
from functools import cached_property
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, NamedTuple, TypeGuard

from tallystick.core.allowed import SEPARATOR
from tallystick.core.errors import FileRefused
from tallystick.core.identifiers import shown
from tallystick.intake.mappings import ANY
from tallystick.intake.mappings.mapping import STEP, is_secret, plain_name
from tallystick.intake.mappings.naming import (
    Names,
    advice,
    fitting_preset,
    hints_about,
    lacking,
    may_bear_on,
    places_of,
    read_of_several,
)
from tallystick.intake.receipt import Fault, Reject
from tallystick.intake.sources import limits
from tallystick.intake.sources.blocks import REASON
from tallystick.intake.sources.layout import Layout

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from tallystick.intake.kinds import Kind
    from tallystick.intake.mappings import Mapping
    from tallystick.intake.sources.blocks import Notes

LOOKED_AT_LINES = 100  # of a file, to see whether it has the columns at all
DEPTH_MAX = 8  # of the paths that an error names
NAMES_OF_TYPES = frozenset({"$date", "$numberLong", "$numberInt", "S", "N"})
"""By which MongoDB and DynamoDB say, in an object of its own, what type a value has."""
IDENTIFIER = frozenset({"kind", "id"})
"""What ThingSpace's identifiers of a device consist of."""
AROUND_RECORDS = frozenset(
    {"_source", "attributes", "data", "item", "node", "payload", "properties", "record", "result"}
)
"""What the one object is called, in small letters, that systems put into each of theirs."""


class Records:
    """What reads JSON objects as records of a kind, by a mapping.

    Without one, an object's fields are its columns; those that the kind does not know are faults
    where it is `strict`. Refusals call it by `name`.
    """

    def __init__(
        self, name: str, kind: Kind, mapping: Mapping = ANY, *, strict: bool = False
    ) -> None:
        self._name = name
        self.kind = kind
        self._mapping = mapping
        self._strict = strict and not mapping.columns and not kind.is_from_elsewhere
        self._may_look_inside = not (strict or mapping.columns or mapping.keep)
        self._readings: dict[tuple[str, ...], Reading] = {}
        self._bears: dict[str, bool] = {}
        self._names_read = 0
        self.inside = ""
        """The name under which each object has the one that is read; empty where it is itself."""
        self._known = {*kind.column_names}
        self._are_plain = not mapping.columns and not mapping.keep
        own = self._known
        self.filters = {
            str(keep.column)
            if str(keep.column) not in own
            else f"{keep.column} of the file": keep.texts
            for keep in mapping.keep
        }
        self.columns = (*kind.column_names, *self.filters)

    @cached_property
    def _sources(self) -> dict[str, list[tuple[str, ...]]]:
        """The paths that may be read as each of our columns, the best first."""
        return {
            name: [tuple(map(str, source)) for source in self._mapping.sources_of(name)]
            for name in self.kind.column_names
        }

    def notes(self, encoding: str, fitting: dict[str, Any] | None, values: Iterable[Any]) -> Notes:
        """How objects like these are read, of which one is known to fit, if any."""
        dicts = [value for value in (fitting, *values) if isinstance(value, dict)]
        outer = []
        if self.inside:
            outer = [name for value in dicts for name in value if name != self.inside]
            dicts = [_inner(value, self.inside) for value in dicts]
        objects = [value for value in dicts if len(value) <= limits.COLUMNS_MAX]
        by_object = [
            tuple(first_paths(each) if self._mapping.columns else each) for each in objects
        ]
        first = Names(by_object[0] if by_object else ())
        places = places_of(self.kind, first, self._mapping)
        elsewhere = {name for value in objects for name in self._names_read_in(value)}
        others = (name for names in by_object for name in names if name not in elsewhere)
        of_all = Names(tuple(dict.fromkeys([*first.names, *others, *outer])))
        hints = tuple(hints_about(self.kind, of_all, places, self._mapping))
        if self.inside:
            hints += (f"of each object, what stands under {self.inside} is read",)
        names = (*first.names, *dict.fromkeys(outer))
        layout = Layout(names, places, {}, "", 0, hints=hints)
        return layout.notes(encoding)

    def _names_read_in(self, value: dict[str, Any]) -> Iterator[str]:
        """The names of an object that are read, where no mapping says which."""
        if not self._mapping.columns:
            yield from chain.from_iterable(self._reading_of(value).names.values())

    def values_of(self, value: dict[str, Any]) -> dict[str, Any]:
        """The JSON values of an object by our columns."""
        values = self._by_paths(value) if self._mapping.columns else self._by_names(value)
        for name, keep in zip(self.filters, self._mapping.keep, strict=True):
            values[name] = _at(value, str(keep.column))
        return values

    def lacking(self, value: dict[str, Any]) -> list[str]:
        """The columns that the kind needs and an object does not have; null is there."""
        if not self._mapping.columns:
            return lacking(self.kind, self.values_of(value))
        return lacking(self.kind, places_of(self.kind, Names(first_paths(value)), self._mapping))

    def fits(self, value: dict[str, Any]) -> bool:
        """Whether an object has the columns that the kind needs."""
        has_few_names = len(value) <= limits.COLUMNS_MAX
        return has_few_names and (self.has_values(value) or not self.lacking(value))

    def has_values(self, value: dict[str, Any]) -> bool:
        """Whether an object has a value, or null, in each column that the kind needs."""
        return not lacking(self.kind, self.values_of(value))

    def look_inside(self, values: Sequence[dict[str, Any]]) -> bool:
        """Read objects within objects, if some fit there, always under one known name.

        Not in calls, and not where a mapping says what is read, or one fits.
        """
        if not self._may_look_inside:
            return False
        if fitting_preset(self.kind, Names(first_paths(values[0]))):
            return False
        names = {
            name
            for value in values
            for name, item in value.items()
            if name.casefold() in AROUND_RECORDS and isinstance(item, dict) and self.fits(item)
        }
        inside = names.pop() if len(names) == 1 else ""
        if not inside or any(self._bearing_beside(value, inside) for value in values):
            return False
        self.inside = inside
        return True

    def _bearing_beside(self, value: dict[str, Any], inside: str) -> list[str]:
        """The names of an object that may be columns, beside that of the object within it."""
        return [name for name in value if name != inside and self._bears_on(name)]

    def keeps(self, value: dict[str, Any]) -> bool:
        """Whether the mapping takes in an object."""
        return all(
            _plain_text(_at(value, str(keep.column))).strip() in keep.texts
            for keep in self._mapping.keep
        )

    def lacking_keep(self, values: Sequence[dict[str, Any]]) -> list[str]:
        """The columns by which objects are kept, and that none of these has."""
        columns = [str(keep.column) for keep in self._mapping.keep]
        return [column for column in columns if all(_at(value, column) is None for value in values)]

    def _by_paths(self, value: dict[str, Any]) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for column in self.kind.columns:
            for source in self._sources[column.name]:
                items = [_at(value, path) for path in source]
                if None not in items:
                    values[column.name] = items[0] if len(items) == 1 else _joined(items)
                    break
        return values

    def _by_names(self, value: dict[str, Any]) -> dict[str, Any]:
        return {
            column: value[names[0]] if len(names) == 1 else _joined([value[name] for name in names])
            for column, names in self._reading_of(value).names.items()
        }

    def _reading_of(self, value: dict[str, Any]) -> Reading:
        """How an object with these names is read. Raises `FileRefused` after too many others.

        Names that bear on nothing are left out before, so that objects may have them or not.
        """
        names = tuple(sorted(filter(self._bears_on, value)))
        reading = self._readings.get(names)
        if reading is None:
            self._count_names(len(names))
            reading = self._readings[names] = reading_of(self.kind, names, self._mapping)
        return reading

    def _bears_on(self, name: str) -> bool:
        """Whether a name may be a column. Raises `FileRefused` after too many others."""
        if name not in self._bears:
            self._count_names(1)
            self._bears[name] = may_bear_on(self.kind, name)
        return self._bears[name]

    def _count_names(self, count: int) -> None:
        """Count names that are looked through. Raises `FileRefused` where they become too many."""
        self._names_read += count
        if self._names_read > limits.DIFFERENT_NAMES_MAX:
            message = (
                f"{self._name}: its objects have too many different names, or sets of those that "
                f"may be columns: they may be {limits.DIFFERENT_NAMES_MAX:,} together. Give every "
                "object the same names, with null where it has no value"
            )
            raise FileRefused(message)

    def record_of(self, line: int, value: dict[str, Any]) -> list[str | None] | Reject:
        """The texts of a JSON object by column; numbers are their digits, null is absent."""
        if self.inside:
            beside = self._bearing_beside(value, self.inside)
            if beside:
                what = f"stands beside {self.inside}, of which alone the columns are read"
                return Reject(line, tuple(Fault(shown(name), what) for name in beside), ())
            value = _inner(value, self.inside)
        if self._are_plain and value.keys() <= self._known and _are_texts(value):
            return [value.get(name) for name in self.columns]
        if len(value) > limits.COLUMNS_MAX:
            what = f"has {len(value):,} names; at most {limits.COLUMNS_MAX:,} are read"
            return Reject(line, (Fault("", what),), ())
        items = self.values_of(value)
        faults = self._faults_of_names(value)
        record: list[str | None] = []
        of_no_text: set[str] = set()
        for column in self.kind.columns:
            text, fault = _text_of(items.get(column.name), column, may_list=self.kind.may_list)
            if fault:
                faults.append(Fault(column.name, fault))
                of_no_text.add(column.name)
            record.append(text)
        if faults:
            parsed = self.kind.parse(dict(zip(self.kind.column_names, record, strict=True)))
            faults += [
                fault
                for fault in parsed
                if isinstance(fault, Fault) and fault.column not in of_no_text
            ]
            return Reject(line, tuple(faults), tuple(text or "" for text in record))
        filtered = [_plain_text(items[name]) for name in self.filters]
        return [*record, *filtered]

    def _faults_of_names(self, value: dict[str, Any]) -> list[Fault]:
        """What is wrong with the names of an object, which a mapping does not look at."""
        if self._mapping.columns:
            return []
        reading = self._reading_of(value)
        unknown = value.keys() - reading.read - {REASON} if self._strict else ()
        return [
            *(
                Fault(shown(name), "is none of this kind's columns")
                for name in value
                if name in unknown
            ),
            *(Fault(shown(name), "stands there in two writings") for name in reading.repeated),
        ]


class Reading(NamedTuple):
    """How objects with the same names are read: by which `names` our columns, and which are `read`.

    Of the names that are `repeated` another writing is there too.
    """

    names: dict[str, tuple[str, ...]]
    read: frozenset[str]
    repeated: tuple[str, ...]


def reading_of(kind: Kind, names: tuple[str, ...], mapping: Mapping = ANY) -> Reading:
    """How objects with these names are read, by a mapping that names no columns."""
    known = Names(names)
    places = places_of(kind, known, mapping)
    read_as = {column: tuple(names[place] for place in at) for column, at in places.items()}
    read = frozenset(name for each in read_as.values() for name in each)
    return Reading(read_as, read, tuple(read_of_several(kind, known, places)))


def _joined(items: Sequence[Any]) -> Any:  # noqa: ANN401 - whatever JSON holds
    """Several values with a blank between; None where one of them is absent."""
    plain = [without_type(item) for item in items]
    return None if None in plain else " ".join(map(str, plain))


def _inner(value: dict[str, Any], name: str) -> dict[str, Any]:
    """The object under a name, empty where there is none."""
    inner = value.get(name)
    return inner if isinstance(inner, dict) else {}


def _are_texts(value: dict[str, Any]) -> bool:
    return all(type(item) is str for item in value.values())


def _plain_text(item: Any) -> str:  # noqa: ANN401 - whatever JSON holds
    return "" if item is None else str(item)


def _text_of(item: Any, column: Any, *, may_list: bool) -> tuple[str | None, str]:  # noqa: ANN401 - whatever JSON holds
    """The text of a JSON value, and what is wrong with it; an empty list is absent."""
    item = without_type(item)
    if item is None or item == []:
        return None, ""
    if may_list and _is_list_of_texts(item):
        return SEPARATOR.join(item), ""
    if isinstance(item, float) and column.is_moment:
        return f"{item:.6f}".rstrip("0").rstrip("."), ""
    if isinstance(item, float) and column.is_identifier:
        what = "a number with a fraction or an exponent has lost digits"
        return shown(item), f"must be a JSON string, not {shown(item)}: {what}"
    if isinstance(item, bool) or not isinstance(item, str | int):
        return shown(item), f"must be a JSON string, not {shown(item)}"
    return str(item), ""


def without_type(item: Any) -> Any:  # noqa: ANN401 - whatever JSON holds
    """A value without the objects that databases write around it to name its type."""
    while isinstance(item, dict) and len(item) == 1:
        (name,) = item
        if name not in NAMES_OF_TYPES:
            break
        item = item[name]
    return item


def _at(value: Any, path: str) -> Any:  # noqa: ANN401 - whatever JSON holds
    """What stands at a path of names, None where nothing does."""
    for name in path.split(STEP):
        fields = _fields_in(value)
        if fields is None:
            return None
        if name not in fields:
            plain = plain_name(name)
            name = next((each for each in fields if plain_name(each) == plain), name)  # noqa: PLW2901 - as the object calls it
        if is_secret(name):
            return None
        value = fields.get(name)
    return value


def _fields_in(value: Any) -> dict[str, Any] | None:  # noqa: ANN401 - whatever JSON holds
    """What a JSON value has under names, None for one that has no names.

    A list of identifiers, each an object of its kind and its digits as ThingSpace writes them, has
    each by its kind; of a kind that is there twice nobody can know which is meant.
    """
    if isinstance(value, dict):
        return value
    if not isinstance(value, list) or not value or not all(map(_is_identifier, value)):
        return None
    counts = Counter(each["kind"].casefold() for each in value)
    return {each["kind"]: each["id"] for each in value if counts[each["kind"].casefold()] == 1}


def _is_identifier(item: Any) -> bool:  # noqa: ANN401 - whatever JSON holds
    return isinstance(item, dict) and item.keys() == IDENTIFIER and isinstance(item["kind"], str)


def paths_of(value: Any, before: str = "", depth: int = 0) -> Iterator[str]:  # noqa: ANN401 - whatever JSON holds
    """The paths of the values in a JSON object."""
    for name, item in value.items():
        fields = _fields_in(item)
        if fields is not None and depth < DEPTH_MAX:
            yield from paths_of(fields, f"{before}{name}{STEP}", depth + 1)
        else:
            yield before + name


def first_paths(value: dict[str, Any]) -> tuple[str, ...]:
    """The first paths of the values in a JSON object, as many as a table may have columns."""
    return tuple(islice(paths_of(value), limits.COLUMNS_MAX))


def first_that_fits(
    name: str, values: Iterable[Any], records: Records, *, if_mapped: bool = False
) -> dict[str, Any] | None:
    """The first object with the columns of the kind; None where the mapping leaves out all.

    Objects of which none has them are refused, and so are those that are all left out, if none of
    the first has the columns by which they are kept. With `if_mapped` only such are refused as a
    mapping fits: the others are told of one by one, and so are those with too many names. Raises
    `FileRefused`.
    """
    dicts = (value for value in values if isinstance(value, dict))
    with_few_names = (value for value in dicts if len(value) <= limits.COLUMNS_MAX)
    first_objects = [*islice(with_few_names, LOOKED_AT_LINES)]
    objects = filter(records.keeps, chain(first_objects, with_few_names))
    looked_at_well = [*islice(objects, LOOKED_AT_LINES)]
    if first_objects and not looked_at_well and not if_mapped:
        _refuse_without_keep(name, first_objects, records)
    fitting = chain(filter(records.fits, looked_at_well), filter(records.has_values, objects))
    first_fitting = next(fitting, None)
    if first_fitting or not looked_at_well or records.look_inside(looked_at_well):
        return first_fitting
    first = looked_at_well[0]
    missing = records.lacking(first)
    names = Names(first_paths(first))
    if if_mapped and not fitting_preset(records.kind, names):
        return None
    what_to_do = advice(records.kind, names, Names(tuple(first)))
    message = f"{name}: its objects have no {', '.join(missing)}. {what_to_do}"
    raise FileRefused(message)


def _refuse_without_keep(name: str, objects: Sequence[dict[str, Any]], records: Records) -> None:
    """Refuse objects without a column by which they are kept. Raises `FileRefused`."""
    missing = records.lacking_keep(objects)
    if missing:
        names = Names(first_paths(objects[0]))
        what = f"its objects have no {', '.join(missing)}, by which they are kept"
        message = f"{name}: {what}. {advice(records.kind, names, Names(tuple(objects[0])))}"
        raise FileRefused(message)


def _is_list_of_texts(item: Any) -> TypeGuard[list[str]]:  # noqa: ANN401 - whatever JSON holds
    return isinstance(item, list) and bool(item) and all(isinstance(text, str) for text in item)
