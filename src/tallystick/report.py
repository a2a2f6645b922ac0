"""The report: who may see what, in which window; rows as wire bytes, as they are asked for."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from operator import itemgetter
from typing import TYPE_CHECKING

from tallystick.core.errors import AccountRequired, GroupNotFound, NoAccounts, StoreOutdated
from tallystick.core.identifiers import Iccid, Imei, shown
from tallystick.core.moments import Moment, zone_named
from tallystick.core.reasons import Row, is_placeholder, reasons_of_others
from tallystick.core.selection import UNASSIGNED, account_number
from tallystick.core.told import read_told, told
from tallystick.store import Scope

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import tzinfo

    from tallystick.core.selection import Listed
    from tallystick.core.window import Window
    from tallystick.store import Reader
    from tallystick.store.reasons import Companies
    from tallystick.store.report import ExplainedRow

ROWS_EXPLAINED_AT_ONCE = 16_000
HARDWARE = Imei.IDENTITY_DIVISOR

Explained = tuple[bytes, bytes]
"""A row as it goes over the wire, and its reasons as they are told."""


@dataclass(frozen=True, slots=True)
class Question:
    """What a report is asked for. No accounts: all that the asker may see; `listed` None: all their SIMs."""

    window: Window
    accounts: tuple[str, ...] = ()
    group: str | None = None
    listed: Listed | None = None


def answer(
    reader: Reader, visible: Mapping[str, int], question: Question, generations: tuple[str, ...]
) -> Iterator[bytes]:
    """Rows of the report, ordered by the activation's time, then ICCID; each as it goes over the wire.

    `visible` are the numbers, by name, of the accounts that the asker may see. Raises, before the first row,
    `NoAccounts`, `AccountNotFound`, `AccountRequired` or `GroupNotFound`.
    """
    return reader.report(_scope(reader, visible, question, generations), question.window)


def answer_joined(
    reader: Reader, visible: Mapping[str, int], question: Question, generations: tuple[str, ...]
) -> Iterator[bytes]:
    """The same rows, many at a time with commas between: the cheapest way to all of them."""
    return reader.report_joined(_scope(reader, visible, question, generations), question.window)


def answer_explained(
    reader: Reader, visible: Mapping[str, int], question: Question, generations: tuple[str, ...], zone_name: str
) -> Iterator[list[Explained]]:
    """The same rows, each with its reasons (`core/told.py`), whose times print in a zone; many rows at a time.

    Reasons name other SIMs of the accounts that the asker may see, and no others.
    """
    scope = _scope(reader, visible, question, generations)
    return _explained_rows(reader, scope, tuple(visible.values()), question.window, zone_name)


def _explained_rows(
    reader: Reader, scope: Scope, account_ids: tuple[int, ...], window: Window, zone_name: str
) -> Iterator[list[Explained]]:
    zone, is_kept_zone = zone_named(zone_name), zone_name == reader.wire_zone()
    rows = reader.report_explained(scope, window)
    while some := list(islice(rows, ROWS_EXPLAINED_AT_ONCE)):
        if None in map(itemgetter(1), some):
            message = "the store has no reasons yet for some rows that an older program kept; run `tallystick init`"
            raise StoreOutdated(message)
        companies = reader.companies(_pairs(some), account_ids, window)
        if companies or not is_kept_zone:
            yield [(row[0], _reasons(row, companies, zone, is_printed=is_kept_zone)) for row in some]
        else:
            yield [row[:2] for row in some]


def _pairs(rows: Iterable[ExplainedRow]) -> set[tuple[int, int]]:
    """The hardware that rows were found in, and that they were expected in.

    What many show that have no number of their own says nothing of other SIMs.
    """
    pairs = {(found // HARDWARE, expected // HARDWARE) for _, _, _, found, expected, _ in rows}
    return {pair for pair in pairs if not is_placeholder(pair[0])}


def _reasons(row: ExplainedRow, companies: Companies, zone: tzinfo, *, is_printed: bool) -> bytes:
    """The reasons of a row as they are told; `is_printed` is whether the kept ones are printed in this zone."""
    _, own, iccid, found, expected, activated_at = row
    company = companies.get((found // HARDWARE, expected // HARDWARE))
    more = reasons_of_others(Row(Iccid(iccid), Moment(activated_at)), company) if company else []
    return own if is_printed and not more else told([*read_told(own), *more], zone)


def _scope(reader: Reader, visible: Mapping[str, int], question: Question, generations: tuple[str, ...]) -> Scope:
    if not visible:
        raise NoAccounts
    account_ids = tuple(sorted(account_number(visible, account) for account in question.accounts or visible))
    return Scope(
        account_ids,
        generations,
        _iccids(reader, question.listed),
        question.group is not None,
        _group_id(reader, account_ids, question),
    )


def _group_id(reader: Reader, account_ids: tuple[int, ...], question: Question) -> int | None:
    if question.group is None:
        return None
    if len(question.accounts) != 1:
        message = f"group {shown(question.group)} can only be named together with one account"
        raise AccountRequired(message)
    group_id = reader.group_id(account_ids[0], question.group)
    if group_id is None and question.group != UNASSIGNED:
        message = f"there is no group {shown(question.group)} in account {shown(question.accounts[0])}"
        raise GroupNotFound(message)
    return group_id


def _iccids(reader: Reader, listed: Listed | None) -> tuple[int, ...] | None:
    if listed is None:
        return None
    return (*listed.iccids, *(reader.iccids_of(listed.mdns) if listed.mdns else ()))
