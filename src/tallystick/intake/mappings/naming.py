"""Which columns of a file are which of ours."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache, partial
from itertools import filterfalse
from typing import TYPE_CHECKING

from tallystick.core.moments import BEGINNING
from tallystick.intake.columns import EXPECTED_IMEI, HALF_OF_DAY
from tallystick.intake.kinds import KINDS
from tallystick.intake.mappings.mapping import (
    ANY,
    NAMES_KEPT_MAX,
    Keep,
    Mapping,
    Name,
    is_secret,
    plain_name,
)
from tallystick.intake.mappings.presets import presets

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from collections.abc import Mapping as ByName

    from tallystick.intake.columns import Column
    from tallystick.intake.kinds import Kind

Places = tuple[int, ...]
"""Places of columns in a file, from 0, whose texts are joined."""
NAMES_SHOWN_MAX = 40
WORDS = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|[0-9]+|[^\W\d_]")
SAYS_NOTHING = frozenset(
    {"card", "sim", "device", "equipment", "terminal", "module", "modem", "unit", "endpoint"}
    | {"router", "gateway", "tracker", "meter", "sensor", "camera", "vehicle", "asset", "machine"}
    | {"hub", "radio", "cellular", "gsm", "lte", "iot", "gpp", "g"}
    | {"id", "n", "no", "nr", "num", "number", "serial", "code", "digit", "digits", "s"}
    | {"current", "latest", "hardware", "esn", "meid"}
    | {"nummer", "kartennummer", "karte", "gerat", "gerate", "numer"}
    | {"numero", "serie", "carte", "appareil", "tarjeta", "equipo", "dispositivo"}
    | {"de", "del", "du", "la", "der", "des"}
)
"""Words in the name of a column that do not change which number it is of, without accents."""
OF_SPANS = frozenset(
    {"from", "since", "until", "till", "to", "start", "end", "expires", "expiry", "effective"}
    | {"valid", "installed", "installation", "deployed", "assigned", "paired", "returned"}
    | {"gultig", "ab", "seit", "bis", "einbau", "eingebaut", "depuis", "valable", "pose"}
    | {"desde", "hasta", "ate", "valido", "valida", "instalacion", "instalacao", "installazione"}
)
"""Words in names of columns that say from when on something holds, or until when."""
OF_DAYS = frozenset({"on", "at", "date", "day"})
"""Words that make a day of those of spans that are of hardware, too: `IMEI assigned on`."""
OF_AMOUNTS = frozenset({"usage", "cycle", "volume", "mb", "kb", "bytes"})
MONTH_TO_DATE = frozenset({"month", "to", "date"})
"""Words with which spans say of what time an amount is, as in `Month to Date Usage`."""
OF_EXPECTED = frozenset(
    {"lock", "locked", "registered", "assigned", "bound", "paired", "authorized", "authorised"}
    | {"allowed", "expected", "approved", "original", "initial", "provisioned", "whitelisted"}
)
"""Words in the name of an IMEI that say what hardware is meant, and not what was seen."""
OF_ZONES = ("timezone", "tz", "utcoffset", "gmtoffset")
"""What columns are called that name the zone of a moment in another."""
OF_SEEN = frozenset({"current", "last", "latest", "detected", "seen", "actual"})
"""Words in the name of an IMEI that say what hardware was seen."""
OF_NO_ZONE = frozenset({"utc", "gmt"})
"""Last words in the name of a moment that say what is taken for granted where no zone is given."""
OF_DEVICES_TOO = frozenset({"phone", "mobile"})
BESIDE_THEM = frozenset({"no", "nr", "num", "number"})
"""Words for a number, with which those make a phone number, and no number of a device."""
IS_UTC = frozenset({"", "UTC", "GMT"})
"""What a mapping says of the zone where it is UTC."""
ICCID = "iccid"
IMEI_WORD = "imei"
NUMBER_DIGITS_MIN = 8  # from so many digits on a cell is a value, and no name of a column
ACCOUNT = "account"
ONE_ACCOUNT = "If all lines are of one account, name it with --account, or in the console's form"
OTHER_NAMES = "Rename the columns, name all of them with --columns, or write a mapping file"


def names_of(column: Column) -> frozenset[str]:
    """What one of our columns is called, by itself."""
    return frozenset(plain_name(each) for each in (column.name, *column.also) if type(each) is str)


def _with_joined(column: Column) -> frozenset[str]:
    """The same, with what those are called that are joined."""
    pairs = (each for each in column.also if isinstance(each, tuple))
    return names_of(column).union(plain_name(name) for pair in pairs for name in pair)


LOOKED_FOR = {
    kind.name: frozenset[str]().union(*map(_with_joined, kind.columns)) for kind in KINDS.values()
}
"""The names that are looked for without a mapping, by kind."""
KNOWN_NAMES = frozenset[str]().union(
    *(names_of(column) for kind in KINDS.values() for column in kind.columns)
)


class Names:
    """The names of a file's columns, looked up with and without signs and capitals.

    Columns of one name are told apart: the second `name` is `name 2`.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self.names = names
        self._exact: dict[str, int] = {}
        self._plain: dict[str, int] = {}
        counts: dict[str, int] = {}
        for place, name in enumerate(names):
            counts[name] = counts.get(name, 0) + 1
            unique = name if counts[name] == 1 else f"{name} {counts[name]}"
            self._exact.setdefault(unique, place)
            self._plain.setdefault(plain_name(unique), place)
        self._in_utc = _places_in_utc(names)

    def place(self, name: Name) -> int | None:
        """Where a column is, None where there is none or it is secret."""
        if isinstance(name, int):
            return name - 1 if name <= len(self.names) else None
        if not plain_name(name):
            return None
        place = self._exact.get(name)
        place = self._plain.get(plain_name(name)) if place is None else place
        return None if place is None or is_secret(self.names[place]) else place

    def called(self, name: str) -> str:
        """What the file calls a column of this name, in UTC or not; empty where there is none."""
        places = (self.place(name), self.place_in_utc(name))
        return next((self.names[place] for place in places if place is not None), "")

    def place_in_utc(self, name: Name) -> int | None:
        """Where the only column is that has a name and says that it is in UTC, if there is one."""
        return self._in_utc.get(plain_name(name)) if isinstance(name, str) else None


