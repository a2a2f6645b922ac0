"""Where the records of a JSON document lie, and in which form."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from tallystick.core.errors import FileRefused
from tallystick.core.identifiers import shown
from tallystick.core.json_faults import fault_of_json, outer_names_stand_once
from tallystick.intake.mappings.mapping import STEP, plain_name
from tallystick.intake.mappings.naming import Names, lacking, places_of, read_of_several
from tallystick.intake.sources import limits
from tallystick.intake.sources.json_objects import LOOKED_AT_LINES, Records, without_type

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tallystick.intake.kinds import Kind

ARRAY_DEPTH_MAX = 4  # of objects in which an array of records is looked for
START_BYTES = 64
PARTS_OF_A_TABLE = frozenset(
    {"columns", "index", "meta", "data", "totals", "extremes.min", "extremes.max"}
)
BESIDE_RECORDS = frozenset({"meta", "links", "schema", "fields", "columns", "sort"})
"""What arrays are called that describe the records beside them."""
OF_THE_ANSWER = frozenset({"errors", "warnings", "messages"})
"""What arrays are called that say how the question went: nothing, where they are empty."""
OF_MORE = frozenset(
    {"next", "nextlink", "odatanextlink", "nextpage", "nextpagetoken", "nexttoken", "nextcursor"}
    | {"hasmore", "hasmoredata", "hasnext", "hasnextpage", "moreentries", "continues"}
)
"""Names under which a document says where its next page is, or that there is one."""
OF_PAGES = frozenset(
    {"links", "meta", "metadata", "page", "pageable", "pageinfo", "paging", "pagination", "cursor"}
    | {"responsemetadata"}
)
"""What objects in a document are called that tell of its pages."""
OF_THE_LAST = frozenset({"last", "lastpage", "islast", "islastpage"})
"""Names under which it says that it is the last one."""
SAYS_NO = frozenset({b"null", b"false", b'""', b"{}", b"0"})
ONE_PAGE = "it is one page of several, as it says itself: take the other pages in, too"
BETWEEN_OBJECTS = b" \t\r\n,"
# A text that is not closed goes to the end, so that nothing is looked at twice.
BRACES_AND_TEXTS = re.compile(rb'[{}]|"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)', re.DOTALL)
DEPTHS = {b"{": 1, b"}": -1}
NESTED_MAX = 100  # objects within objects that stand behind each other
ANOTHER_BEHIND = "trailing characters"  # what the parser complains of
NAN = re.compile(rb"[:,\[]\s*NaN\b")


class DescribedColumn(msgspec.Struct):
    """What says of a column of a table beside it how it is called."""

    name: str


class RecordsAt(NamedTuple):
    """The records of a document, each as its text, and the path of names where they stand.

    With `columns` they are arrays of values in this order, as of a table, else objects. The `hint`
    says where they were found, unless it was said before.
    """

    items: list[msgspec.Raw]
    path: str
    columns: tuple[str, ...] | None = None
    hint: str = ""


def records_in(name: str, text: bytes, path: str, records: Records) -> RecordsAt:
    """The records of a JSON document.

    They stand in an array, at the document's root or at a path of names. Without a path they are
    looked for: one object that has the kind's columns is one record, and an array that no other
    stands beside has the records; of several it has to be said which is meant. Raises
    `FileRefused`.
    """
    several = None if path else _behind_each_other(text)
    if several:
        return RecordsAt(several, "", hint="its objects stand behind each other, in no array")
    root = msgspec.Raw(text)
    at = root if _first(root) == b"[" else _at_path(name, root, path)
    if _first(at) == b"[":
        return _of_array(name, at, path, records)
    if _first(at) != b"{":
        where = f"at {path} " if path else ""
        message = f"{name}: there are no objects {where}in the document"
        raise FileRefused(message)
    one = RecordsAt([at], path)
    fields = _fields_of(name, at)
    numbered = None if path else _numbered(name, fields, records)
    if numbered or path or _fits(one, records):
        return numbered or one
    table = _table_of(name, fields, records)
    arrays = [
        _of_array(name, raw, where, records)
        for where, raw in _arrays_in(name, at)
        if not table or where not in PARTS_OF_A_TABLE
    ]
    arrays += [table] if table else []
    arrays = [each for each in arrays if not _stands_beside(each, records)]
    fitting = [each for each in arrays if _fits(each, records)]
    if fitting and len(arrays) > 1:
        message = (
            f"{name}: there are arrays at {' and at '.join(each.path for each in arrays)}: say "
            "in a mapping file, as `records`, which of them has the records that are meant"
        )
        raise FileRefused(message)
    with_objects = [each for each in arrays if each.items and _first(each.items[0]) == b"{"]
    if fitting or len(with_objects) == 1:
        return (fitting or with_objects)[0]
    return one


def _behind_each_other(text: bytes) -> list[msgspec.Raw] | None:
    """The objects of a text that is no JSON for their number; None for anything else.

    Their ends are found by their braces: what is broken in one of them is told of later. Texts of
    very many objects, or of very deep or long ones, are left to be refused.
    """
    if text.lstrip()[:1] != b"{" or _is_json(text):
        return None
    objects: list[msgspec.Raw] = []
    depth = start = end = 0
    for token in BRACES_AND_TEXTS.finditer(text):
        depth += DEPTHS.get(token[0], 0)
        if token[0] == b"{" and depth == 1:
            start = token.start()
        if depth == 0:
            between, end = text[end:start], token.end()
            if between.translate(None, BETWEEN_OBJECTS):
                return None
            objects.append(msgspec.Raw(text[start:end]))
        is_long = depth > 0 and token.end() - start > limits.LINE_BYTES_MAX
        if is_long or depth > NESTED_MAX or len(objects) > limits.LINES_A_BLOCK_MAX:
            return None
    is_whole = depth == 0 and not text[end:].translate(None, BETWEEN_OBJECTS)
    return objects if is_whole and len(objects) > 1 else None


def _is_json(text: bytes) -> bool:
    """Whether a text is one JSON value."""
    try:
        msgspec.json.decode(text, type=msgspec.Raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return True


def _stands_beside(array: RecordsAt, records: Records) -> bool:
    """Whether an array is none that may have been meant: it tells of the records beside it."""
    name = array.path.rpartition(STEP)[2].casefold()
    if name in OF_THE_ANSWER:
        return not array.items
    return name in BESIDE_RECORDS and not _fits(array, records)


def _first(raw: msgspec.Raw) -> bytes:
    """The first byte that is no blank."""
    return bytes(memoryview(raw)[:START_BYTES]).lstrip()[:1] or bytes(raw).lstrip()[:1]


def _at_path(name: str, raw: msgspec.Raw, path: str) -> msgspec.Raw:
    for step in filter(None, path.split(STEP)):
        raw = _fields_of(name, raw).get(step, msgspec.Raw(b"null"))
    return raw


def _fields_of(name: str, raw: msgspec.Raw) -> dict[str, msgspec.Raw]:
    """The texts of an object's values by their names. Raises `FileRefused` where one is twice."""
    fields: dict[str, msgspec.Raw] = _decoded(name, raw, dict[str, msgspec.Raw])
    if not outer_names_stand_once(bytes(raw), fields.values()):
        message = f"{name}: a name stands twice in one of its objects"
        raise FileRefused(message)
    return fields


