"""Groups of an account's SIMs: made, listed, read, changed and deleted (contract, section 4).

A SIM is in one group of its account at a time. Those in no other are in the default one, which
every account has and which is kept as their absence from the others.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tallystick.core.errors import DefaultGroupKept, InvalidValue, NameTaken
from tallystick.core.identifiers import parse_name, shown
from tallystick.core.selection import UNASSIGNED, Listed, found_group

if TYPE_CHECKING:
    from tallystick.store import Reader, Writer
    from tallystick.store.groups import GroupRow, Member

DESCRIPTION_LENGTH_MAX = 1000
MEMBERS_A_PAGE_MAX = 2000
NOBODY = Listed()


@dataclass(frozen=True, slots=True)
class Group:
    """A group as its account sees it."""

    name: str
    description: str

    @property
    def is_default(self) -> bool:
        """Whether it is the one that every account has."""
        return self.name == UNASSIGNED


@dataclass(frozen=True, slots=True)
class MemberPage:
    """Some members of a group in order of ICCID, and whether there are more after them."""

    group: Group
    members: list[Member]
    has_more: bool


@dataclass(frozen=True, slots=True)
class GroupChange:
    """What is to become of a group; None leaves its name or its description as it is."""

    name: str | None = None
    description: str | None = None
    added: Listed = NOBODY
    removed: Listed = NOBODY

    def sims(self) -> frozenset[int] | None:
        """The SIMs that it changes anything of; None where that may be any.

        A phone number may be any SIM's, and the group itself is known to every machine of a
        cluster.
        """
        is_of_group = self.name is not None or self.description is not None
        if is_of_group or self.added.mdns or self.removed.mdns:
            return None
        return frozenset((*self.added.iccids, *self.removed.iccids))


@dataclass(frozen=True, slots=True)
class ChangedGroup:
    """A group after a change, and the listed ids that no SIM of the account has."""

    group: Group
    passed_over: Listed


DEFAULT = Group(UNASSIGNED, "The devices that are in no other group of the account")


def groups_of(reader: Reader, account_id: int) -> list[Group]:
    """The groups of an account, the default one first and the others by name."""
    return [DEFAULT, *(Group(row.name, row.description) for row in reader.groups(account_id))]


def members_of(reader: Reader, account_id: int, name: str, after: int) -> MemberPage:
    """The next members of a group after an ICCID, in order. Raises `GroupNotFound`."""
    at_most = MEMBERS_A_PAGE_MAX + 1
    if name == UNASSIGNED:
        group, members = DEFAULT, reader.unassigned_sims(account_id, after, at_most)
    else:
        row = _existing(reader, account_id, name)
        group = Group(row.name, row.description)
        members = reader.members_of_group(account_id, row.group_id, after, at_most)
    return MemberPage(group, members[:MEMBERS_A_PAGE_MAX], len(members) > MEMBERS_A_PAGE_MAX)


def create(writer: Writer, account_id: int, name: str, description: str, added: Listed) -> None:
    """Make a group of some SIMs, taking them out of the groups they were in.

    Raises `InvalidValue` or `NameTaken`.
    """
    _require_free(writer, account_id, parse_name("group", name))
    writer.add_group(account_id, name, _described(description))
    row = _existing(writer, account_id, name)
    writer.put_in_group(account_id, row.group_id, picked(writer, account_id, added))


def change(writer: Writer, account_id: int, name: str, wanted: GroupChange) -> None:
    """Change a group; SIMs to be removed go first, so that one also added ends in the group.

    Raises `InvalidValue`, `GroupNotFound`, `NameTaken` or `DefaultGroupKept`.
    """
    if name == UNASSIGNED:
        _change_default(writer, account_id, wanted)
        return
    row = _existing(writer, account_id, name)
    new_name = row.name if wanted.name is None else parse_name("group", wanted.name)
    if new_name != row.name:
        _require_free(writer, account_id, new_name)
    description = row.description if wanted.description is None else _described(wanted.description)
    if (new_name, description) != (row.name, row.description):
        writer.change_group(row.group_id, new_name, description)
    writer.take_out_of_group(account_id, row.group_id, picked(writer, account_id, wanted.removed))
    writer.put_in_group(account_id, row.group_id, picked(writer, account_id, wanted.added))


def show(reader: Reader, account_id: int, name: str) -> Group:
    """A group as its account sees it. Raises `GroupNotFound`."""
    if name == UNASSIGNED:
        return DEFAULT
    row = _existing(reader, account_id, name)
    return Group(row.name, row.description)


def create_and_show(
    writer: Writer, account_id: int, name: str, description: str, added: Listed
) -> ChangedGroup:
    """Make a group of some SIMs, and tell what came of it. Raises what `create` does."""
    create(writer, account_id, name, description, added)
    return ChangedGroup(show(writer, account_id, name), _passed_over(writer, account_id, added))


def change_and_show(
    writer: Writer, account_id: int, name: str, wanted: GroupChange
) -> ChangedGroup:
    """Change a group, and tell what came of it. Raises what `change` does."""
    change(writer, account_id, name, wanted)
    now = show(writer, account_id, name if wanted.name is None else wanted.name)
    both = Listed(
        (*wanted.added.iccids, *wanted.removed.iccids),
        (*wanted.added.mdns, *wanted.removed.mdns),
    )
    return ChangedGroup(now, _passed_over(writer, account_id, both))


def _passed_over(reader: Reader, account_id: int, listed: Listed) -> Listed:
    """Those of the listed ids that no SIM of the account has."""
    own = set(picked(reader, account_id, listed))
    iccids = tuple(iccid for iccid in listed.iccids if iccid not in own)
    return Listed(
        iccids, tuple(mdn for mdn in listed.mdns if own.isdisjoint(reader.iccids_of([mdn])))
    )


def delete(writer: Writer, account_id: int, name: str) -> None:
    """Delete a group; its SIMs are in the default group then.

    Raises `GroupNotFound` or `DefaultGroupKept`.
    """
    writer.delete_group(account_id, _existing(writer, account_id, name).group_id)


def picked(reader: Reader, account_id: int, listed: Listed) -> list[int]:
    """Give the SIMs of an account that have one of the listed ids; other ids pick nothing."""
    iccids = {*listed.iccids, *(reader.iccids_of(listed.mdns) if listed.mdns else ())}
    return reader.sims_in_account(account_id, iccids) if iccids else []


def _change_default(writer: Writer, account_id: int, wanted: GroupChange) -> None:
    """Put SIMs in the default group: out of any other. Nothing can be taken out of it."""
    if wanted.name not in {None, UNASSIGNED} or wanted.description:
        raise DefaultGroupKept
    writer.leave_groups(account_id, picked(writer, account_id, wanted.added))


def _existing(reader: Reader, account_id: int, name: str) -> GroupRow:
    """The row of a group that is not the default one. Raises `GroupNotFound`."""
    row = reader.group(account_id, name)
    if row is None:
        found_group(row, name, reader.account_names()[account_id])
        raise DefaultGroupKept
    return row


def _require_free(reader: Reader, account_id: int, name: str) -> None:
    if name == UNASSIGNED or reader.group(account_id, name) is not None:
        message = f"there is a group {shown(name)} in this account already"
        raise NameTaken(message)


def _described(text: str) -> str:
    if len(text) > DESCRIPTION_LENGTH_MAX or not text.isprintable():
        message = (
            f"description must be at most {DESCRIPTION_LENGTH_MAX} printable characters, "
            f"not {shown(text)}"
        )
        raise InvalidValue(message)
    return text