def _places_in_utc(names: Sequence[str]) -> dict[str, int]:
    """Where columns are that say that they are in UTC, by what they are called but for that."""
    places: dict[str, list[int]] = {}
    for place, name in enumerate(names):
        *before, last = WORDS.findall(name) or [""]
        if before and last.casefold() in OF_NO_ZONE:
            places.setdefault(plain_name("".join(before)), []).append(place)
    return {name: each[0] for name, each in places.items() if len(each) == 1}


def _place_of(names: Names, column: Column, mapping: Mapping, name: Name) -> int | None:
    """Where a column is that a file calls so; of moments the one that is in UTC, if there is one.

    Not where a mapping says what is read, or the zone of what is: those are in another.
    """
    looks_for_utc = column.is_moment and not mapping.columns and mapping.zone in IS_UTC
    in_utc = names.place_in_utc(name) if looks_for_utc else None
    return names.place(name) if in_utc is None else in_utc


def places_of(kind: Kind, names: Names, mapping: Mapping = ANY) -> dict[str, Places]:
    """Where the values of each of our columns are; those that the file does not have are left out.

    A column of the file is read as one of ours at most, unless a mapping says so.
    """
    own = {_place_of(names, column, mapping, column.name) for column in kind.columns}
    places_by_name: dict[str, Places] = {}
    for column in kind.columns:
        for source in mapping.sources_of(column.name, column.also):
            of_parts = (_place_of(names, column, mapping, name) for name in source)
            places = tuple(place for place in of_parts if place is not None)
            is_taken = not mapping.columns and source != (column.name,) and own & {*places}
            if len(places) == len(source) and not is_taken:
                places_by_name[column.name] = places
                break
    if not mapping.columns:
        _add_likely(kind, names, places_by_name)
    return places_by_name


def _add_likely(kind: Kind, names: Names, places_by_name: dict[str, Places]) -> None:
    """Add columns that only one name of the file can mean, like `Device ID (IMEI)`.

    A name means a column if it has one of the column's words, and else nothing that tells more
    than that it is a number: `Old IMEI` and `IMEI lock` mean no IMEI. An ICCID is the last that is
    looked for, and only where no other name holds it, and nothing else names the SIM.
    """
    for column in sorted(kind.columns, key=lambda each: each.name == ICCID):
        if column.name in places_by_name:
            continue
        taken = {place for places in places_by_name.values() for place in places}
        likely = [
            place
            for place, name in enumerate(names.names)
            if place not in taken and has_words(name, column.words) and not is_secret(name)
        ]
        if len(likely) == 1 and not (
            column.name == ICCID and _is_named_otherwise(kind, names, likely[0], places_by_name)
        ):
            places_by_name[column.name] = (likely[0],)


