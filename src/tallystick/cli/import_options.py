"""What `tallystick import` is asked: its options, and what they say together."""

from __future__ import annotations

import glob
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

import msgspec
import typer

from tallystick.core.errors import FileRefused, InvalidValue, Refusal
from tallystick.intake import (
    ANY,
    CONNECTIONS_MAX,
    KINDS,
    STANDARD_INPUT,
    ImportOptions,
    KindName,
    LinesLimit,
    Mapping,
    checked,
    file_of,
    mapping_of,
    members_of,
    require_account_column,
)
from tallystick.settings import Settings

ARCHIVE = ".zip"
PATTERN = re.compile(r"[*?]|\[.+\]")
"""What tells a pattern from a name."""
KindArgument = Annotated[
    KindName, typer.Argument(metavar="KIND", help=f"What the files hold: {', '.join(KINDS)}.")
]
Files = Annotated[
    list[str],
    typer.Argument(
        metavar="FILE…",
        help="CSV (.tsv, .txt and .out too), NDJSON, JSON, Parquet or workbooks (.xlsx) by suffix, "
        ".gz and .zst too, .zip for each file in it; - is CSV on standard input.",
    ),
]
RejectsFile = Annotated[
    Path | None,
    typer.Option(
        "--rejects",
        help="Write refused lines here as CSV, with the reason; corrected, it can be imported.",
    ),
]
DryRun = Annotated[
    bool,
    typer.Option(
        "--dry-run",
        help="Change nothing, and say what expectations or identities would change, the report "
        "included.",
    ),
]
Propose = Annotated[
    bool,
    typer.Option(
        "--propose", help="Keep expectations as a proposal, for another person to approve."
    ),
]
MaxRejects = Annotated[
    str | None,
    typer.Option(
        metavar="N|P%",
        help="Check each file whole first, and refuse it whole if more lines are bad: a number, "
        "or a share like 0.5%.",
    ),
]
MaxDoubts = Annotated[
    str | None,
    typer.Option(
        metavar="N|P%",
        help="Check each file whole first, and refuse it whole if there are more doubts about its "
        "lines: a number, or a share like 0.5%. A line with two doubts counts twice.",
    ),
]
CheckDigitChoice = Literal["add", "strip", "keep"]
Map = Annotated[
    str | None,
    typer.Option(
        "--map",
        metavar="NAME|FILE",
        help="Read the files by a mapping: one of `tallystick maps`, or a file that ends in .toml.",
    ),
]
Columns = Annotated[
    str | None,
    typer.Option(
        metavar="NAMES",
        help="The names of the columns, with commas between, where no line of the file names them; "
        "an empty name is passed over.",
    ),
]
Zone = Annotated[
    str | None,
    typer.Option(
        metavar="ZONE",
        help="The zone of moments that name none, like America/New_York. Without: UTC, which the "
        "receipt says.",
    ),
]
TimeFormats = Annotated[
    list[str] | None,
    typer.Option(
        "--time-format",
        metavar="FORMAT",
        help="How moments are written, like '%d/%m/%Y %H:%M'; tried before all others.",
    ),
]
Sheet = Annotated[
    str | None,
    typer.Option(
        metavar="NAME", help="The sheet of a workbook. Without: the first that is not hidden."
    ),
]
CheckDigits = Annotated[
    CheckDigitChoice | None,
    typer.Option(
        "--check-digit",
        help="Add or strip the check digit at the end of every ICCID, or keep them as they are.",
    ),
]
AccountOfAll = Annotated[
    str | None,
    typer.Option(
        "--account",
        metavar="NAME",
        help="The account of SIMs, or of groups, of which the file names none. In a table with a "
        "column of accounts, a row without one is refused.",
    ),
]
Connections = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        min=1,
        max=CONNECTIONS_MAX,
        help="Take activations in over so many connections at once, on PostgreSQL. Without: one. "
        "A file that was begun goes on over as many as before.",
    ),
]
PreviewOnly = Annotated[
    bool,
    typer.Option(
        "--preview",
        help="Show how the first lines would be read, and take nothing in.",
    ),
]


def require_ledgered(kind: KindName, *, dry_run: bool, propose: bool, has_origin: bool) -> None:
    """Only expectations and identities have a ledger. Raises `BadParameter`."""
    if dry_run and propose:
        message = "goes without --propose: what is only tried is not proposed"
        raise typer.BadParameter(message, param_hint="--dry-run")
    if propose and kind == "identities":
        message = "goes with expectations only; identities are tried with --dry-run"
        raise typer.BadParameter(message, param_hint="--propose")
    if not KINDS[kind].is_ledgered and (dry_run or propose or has_origin):
        message = "go with expectations and identities only, whose changes are told in the ledger"
        raise typer.BadParameter(
            message, param_hint="--dry-run, --propose, --ticket, --reason and --as"
        )


