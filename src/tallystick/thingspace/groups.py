"""Groups of devices: `/groups` and what is below it (contract, section 4)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import falcon
import msgspec

from tallystick.fleet import groups
from tallystick.http.acts import records
from tallystick.http.gate import for_users, user_of
from tallystick.thingspace.accounts import account_in_path, visible_account
from tallystick.thingspace.bodies import (
    ChangeGroupBody,
    CreateGroupBody,
    device_number,
    listed_in,
    read_json,
    require,
)
from tallystick.thingspace.described import GroupAnswer, MembersAnswer, Success, described
from tallystick.thingspace.names import name_meant

if TYPE_CHECKING:
    from falcon import Request, Response

    from tallystick.fleet.groups import Group
    from tallystick.store import Reader, Store
    from tallystick.store.devices import Device
    from tallystick.store.groups import Member

NEXT = {"next": "devices behind the one of this number, which `Location` of a page gives"}
SUCCESS = b'{"success":true}'


def identifiers_of(member: Member | Device) -> list[dict[str, str]]:
    """A device's identifiers, as many as are known."""
    identifiers = [{"kind": "ICCID", "id": str(member.iccid)}]
    return (
        identifiers
        if member.mdn is None
        else [*identifiers, {"kind": "MDN", "id": str(member.mdn)}]
    )


class Groups:
    """`POST /groups`: a new group."""

    def __init__(self, store: Store) -> None:
        self._store = store

    @described(CreateGroupBody, Success)
    @for_users
    @records("group.add")
    def on_post(self, req: Request, resp: Response) -> None:
        """Make a group, of devices if some are listed."""
        user_id = user_of(req)
        body = read_json(req, CreateGroupBody)
        account = require("accountName", body.account_name)
        name = require("groupName", body.group_name)
        added = listed_in("devicesToAdd", body.devices_to_add)
        with self._store.transaction() as writer:
            account_id = visible_account(writer, user_id, account)
            groups.create(writer, account_id, name, body.group_description, added)
        resp.data = SUCCESS


class AccountGroups:
    """`GET /groups/{account}`: every group of an account."""

    def __init__(self, store: Store) -> None:
        self._store = store

    @described(answer=list[GroupAnswer])
    @for_users
    def on_get(self, req: Request, resp: Response, account: str) -> None:
        """List the groups, the default one first."""
        user_id = user_of(req)
        with self._store.snapshot() as reader:
            listed_groups = groups.groups_of(
                reader, account_in_path(reader, user_id, account).account_id
            )
        resp.data = msgspec.json.encode([_described(group) for group in listed_groups])


class NamedGroup:
    """`/groups/{account}/name/{group}`: one group, with its devices."""

    def __init__(self, store: Store) -> None:
        self._store = store

    @described(answer=MembersAnswer, statuses=(200, 202), query=NEXT)
    @for_users
    def on_get(self, req: Request, resp: Response, account: str, group: str) -> None:
        """Read the group: 202 and the next page's address while there are more devices."""
        user_id = user_of(req)
        after = device_number("next", req.get_param("next") or "-1")
        with self._store.snapshot() as reader:
            owner = account_in_path(reader, user_id, account)
            name = _group_in_path(reader, owner.account_id, group)
            page = groups.members_of(reader, owner.account_id, name, after)
        if page.has_more:
            # Without the host, which the caller could make up for whoever reads a cached answer.
            root = req.path.partition("/groups/")[0]
            path = f"{root}/groups/{quote(owner.name, '')}/name/{quote(name, '')}"
            resp.status = falcon.HTTP_202
            resp.set_header("Location", f"{path}?next={int(page.members[-1].iccid)}")
        resp.data = msgspec.json.encode(
            {
                "name": page.group.name,
                "description": page.group.description,
                "hasMoreData": page.has_more,
                "devices": [{"deviceIds": identifiers_of(member)} for member in page.members],
            }
        )

    @described(ChangeGroupBody, Success)
    @for_users
    @records("group.change")
    def on_put(self, req: Request, resp: Response, account: str, group: str) -> None:
        """Change the group: its name, its description, which devices are in it."""
        user_id = user_of(req)
        body = read_json(req, ChangeGroupBody)
        wanted = groups.GroupChange(
            body.new_group_name or None,
            body.new_group_description or None,
            listed_in("devicesToAdd", body.devices_to_add),
            listed_in("devicesToRemove", body.devices_to_remove),
        )
        with self._store.transaction(sims=wanted.sims()) as writer:
            account_id = account_in_path(writer, user_id, account).account_id
            groups.change(writer, account_id, _group_in_path(writer, account_id, group), wanted)
        resp.data = SUCCESS

    @described(answer=Success)
    @for_users
    @records("group.remove")
    def on_delete(self, req: Request, resp: Response, account: str, group: str) -> None:
        """Delete the group; its devices are in the default group then."""
        user_id = user_of(req)
        with self._store.transaction() as writer:
            account_id = account_in_path(writer, user_id, account).account_id
            groups.delete(writer, account_id, _group_in_path(writer, account_id, group))
        resp.data = SUCCESS


def _group_in_path(reader: Reader, account_id: int, segment: str) -> str:
    """The name of the group that a segment of the path names, whether it is there or not."""
    if "+" not in segment:
        return segment
    return name_meant(segment, [group.name for group in groups.groups_of(reader, account_id)])


def _described(group: Group) -> dict[str, Any]:
    return {
        "name": group.name,
        "description": group.description,
        "isDefaultGroup": group.is_default,
        "extendedAttributes": [],
    }
