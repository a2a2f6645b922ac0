"""The report: who may see what, in which window; rows as wire bytes, as they are asked for."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from operator import itemgetter
from typing import TYPE_CHECKING

from tallystick.core.allowed import HARDWARE, Allowed
from tallystick.core.errors import NoAccounts, StoreOutdated
from tallystick.core.moments import zone_named
from tallystick.core.reason_json import Extra, append, decode, encode, extra_of
from tallystick.core.reasons import Row, reasons_of_others
from tallystick.core.selection import account_number, account_of_group, found_group
from tallystick.store import Scope

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import tzinfo

    from tallystick.core.identifiers import Imei
    from tallystick.core.reasons import Company
    from tallystick.core.selection import Listed
    from tallystick.core.window import Window
    from tallystick.store import Reader
    from tallystick.store.report import ExplainedRow

ROWS_EXPLAINED_AT_ONCE = 16_000

Explained = tuple[bytes, bytes]
"""A row as it goes over the wire, and its reasons as they are told."""


@dataclass(frozen=True, slots=True)
class Question:
    """What a report is asked for.

    Without accounts it is about all that the asker may see, without `listed` about all their SIMs,
    and without `imeis` about whatever hardware these were found in.
    """

    window: Window
    accounts: tuple[str, ...] = ()
    group: str | None = None
    listed: Listed | None = None
    imeis: tuple[Imei, ...] | None = None


def answer(
    reader: Reader, visible: Mapping[str, int], question: Question, generations: tuple[str, ...]
) -> Iterator[bytes]:
    """Give the report's rows in order of activation time, then ICCID, as they go over the wire.

    `visible` are the numbers, by name, of the accounts that the asker may see. Raises `NoAccounts`,
    `AccountNotFound`, `AccountRequired` or `GroupNotFound`, before the first row.
    """
    return reader.report(scope_of(reader, visible, question, generations), question.window)


def answer_joined(
    reader: Reader, visible: Mapping[str, int], question: Question, generations: tuple[str, ...]
) -> Iterator[bytes]:
    """The same rows, many at a time with commas between: the cheapest way to all of them."""
    return reader.report_joined(scope_of(reader, visible, question, generations), question.window)


def answer_explained(
    reader: Reader,
    visible: Mapping[str, int],
    question: Question,
    generations: tuple[str, ...],
    zone_name: str,
) -> Iterator[list[Explained]]:
    """Give the same rows with their reasons (`core/reason_json.py`), many rows at a time.

    Reasons name other SIMs of the accounts that the asker may see, and no others.
    """
    scope = scope_of(reader, visible, question, generations)
    return _explained_rows(reader, scope, tuple(visible.values()), question.window, zone_name)


def _explained_rows(
    reader: Reader, scope: Scope, account_ids: tuple[int, ...], window: Window, zone_name: str
) -> Iterator[list[Explained]]:
    rows = reader.report_explained(scope, window)
    while portion := list(islice(rows, ROWS_EXPLAINED_AT_ONCE)):
        yield explained(reader, portion, account_ids, window, zone_name)


def explained(
    reader: Reader,
    rows: list[ExplainedRow],
    account_ids: tuple[int, ...],
    window: Window,
    zone_name: str,
) -> list[Explained]:
    """Give kept rows with their reasons, those that concern other SIMs of some accounts included.

    Raises `StoreOutdated` where a row has no reasons yet.
    """
    zone = zone_named(zone_name)
    if None in map(itemgetter(1), rows):
        message = (
            "the store has no reasons yet for some rows that an older program kept; run "
            "`tallystick init`"
        )
        raise StoreOutdated(message)
    if zone_name != reader.wire_zone():
        rows = [(row[0], encode(decode(row[1]), zone), *row[2:]) for row in rows]
    companies = reader.companies(rows, account_ids, window)
    return _with_company(rows, companies, reader.lists_expected(rows), zone)


def _with_company(
    rows: list[ExplainedRow],
    companies: Mapping[int, Company],
    lists: Mapping[tuple[int, int], str],
    zone: tzinfo,
) -> list[Explained]:
    """Rows and their reasons, those that concern other SIMs behind those of the SIM alone."""
    # Hardware that nobody claims reads the same in all rows but the first listed.
    crowds: dict[int, Extra | None] = {}
    with_all = []
    for wire, own, iccid, seen_in, expected, activated_at in rows:
        hardware = seen_in // HARDWARE
        company = companies.get(hardware)
        if company is None:
            with_all.append((wire, own))
            continue
        is_one_of_many = not company.claims and iccid not in company.seen
        if is_one_of_many and hardware in crowds:
            more = crowds[hardware]
        else:
            expected_in = Allowed.read(expected, lists.get((iccid, expected))).hardware
            row = Row(iccid, activated_at, expected_in)
            more = extra_of(reasons_of_others(row, company), zone)
            if is_one_of_many:
                crowds[hardware] = more
        with_all.append((wire, append(own, more) if more else own))
    return with_all


def scope_of(
    reader: Reader, visible: Mapping[str, int], question: Question, generations: tuple[str, ...]
) -> Scope:
    """Whose rows a question is about, by the numbers that the store has for them.

    Raises `NoAccounts`, `AccountNotFound`, `AccountRequired` or `GroupNotFound`.
    """
    if not visible:
        raise NoAccounts
    account_ids = tuple(
        sorted(account_number(visible, account) for account in question.accounts or visible)
    )
    hardware = _hardware(question.imeis)
    return Scope(
        account_ids,
        generations,
        _found_in(reader, hardware, _iccids(reader, question.listed)),
        question.group is not None,
        _group_id(reader, account_ids, question),
        hardware,
    )


def _hardware(imeis: tuple[Imei, ...] | None) -> tuple[int, ...] | None:
    return None if imeis is None else tuple(sorted({imei.identity for imei in imeis}))


def _found_in(
    reader: Reader, hardware: tuple[int, ...] | None, listed: tuple[int, ...] | None
) -> tuple[int, ...] | None:
    """The SIMs that are listed, None being all; of those the ones that have rows in hardware."""
    if hardware is None:
        return listed
    found = reader.sims_with_rows_in(hardware)
    return tuple(found if listed is None else found.intersection(listed))


def _group_id(reader: Reader, account_ids: tuple[int, ...], question: Question) -> int | None:
    """The number of the group that is asked for; None for the default group, or where none is."""
    if question.group is None:
        return None
    account = account_of_group(question.group, question.accounts)
    return found_group(reader.group_id(account_ids[0], question.group), question.group, account)


def _iccids(reader: Reader, listed: Listed | None) -> tuple[int, ...] | None:
    if listed is None:
        return None
    return (*listed.iccids, *(reader.iccids_of(listed.mdns) if listed.mdns else ()))
