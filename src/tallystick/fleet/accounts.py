"""Accounts: who owns SIMs, made, shown, changed and removed by an operator."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tallystick.core.errors import AccountNotEmpty, NameTaken
from tallystick.core.identifiers import parse_name, shown
from tallystick.core.selection import found_account

if TYPE_CHECKING:
    from tallystick.core.approval import Approval
    from tallystick.core.pairing import FirstUse
    from tallystick.store import Reader, Writer


@dataclass(frozen=True, slots=True)
class Account:
    """An account as an operator sees it; `groups` are those beside the default one.

    `first_use` is what it expects of SIMs while no expectation is in force; `approval` is whether
    another person has to approve what is to be expected of its SIMs.
    """

    name: str
    first_use: FirstUse
    approval: Approval
    sims: int
    groups: int
    users: tuple[str, ...]


def listed(reader: Reader) -> dict[str, Approval]:
    """The accounts, by name, and whether each asks for approval."""
    return reader.approvals()


def number_of(reader: Reader, name: str) -> int:
    """An account's number. Raises `AccountNotFound`."""
    return found_account(reader.account_id(name), name)


def show(reader: Reader, name: str) -> Account:
    """What an account has, and who may see it. Raises `AccountNotFound`."""
    account_id = number_of(reader, name)
    users = tuple(reader.users_who_see(account_id))
    groups = len(reader.groups(account_id))
    first_use, approval = reader.first_uses()[name], reader.approvals()[name]
    return Account(name, first_use, approval, reader.count_of_sims(account_id), groups, users)


def add(writer: Writer, name: str) -> None:
    """Make an account known. Raises `InvalidValue` or `NameTaken`."""
    _require_free(writer, parse_name("account", name))
    writer.add_account(name)


def rename(writer: Writer, name: str, new_name: str) -> None:
    """Give an account another name, which reports of its past print too.

    Raises `InvalidValue`, `AccountNotFound` or `NameTaken`.
    """
    account_id = number_of(writer, name)
    if parse_name("account", new_name) != name:
        _require_free(writer, new_name)
        writer.rename_account(account_id, new_name)


def hold(writer: Writer, name: str, first_use: FirstUse) -> None:
    """Hold an account's SIMs to where they were first seen, or no longer.

    Raises `AccountNotFound`.
    """
    writer.set_first_use(number_of(writer, name), first_use)


def ask(writer: Writer, name: str, approval: Approval) -> None:
    """Have an account ask for approval of changes of expectations, or no longer.

    Raises `AccountNotFound`.
    """
    writer.set_approval(number_of(writer, name), approval)


def remove(writer: Writer, name: str) -> None:
    """Forget an account that has no SIMs, groups or unfinished uploads, and who was granted it.

    Raises `AccountNotFound` or `AccountNotEmpty`.
    """
    account_id = number_of(writer, name)
    content = {
        "SIMs": writer.count_of_sims(account_id),
        "groups": len(writer.groups(account_id)),
        "uploads to take in": writer.count_waiting_uploads_to(account_id),
        "uploads to approve": writer.count_proposed_uploads_to(account_id),
    }
    if any(content.values()):
        counts = ", ".join(f"{what}: {count:,}" for what, count in content.items() if count)
        message = f"account {shown(name)} is not empty ({counts}); move or remove what it has first"
        raise AccountNotEmpty(message)
    writer.remove_account(account_id)


def _require_free(reader: Reader, name: str) -> None:
    if reader.account_id(name) is not None:
        message = f"there is an account named {shown(name)} already"
        raise NameTaken(message)