def _arrays_in(
    name: str, raw: msgspec.Raw, before: str = "", depth: int = 0
) -> Iterator[tuple[str, msgspec.Raw]]:
    """The arrays that stand in objects, not in other arrays, each with its path."""
    for key, item in _fields_of(name, raw).items():
        if _first(item) == b"[":
            yield before + key, item
        elif _first(item) == b"{" and depth < ARRAY_DEPTH_MAX:
            yield from _arrays_in(name, item, f"{before}{key}{STEP}", depth + 1)


def is_one_page(raw: msgspec.Raw, path: str) -> bool:
    """Whether a document says that there are others behind it.

    It may say so in its root, in an object around the records at this path, or in one that tells
    of pages. What is no object says nothing.
    """
    try:
        fields = msgspec.json.decode(raw, type=dict[str, msgspec.Raw])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    step, _, rest = path.partition(STEP)
    return any(
        _says_more(plain_name(key), item)
        or (plain_name(key) in OF_PAGES and is_one_page(item, ""))
        or (bool(rest) and key == step and is_one_page(item, rest))
        for key, item in fields.items()
    )


def _says_more(name: str, item: msgspec.Raw) -> bool:
    """Whether a value of a document says that another page is behind it."""
    if name not in OF_MORE | OF_THE_LAST or _first(item) == b"[":
        return False
    text = bytes(item).strip()
    return text == b"false" if name in OF_THE_LAST else text not in SAYS_NO