OPTIONS_OF_FIELDS = {
    "names": "--columns",
    "zone": "--zone",
    "time_formats": "--time-format",
    "sheet": "--sheet",
    "check_digit": "--check-digit",
    "account": "--account",
}
"""The options that stand in the place of what a mapping says, by its fields."""


def mapping_asked(
    kind: KindName,
    name: str | None,
    columns: str | None,
    zone: str | None,
    time_formats: Sequence[str],
    sheet: str | None,
    check_digit: CheckDigitChoice | None,
    account: str | None,
) -> Mapping:
    """The mapping that the options name, with what the others say in its place.

    Raises wrong usage.
    """
    said = {
        "names": tuple(each.strip() for each in columns.split(",")) if columns else None,
        "zone": zone,
        "time_formats": tuple(time_formats) or None,
        "sheet": sheet,
        "check_digit": check_digit,
        "account": _account_of_all(kind, account),
    }
    with _naming("--map"):
        mapping = ANY if name is None else mapping_of(name)
    for field, option in OPTIONS_OF_FIELDS.items():
        if said[field] is None:
            continue
        with _naming(option):
            mapping = checked(msgspec.structs.replace(mapping, **{field: said[field]}))
    if mapping.kinds and kind not in mapping.kinds:
        message = f"{name} is of {' and '.join(mapping.kinds)}, not of {kind}"
        raise typer.BadParameter(message, param_hint="--map")
    return mapping


def _account_of_all(kind: KindName, account: str | None) -> str | None:
    """The account that was named for lines which name none. Raises wrong usage."""
    if account is None:
        return None
    with _naming("--account"):
        require_account_column(kind)
    name = account.strip()
    if not name:
        message = "is empty: name the account that the lines are of, or leave the option out"
        raise typer.BadParameter(message, param_hint="--account")
    return name


@contextmanager
def _naming(option: str) -> Iterator[None]:
    """Turn refusals into wrong usage of an option."""
    try:
        yield
    except Refusal as refusal:
        raise typer.BadParameter(refusal.message, param_hint=option) from refusal


def connections_asked(kind: KindName, asked: int | None, settings: Settings) -> int:
    """Over how many connections activations are taken in. Raises `BadParameter`."""
    if asked is None:
        return 1
    if not KINDS[kind].is_shortlisted:
        message = "goes with activations only; other facts are taken in over one connection"
        raise typer.BadParameter(message, param_hint="--connections")
    if settings.database.startswith("sqlite:"):
        message = "goes with a store on PostgreSQL only; SQLite has one writer at a time"
        raise typer.BadParameter(message, param_hint="--connections")
    return asked


def limited(
    options: ImportOptions, max_rejects: str | None, max_doubts: str | None
) -> ImportOptions:
    """The options with the limits that were asked for."""
    rejects, doubts = _limit("--max-rejects", max_rejects), _limit("--max-doubts", max_doubts)
    return replace(options, max_rejects=rejects, max_doubts=doubts)


def _limit(option: str, text: str | None) -> LinesLimit | None:
    try:
        return None if text is None else LinesLimit.parse(text)
    except InvalidValue as refusal:
        raise typer.BadParameter(refusal.message, param_hint=option) from refusal


def expanded(patterns: list[str]) -> Iterator[str]:
    """The files that quoted patterns name, in order; those in archives one by one.

    A name without a match stays, to be told of.
    """
    for pattern in patterns:
        is_one = pattern == STANDARD_INPUT or Path(pattern).exists()
        matches = [] if is_one else glob.glob(pattern)  # noqa: PTH207 - it may be absolute
        for path in sorted(matches) or [pattern]:
            yield from _files_in(path)


def refuse_unmatched(path: str) -> None:
    """Refuse a pattern that no file matches. Raises `FileRefused`."""
    if PATTERN.search(path) and not is_there(path):
        message = f"{path}: no file matches the pattern"
        raise FileRefused(message)


def is_there(path: str) -> bool:
    """Whether there is something to be read: a file, one in an archive, or standard input."""
    return path == STANDARD_INPUT or file_of(path).exists()


def _files_in(path: str) -> list[str]:
    """The files of an archive; of any other path, and of what is no archive, itself."""
    if not path.lower().endswith(ARCHIVE) or not Path(path).is_file():
        return [path]
    try:
        return members_of(path)
    except FileRefused:
        return [path]  # to be told of with the others