def may_bear_on(kind: Kind, name: str) -> bool:
    """Whether a name may matter to `places_of` and `read_of_several`, where no mapping is given.

    Both find the same without the others.
    """
    plain, folded = plain_name(name), name.casefold()
    looked_for = LOOKED_FOR[kind.name]
    if ICCID in plain or plain in looked_for or _places_in_utc([name]).keys() & looked_for:
        return True
    return any(
        has_words(name, column.words)
        for column in kind.columns
        if any(map(folded.__contains__, column.words))
    )


def _is_named_otherwise(
    kind: Kind, names: Names, place: int, places_by_name: dict[str, Places]
) -> bool:
    """Whether another name than that of a place has the ICCID, or another column names the SIM."""
    others = (name for at, name in enumerate(names.names) if at != place)
    holds_iccid = any(ICCID in plain_name(name) for name in others)
    is_optional = ICCID not in kind.required
    return holds_iccid or (is_optional and any(each in places_by_name for each in kind.one_of))


@lru_cache(maxsize=NAMES_KEPT_MAX)
def has_words(name: str, words: frozenset[str]) -> bool:
    """Whether a name has one of some words, and beside them only such as say nothing."""
    if is_a_value(name):
        return False
    in_name = {word if word in words else _singular(word) for word in _words_in(name)}
    beside = BESIDE_THEM if in_name & OF_DEVICES_TOO else SAYS_NOTHING
    return bool(in_name & words) and all(
        word in words or word in beside or word.isdigit() for word in in_name
    )


def _singular(word: str) -> str:
    """A word without the sign of a plural; several phones are a count of them."""
    singular = word.removesuffix("s")
    return word if singular in OF_DEVICES_TOO else singular or word


def _without_accents(name: str) -> str:
    if name.isascii():
        return name
    return "".join(filterfalse(unicodedata.combining, unicodedata.normalize("NFKD", name)))


def read_of_several(
    kind: Kind, names: Names, places: ByName[str, Places], mapping: Mapping = ANY
) -> list[str]:
    """The names that stand several times, in any writing, and of which one alone is read.

    Nobody can know which is meant, unless it was asked for by its place, or as `name 2`.
    """
    read = {place for at in places.values() for place in at}
    unread = {plain_name(name) for place, name in enumerate(names.names) if place not in read}
    keep = {str(each.column): [(each.column,)] for each in mapping.keep}
    columns = {column.name: column for column in kind.columns}
    repeated = []
    for column_name, at in places.items():
        column = columns.get(column_name)
        look = partial(_place_of, names, column, mapping) if column else names.place
        also = column.also if column else ()
        sources = keep.get(column_name) or mapping.sources_of(column_name, also)
        taken = next((each for each in sources if tuple(map(look, each)) == at), ())
        repeated += [
            names.names[place]
            for name, place in zip(taken, at, strict=False)
            if isinstance(name, str) and plain_name(name) in unread and names.place(name) == place
        ]
    return repeated


def is_a_value(name: str) -> bool:
    """Whether the name of a column is more likely a value, which may be secret."""
    return sum(map(str.isdigit, name)) >= NUMBER_DIGITS_MIN


def kept_places(names: Names, keep: Sequence[Keep]) -> list[int | None]:
    """Where the columns are by which rows are kept."""
    return [names.place(each.column) for each in keep]


def lacking(kind: Kind, places: Collection[str]) -> list[str]:
    """The required columns that are not there; of those that stand for each other, the first."""
    missing = [name for name in kind.required if name not in places]
    if kind.one_of and not any(name in places for name in kind.one_of):
        missing.insert(0, kind.one_of[0])
    return missing


def _needed(kind: Kind) -> int:
    """How many columns a file needs."""
    return len(kind.required) + bool(kind.one_of)


def advice(kind: Kind, names: Names, outer: Names | None = None) -> str:
    """What to do about a file that does not fit: the columns wanted and there, and the preset.

    `outer` are the names of JSON objects alone, of which `names` has the paths.
    """
    wanted = f"Columns of {kind.name}: {', '.join(kind.column_names)}"
    there = [name for name in names.names if name and not is_secret(name)]
    more = f" and {len(there) - NAMES_SHOWN_MAX} more" if len(there) > NAMES_SHOWN_MAX else ""
    listed = ", ".join(name[:64] for name in there[:NAMES_SHOWN_MAX])
    nearest = nearest_preset(kind, names)
    if not fitting_preset(kind, names):
        lacks_account_alone = lacking(kind, places_of(kind, names)) == [ACCOUNT]
        nearest = (
            ONE_ACCOUNT if lacks_account_alone else _other_kind(kind, outer or names) + nearest
        )
    return f"{wanted}. The file has: {listed or 'none'}{more}. {nearest}"


