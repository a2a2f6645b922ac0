"""The report: who may see what, in which window; rows as wire bytes, as they are asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tallystick.core.errors import AccountRequired, GroupNotFound, NoAccounts
from tallystick.core.identifiers import shown
from tallystick.core.selection import UNASSIGNED, account_number
from tallystick.store import Scope

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tallystick.core.selection import Listed
    from tallystick.core.window import Window
    from tallystick.store import Reader


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
    return reader.report(scope_of(reader, visible, question, generations), question.window)


def answer_joined(
    reader: Reader, visible: Mapping[str, int], question: Question, generations: tuple[str, ...]
) -> Iterator[bytes]:
    """The same rows, many at a time with commas between: the cheapest way to all of them."""
    return reader.report_joined(scope_of(reader, visible, question, generations), question.window)


def scope_of(reader: Reader, visible: Mapping[str, int], question: Question, generations: tuple[str, ...]) -> Scope:
    """Whose rows a question is about, by the numbers that the store has for them.

    Raises `NoAccounts`, `AccountNotFound`, `AccountRequired` or `GroupNotFound`.
    """
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
