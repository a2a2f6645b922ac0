"""A mapping: how the files of one origin are read."""

from __future__ import annotations

import re
import unicodedata
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec

from tallystick.core.errors import InvalidValue
from tallystick.core.identifiers import parse_name, shown
from tallystick.core.moments import EPOCH, zone_named
from tallystick.core.written_values import CheckDigit, Conventions

if TYPE_CHECKING:
    from collections.abc import Sequence

Position = Annotated[int, msgspec.Meta(ge=1)]
Name = str | Position
"""What a file calls a column, or its place, from 1."""
Source = tuple[Name, ...]
"""The columns whose texts, with a blank between, are the values of one of ours."""
STEP = "."
"""What stands between the names of a column within another, or of a path in JSON."""
NAMES_KEPT_MAX = 4096
"""Names of columns of which it is kept what they say: files of objects repeat theirs."""
Encoding = Literal[
    "utf-8",
    "utf-16",
    "utf-16-le",
    "utf-16-be",
    "windows-1250",
    "windows-1251",
    "windows-1252",
    "windows-1254",
    "cp932",
    "cp949",
    "cp950",
    "gb18030",
    "big5",
    "euc-kr",
]
SECRET = re.compile(
    r"e?k|e?ki|(enc|encrypted)ki|ki(enc|encrypted|[0-9]+)|opc?|opc\w+|ki[ckd]\w*|acc"
    r"|(adm|puk|pin|chv)([0-9]\w*)?|\w*(secret|password)[0-9]*"
    r"|(k|ki|op|opc|kic|kid|tk|adm|ota|sim|usim|isim|esim|uicc|euicc|card|chip|subscriber|issuer"
    r"|auth|authentication|transport|enc|encrypted|encryption|cipher|ciphering|integrity|mac|dek"
    r"|master|root|session|private|security|data|admin|psk|aes|des|milenage|isd|ssd|isdr|ssdr"
    r"|scp|rfm|ram|cm|gp|set|[0-9])*keys?(id|set|value)?[0-9]*"
)


@lru_cache(maxsize=NAMES_KEPT_MAX)
def plain_name(name: str) -> str:
    """The name of a column by its letters and digits alone, without accents.

    `Model Name`, `model_name` and `modelName` are one, and so are `modèle` and `modele`.
    """
    letters = name.casefold()
    if not letters.isascii():
        letters = unicodedata.normalize("NFKD", letters)
    return "".join(letter for letter in letters if letter.isalnum())


@lru_cache(maxsize=NAMES_KEPT_MAX)
def is_secret(name: str) -> bool:
    """Whether a column holds keys or codes of a SIM, which are never read.

    Of a name like `sim.ki`, each part may say so.
    """
    return any(SECRET.fullmatch(plain_name(each)) for each in (name, *name.split(STEP)))


class Keep(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Rows that are taken in: those that have one of some values in a column."""

    column: Name
    values: tuple[str | int, ...]

    @property
    def texts(self) -> list[str]:
        """The values as texts."""
        return [str(value) for value in self.values]


class Mapping(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the files of one origin are read; what is left out is found by looking at the file."""

    about: str = ""
    """What the files are, in a sentence."""
    kinds: tuple[str, ...] = ()
    """The kinds of facts that the files may be imported as; any, where it is left out."""
    columns: dict[str, Name | list[Name | list[Name]]] = {}
    """For each of our columns the file's: a name, a path in JSON like `sim.iccid`, or a place from
    1. Of several the first that is there is taken; those in a list within the list are joined. Only
    the columns that stand here are read. Where it is left out, our own names and common others
    are."""
    names: tuple[str, ...] = ()
    """The names of the columns, in their order, where the file has no line that names them. A file
    may have fewer of them, and a first line that names them is passed over."""
    header: Annotated[int, msgspec.Meta(ge=0)] | None = None
    """The line that names the columns, from 1; 0 where none does."""
    separator: Literal[",", ";", "\t", "|", "^", "~", " "] | None = None
    """What stands between the values of a line; a blank stands for any number of blanks, where no
    column before the last may be empty or have blanks in it."""
    encoding: Encoding | None = None
    """How the text is written. Where it is left out, UTF-8, UTF-16, Windows-1252 and Japanese
    (cp932) are told apart; all others have to be named."""
    sheet: str = ""
    """The sheet of a workbook. Where it is left out, the first that is not hidden; or the only one
    that has the columns, if the first has not."""
    records: str = ""
    """The path in a JSON document to its records, where it is not an array of them itself. Where
    it is left out, they are looked for."""
    zone: str = ""
    """The zone of moments that name none, like `America/New_York`; UTC, where it is left out."""
    time_formats: tuple[str, ...] = ()
    """Forms of moments that are tried first, like `%d/%m/%Y %H:%M`."""
    keep: tuple[Keep, ...] = ()
    """Which rows are taken in: those that fit every one of these."""
    check_digit: CheckDigit = "keep"
    """What is done to every ICCID: its check digit is added, stripped, or kept as it is."""
    account: str = ""
    """The account of SIMs, or of groups, of which the file names none. In a table with a column of
    accounts, a row without one is refused."""

    def sources_of(self, name: str, also: Sequence[str | Source] = ()) -> list[Source]:
        """What may be read as one of our columns, the best first; our own name is always known."""
        if not self.columns:
            return [(name,), *((each,) if isinstance(each, str) else each for each in also)]
        if name not in self.columns:
            return []
        given = self.columns[name]
        listed = given if isinstance(given, list) else [given]
        return [*(tuple(each) if isinstance(each, list) else (each,) for each in listed), (name,)]

    @property
    def conventions(self) -> Conventions:
        """What the values mean."""
        zone = zone_named(self.zone or "UTC")
        return Conventions(zone, self.time_formats, self.check_digit, bool(self.zone))

    @property
    def has_no_header(self) -> bool:
        """Whether no line names the columns."""
        return self.header == 0 or bool(self.names)


def checked(mapping: Mapping) -> Mapping:
    """The mapping, if what it says of values can be used. Raises `InvalidValue`."""
    if mapping.account:
        parse_name("account", mapping.account)
    try:
        zone_named(mapping.zone or "UTC")
    except ValueError as error:
        message = f"zone {shown(mapping.zone)} {error}"
        raise InvalidValue(message) from error
    for form in mapping.time_formats:
        try:
            datetime.strptime(EPOCH.strftime(form), form)  # noqa: DTZ007 - tried only
        except (ValueError, re.error) as error:
            message = f"the form of moments {shown(form)} cannot be used: {error}"
            raise InvalidValue(message) from error
    sources = [source for name in mapping.columns for source in mapping.sources_of(name)]
    for name in {name for source in sources for name in source} | {k.column for k in mapping.keep}:
        if isinstance(name, str) and is_secret(name):
            message = f"the column {shown(name)} holds keys or codes, which are never read"
            raise InvalidValue(message)
    return mapping


ANY = Mapping()
"""The mapping of a file of which nothing is known."""