def _of_array(name: str, raw: msgspec.Raw, path: str, records: Records) -> RecordsAt:
    """The records in an array: objects, or the lines of a table whose first names the columns."""
    items: list[msgspec.Raw] = _decoded(name, raw, list[msgspec.Raw])
    if items and _first(items[0]) == b"[":
        columns = _names(items[0])
        if columns and not lacking(records.kind, records.values_of(dict.fromkeys(columns, ""))):
            _refuse_twice(name, columns, records.kind)
            return _found_at(path, items[1:], columns)
    return _found_at(path, items)


def _found_at(
    path: str, items: list[msgspec.Raw], columns: tuple[str, ...] | None = None
) -> RecordsAt:
    """Records at a path, which is told where there is one."""
    return RecordsAt(items, path, columns, f"its records stand at {path}" if path else "")


def _refuse_twice(name: str, columns: tuple[str, ...], kind: Kind) -> None:
    """Refuse a table that has a column twice. Raises `FileRefused`."""
    known = Names(columns)
    twice = read_of_several(kind, known, places_of(kind, known))
    twice += [each for each in dict.fromkeys(columns) if columns.count(each) > 1]
    if twice:
        message = f"{name}: the table has the column {shown(twice[0])} twice"
        raise FileRefused(message)


def _table_of(name: str, fields: dict[str, msgspec.Raw], records: Records) -> RecordsAt | None:
    """The lines of a table beside the names of its columns, as pandas and ClickHouse write it."""
    columns = _names(fields.get("columns")) or _described(fields.get("meta"))
    lines = fields.get("data")
    if columns is None or lines is None or _first(lines) != b"[":
        return None
    _refuse_twice(name, columns, records.kind)
    return _found_at("data", _decoded(name, lines, list[msgspec.Raw]), columns)


def _names(raw: msgspec.Raw | None) -> tuple[str, ...] | None:
    """The texts of an array of texts; None for anything else."""
    try:
        return None if raw is None else tuple(msgspec.json.decode(raw, type=list[str]))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _described(raw: msgspec.Raw | None) -> tuple[str, ...] | None:
    """The names in an array of objects that describe a column each; None for anything else."""
    try:
        columns = msgspec.json.decode(raw or b"[]", type=list[DescribedColumn])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return tuple(column.name for column in columns) or None


def _numbered(name: str, fields: dict[str, msgspec.Raw], records: Records) -> RecordsAt | None:
    """The records that stand under numbers, as places or ICCIDs. Raises `FileRefused`.

    Columns that do, as pandas writes them without being asked, are told of.
    """
    if not fields or any(_first(item) != b"{" for item in fields.values()):
        return None
    are_numbers = all(map(str.isdecimal, fields))
    numbered = RecordsAt(list(fields.values()), "", None, "its records stand under numbers")
    if are_numbers and _fits(numbered, records):
        return numbered
    have_types = all(
        not isinstance(without_type(value_of(item, None)), dict) for item in numbered.items
    )
    if records.fits(dict.fromkeys(fields, "")) and not have_types:
        message = (
            f"{name}: has an object for each column, as pandas writes it: write an object for each "
            "line, by to_json(orient='records')"
        )
        raise FileRefused(message)
    return None


def _fits(at: RecordsAt, records: Records) -> bool:
    """Whether one of the first records has the columns of the kind."""
    values = [value_of(item, at.columns) for item in at.items[:LOOKED_AT_LINES]]
    objects = (value for value in values if isinstance(value, dict))
    return any(records.fits(value) for value in objects)


def value_of(raw: msgspec.Raw, columns: tuple[str, ...] | None) -> Any:  # noqa: ANN401 - whatever JSON holds
    """The value of a record's text; that of a line of a table as an object, None for no JSON."""
    try:
        value = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if columns is not None and isinstance(value, list) and len(value) == len(columns):
        return dict(zip(columns, value, strict=True))
    return value


def _decoded(name: str, raw: msgspec.Raw, kind: Any) -> Any:  # noqa: ANN401 - a type, and a value of it
    try:
        return msgspec.json.decode(raw, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        what = f"is not JSON: {fault_of_json(error)}"
        what += "; NaN is not JSON, write null" if NAN.search(raw) else ""
        if ANOTHER_BEHIND in what:
            what += "; if values stand behind each other, write one array of them, or one a line"
        message = f"{name}: {what}"
        raise FileRefused(message) from error