def hints_about(
    kind: Kind, names: Names, places: ByName[str, Places], mapping: Mapping
) -> Iterator[str]:
    """What is unusual about a file whose columns were found: what else it may be."""
    if mapping.columns:
        return
    yield from _hints_about_choices(kind, names, places)
    yield from _hints_about_clocks(kind, names, places, mapping)
    seen = _says_what_was_seen(names, places) if kind.name == "expectations" else ""
    if seen:
        since = next(each.name for each in kind.moments)
        call_it = "" if since in places else f"; if it says from when on they hold, call it {since}"
        yield (
            f"it has the column {seen}: if its lines say what was seen, they are activations, for "
            f"`tallystick import activations`{call_it}"
        )
    yield from _hints_about_spans(kind, names, places, seen)
    for name, preset in presets().items():
        if kind.name in preset.kinds and preset.keep and not preset.has_no_header:
            is_whole = not lacking(kind, places_of(kind, names, preset))
            if is_whole and None not in kept_places(names, preset.keep):
                yield f"the mapping {name} fits, and keeps some of the rows only: --map {name}"


def _hints_about_choices(kind: Kind, names: Names, places: ByName[str, Places]) -> Iterator[str]:
    """Which columns are passed over that may be meant in the place of those that are read."""
    read = {place for at in places.values() for place in at}
    of_numbers = _words_of_numbers(kind, names)
    for column in kind.columns:
        at = places.get(column.name)
        if at is None:
            continue
        beside = _places_beside(kind, of_numbers, column)
        others = dict.fromkeys([*_places_called_so(names, column, at), *beside])
        unread = [names.names[place] for place in others if place not in read]
        if unread:
            chosen = " and ".join(names.names[place] for place in at)
            yield (
                f"{column.name} is read from {chosen}, and {', '.join(unread)} passed over: if "
                "that is meant, take the other out, or write a mapping file"
            )


def _hints_about_clocks(
    kind: Kind, names: Names, places: ByName[str, Places], mapping: Mapping
) -> Iterator[str]:
    """Which columns are passed over that say more of a moment: its half of the day, or its zone."""
    read = {place for at in places.values() for place in at}
    moments = [column.name for column in kind.moments if column.name in places]
    half = names.place(HALF_OF_DAY)
    if moments and half is not None and half not in read:
        yield (
            f"{names.names[half]} passed over: if times of day have 12 hours, join it to them in a "
            "mapping file"
        )
    zones = [place for place in map(names.place, OF_ZONES) if place is not None]
    if moments and zones and not mapping.zone:
        passed_over = ", ".join(names.names[place] for place in zones)
        yield (
            f"{passed_over} passed over: if it is the zone of {moments[0]}, name the zone with "
            "--zone, or join it in a mapping file whose time_formats end in %z"
        )


def _places_called_so(names: Names, column: Column, at: Places) -> Iterator[int]:
    """Where columns are that may be called so, of moments and hardware.

    What else names a SIM is told by its digits. Where our own name is there, it is meant, unless
    another says that it has what is expected.
    """
    if not (column.is_moment or IMEI_WORD in column.words):
        return
    called = [each for each in (column.name, *column.also) if isinstance(each, str)]
    if at == (names.place(column.name),):
        called = [each for each in called if each in EXPECTED_IMEI]
    places = [*map(names.place, called)]
    if column.is_moment:
        places += map(names.place_in_utc, called)
    yield from (place for place in places if place is not None)


def _words_of_numbers(kind: Kind, names: Names) -> dict[int, frozenset[str]]:
    """The words in the names of columns that are of numbers, by their places."""
    of_numbers = frozenset[str]().union(*(column.words for column in kind.columns))
    words = {place: _words_in(name) for place, name in enumerate(names.names)}
    return {place: each for place, each in words.items() if each & of_numbers}


def _places_beside(
    kind: Kind, of_numbers: ByName[int, frozenset[str]], column: Column
) -> Iterator[int]:
    """Where columns are of another number, like `IMEI2`, or of the IMEI that is expected."""
    for place, words in of_numbers.items():
        beside = words - column.words
        if words == beside:
            continue
        is_another = bool(beside) and all(each.isdigit() for each in beside)
        is_of_expected = IMEI_WORD in words and bool(beside & OF_EXPECTED)
        is_expected = kind.name == "expectations" and is_of_expected
        if is_another or (is_expected and not _is_of_span(words)):
            yield place


