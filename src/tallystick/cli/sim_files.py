"""SIMs that a command is given: as arguments, or in a file."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING, NamedTuple

import typer

from tallystick.core.errors import FileRefused
from tallystick.core.written_values import pasted
from tallystick.intake import SEPARATORS, text_lines
from tallystick.intake.mappings import plain_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path


ICCID = "iccid"


class Line(NamedTuple):
    """One SIM as given: its line in the file, or None, and the account that it is to go to."""

    number: int | None
    iccid: str
    account: str


def lines_of(iccids: Sequence[str], file: Path | None, account: str | None) -> Iterator[Line]:
    """The SIMs of the arguments or of the file, which may say where each goes.

    `account` is where all of them go; None where the file has to say it.

    Raises `FileRefused` where the file cannot be read, and wrong usage where something lacks or is
    said twice.
    """
    if bool(iccids) == (file is not None):
        message = "name the SIMs either one by one or with --file"
        raise typer.BadParameter(message)
    if file is None:
        return (Line(None, pasted(iccid), _said(account)) for iccid in iccids)
    return _lines_in(file, account)


def _lines_in(file: Path, account: str | None) -> Iterator[Line]:
    columns: list[str] | None = None
    separator = ","
    for number, line in enumerate(text_lines(str(file)), 1):
        if columns is None:
            separator = next((each for each in SEPARATORS if each in line), separator)
        values = _values(file, number, line, separator)
        if not any(values):
            continue
        if columns is None:
            names = [plain_name(value) for value in values]
            columns = _columns(names)
            _require_one(columns, account)
            if ICCID in names:
                continue
        fields = dict(zip(columns, values, strict=False))
        iccid = pasted(fields.get(ICCID, ""))
        yield Line(number, iccid, fields.get("account", account or ""))


def _values(file: Path, number: int, line: str, separator: str) -> list[str]:
    try:
        return [value.strip() for value in next(csv.reader([line], delimiter=separator), [])]
    except csv.Error as error:
        message = f"{file}: line {number} has neither one ICCID nor one record: {error}"
        raise FileRefused(message) from error


def _columns(first: list[str]) -> list[str]:
    """The columns of the file, by its first line: a header that names the ICCID, or an ICCID."""
    if ICCID in first:
        return first
    if len(first) > 1:
        message = "the first line must name the columns, iccid and account, for there are several"
        raise FileRefused(message)
    return [ICCID]


def _require_one(columns: Sequence[str], account: str | None) -> None:
    if "account" not in columns:
        _said(account)
    elif account is not None:
        message = "the file says where each SIM goes; leave --to out"
        raise typer.BadParameter(message)


def _said(account: str | None) -> str:
    if account is None:
        message = (
            "say where the SIMs go: --to ACCOUNT, or a file with the columns iccid and account"
        )
        raise typer.BadParameter(message)
    return account