def _says_what_was_seen(names: Names, places: ByName[str, Places]) -> str:
    """The column of expectations by which they may be what was seen; empty where there is none.

    It is a moment that does not say from when on they hold, or an IMEI that says of itself that it
    is the last one.
    """
    (seen_at,) = KINDS["activations"].moments
    called = [each for each in (seen_at.name, *seen_at.also) if isinstance(each, str)]
    at = next(filter(None, map(names.called, called)), "")
    if at and "effective_from" not in places:
        return at
    imei = names.names[places[IMEI_WORD][0]] if IMEI_WORD in places else ""
    return imei if _words_in(imei) & OF_SEEN else ""


def _is_of_span(words: frozenset[str]) -> bool:
    """Whether a name with these words may say from when on something holds, or until when."""
    of_spans = words & OF_SPANS
    is_of_hardware = IMEI_WORD in words and of_spans <= OF_EXPECTED and not words & OF_DAYS
    is_of_amount = bool(words & OF_AMOUNTS) or words >= MONTH_TO_DATE
    return bool(of_spans) and not is_of_hardware and not is_of_amount


@lru_cache(maxsize=NAMES_KEPT_MAX)
def _words_in(name: str) -> frozenset[str]:
    """The words in the name of a column, in small letters and without accents."""
    return frozenset(word.casefold() for word in WORDS.findall(_without_accents(name)))


def _hints_about_spans(
    kind: Kind, names: Names, places: ByName[str, Places], told: str
) -> Iterator[str]:
    """Which columns are passed over that may say from when on a line holds, or until when.

    One of which another hint has told is left out.
    """
    since = next((each for each in kind.moments if each.default == BEGINNING), None)
    if since is None:
        return
    read = {place for at in places.values() for place in at}
    unread = (name for place, name in enumerate(names.names) if place not in read)
    of_spans = [name for name in unread if name != told and _is_of_span(_words_in(name))]
    if of_spans:
        at = places.get(since.name, ())
        named = " and ".join(names.names[place] for place in at)
        start = f"'{named}'" if named else "the beginning"
        whose = "number" if kind.one_of else "SIM"
        passed_over = f"{', '.join(of_spans)} passed over: each line holds from {start} on, until "
        what_to_do = "" if at else f"; call it {since.name}, if that is what it says"
        yield f"{passed_over}the next line of its {whose}{what_to_do}"


def headerless_presets(kind: Kind, width: int) -> str:
    """What to do about a file without names that has as many columns as a mapping names."""
    fitting = [
        name
        for name, mapping in presets().items()
        if kind.name in mapping.kinds and len(mapping.names) == width
    ]
    return "".join(f". The mapping {name} may fit: add --map {name}" for name in fitting)


def _other_kind(kind: Kind, names: Names) -> str:
    """The kind whose columns a file has, in a sentence; empty where there is none."""
    for other in KINDS.values():
        if other.name != kind.name and not lacking(other, places_of(other, names)):
            return (
                f"Its columns are those of {other.name}: `tallystick import {other.name}`, if that "
                "is what its lines are. "
            )
    return ""


def nearest_preset(kind: Kind, names: Names) -> str:
    """The mapping that fits a file's columns, or fits them best, in a sentence."""
    fitting = fitting_preset(kind, names)
    if fitting:
        return f"The mapping {fitting} fits: add --map {fitting}, or map={fitting} to a call"
    counts = _fits(kind, names)
    best = max(counts, key=lambda name: counts[name], default=None)
    if best is None or not counts[best]:
        return f"{OTHER_NAMES}: see `tallystick maps`"
    return f"{OTHER_NAMES}; the nearest is {best}: see `tallystick maps show {best}`"


def fitting_preset(kind: Kind, names: Names) -> str | None:
    """The first mapping that finds all columns of a kind."""
    counts = _fits(kind, names)
    return next((name for name in counts if counts[name] == _needed(kind)), None)


def _fits(kind: Kind, names: Names) -> dict[str, int]:
    """How many of the columns that a kind needs each mapping finds."""
    return {
        name: _needed(kind) - len(lacking(kind, places_of(kind, names, mapping)))
        for name, mapping in presets().items()
        if kind.name in mapping.kinds and not mapping.has_no_header
    }
