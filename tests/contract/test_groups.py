"""Groups of devices, over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

import pytest

from tallystick.core.facts import GroupMember
from tallystick.core.identifiers import Iccid
from tallystick.core.selection import UNASSIGNED
from tallystick.fleet import groups
from tallystick.fleet.groups import DEFAULT
from tests.contract.conftest import FOREIGN, Served, mdn_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.serving import Reply, Session

CATCH_ALL = "REQUEST_FAILED.UnexpectedError"


def ids(iccids: Iterable[Iccid]) -> list[dict[str, str]]:
    """A list of devices by ICCID."""
    return [{"kind": "ICCID", "id": str(iccid)} for iccid in iccids]


def path_of(account: str, group: str) -> str:
    """Where a group is."""
    return f"/groups/{quote(account)}/name/{quote(group)}"


def create(
    session: Session, account: str, group: str, *iccids: Iccid, description: str = ""
) -> None:
    """Make a group."""
    body = {
        "accountName": account,
        "groupName": group,
        "groupDescription": description,
        "devicesToAdd": ids(iccids),
    }
    reply = session.call("POST", "/groups", body)
    assert (reply.status, reply.json) == (200, {"success": True})


def change(session: Session, account: str, group: str, **fields: Any) -> None:  # noqa: ANN401 - any JSON
    """Change a group."""
    reply = session.call("PUT", path_of(account, group), fields)
    assert (reply.status, reply.json) == (200, {"success": True})


def members(session: Session, account: str, group: str) -> list[str]:
    """The ICCIDs in a group."""
    reply = session.call("GET", path_of(account, group))
    assert reply.status == 200, reply
    return [device["deviceIds"][0]["id"] for device in reply.json["devices"]]


def check_refused(reply: Reply, code: str, *at_fault: str) -> None:
    """Hold an answer to the contract's shape of errors."""
    assert (reply.status, reply.json["errorCode"]) == (400, f"UnifiedWebService.{code}"), reply
    for part in at_fault:
        assert part in reply.json["errorMessage"]


def test_a_group_is_made_listed_and_read(served: Served) -> None:
    one, two, three = served.fleet("made", 3)
    session = served.session()
    body = {
        "accountName": "made",
        "groupName": "West & more",
        "groupDescription": "beyond the hills",
        "devicesToAdd": [
            {"kind": "iccid", "id": str(two)},
            {"kind": "MDN", "id": str(mdn_of(one))},
        ],
    }
    assert session.call("POST", "/groups", body).json == {"success": True}
    assert session.call("GET", "/groups/made").json == [
        {
            "name": UNASSIGNED,
            "description": DEFAULT.description,
            "isDefaultGroup": True,
            "extendedAttributes": [],
        },
        {
            "name": "West & more",
            "description": "beyond the hills",
            "isDefaultGroup": False,
            "extendedAttributes": [],
        },
    ]
    assert session.call("GET", path_of("made", "West & more")).json == {
        "name": "West & more",
        "description": "beyond the hills",
        "hasMoreData": False,
        "devices": [
            {
                "deviceIds": [
                    {"kind": "ICCID", "id": str(iccid)},
                    {"kind": "MDN", "id": str(mdn_of(iccid))},
                ]
            }
            for iccid in (one, two)
        ],
    }
    assert members(session, "made", UNASSIGNED) == [str(three)]


def test_a_device_is_in_one_group_of_its_account_at_a_time(served: Served) -> None:
    one, two, three = served.fleet("one at a time", 3)
    session = served.session()
    create(session, "one at a time", "A", one, two)
    create(session, "one at a time", "B", two)
    assert members(session, "one at a time", "A") == [str(one)]
    change(
        session,
        "one at a time",
        "A",
        devicesToAdd=ids([two, three]),
        devicesToRemove=ids([one, two]),
    )
    assert members(session, "one at a time", "A") == [str(two), str(three)]
    assert members(session, "one at a time", "B") == []
    assert members(session, "one at a time", UNASSIGNED) == [str(one)]


def test_a_device_is_not_removed_from_a_group_that_it_is_not_in(served: Served) -> None:
    (one,) = served.fleet("not in it", 1)
    session = served.session()
    create(session, "not in it", "A", one)
    create(session, "not in it", "B")
    change(session, "not in it", "B", devicesToRemove=ids([one]))
    assert members(session, "not in it", "A") == [str(one)]


def test_being_added_to_the_default_group_is_leaving_the_others(served: Served) -> None:
    one, two = served.fleet("default", 2)
    session = served.session()
    create(session, "default", "A", one, two)
    change(
        session,
        "default",
        UNASSIGNED,
        newGroupName=UNASSIGNED,
        devicesToAdd=ids([two]),
        devicesToRemove=ids([one]),
    )
    assert members(session, "default", UNASSIGNED) == [str(two)]
    assert members(session, "default", "A") == [str(one)]


def test_a_group_is_renamed_and_described_and_what_is_not_said_stays(served: Served) -> None:
    (one,) = served.fleet("renamed", 1)
    session = served.session()
    create(session, "renamed", "A", one, description="first")
    change(session, "renamed", "A", newGroupName="B", newGroupDescription=None)
    assert session.call("GET", path_of("renamed", "B")).json["description"] == "first"
    change(session, "renamed", "B", newGroupDescription="second", newGroupName="")
    assert session.call("GET", path_of("renamed", "B")).json["description"] == "second"
    assert members(session, "renamed", "B") == [str(one)]
    check_refused(
        session.call("GET", path_of("renamed", "A")), "REQUEST_FAILED.DeviceGroupNotFound", "'A'"
    )


def test_a_deleted_group_leaves_its_devices_unassigned(served: Served) -> None:
    (one,) = served.fleet("deleted", 1)
    session = served.session()
    create(session, "deleted", "A", one)
    assert session.call("DELETE", path_of("deleted", "A")).json == {"success": True}
    assert members(session, "deleted", UNASSIGNED) == [str(one)]
    assert len(session.call("GET", "/groups/deleted").json) == 1


def test_an_id_that_no_device_of_the_account_has_is_passed_over(served: Served) -> None:
    (one,) = served.fleet("passed over", 1)
    (others,) = served.fleet(FOREIGN, 1)
    session = served.session()
    never_seen = Iccid.parse("89999999999999999999")
    create(session, "passed over", "A", one, others, never_seen)
    assert members(session, "passed over", "A") == [str(one)]
    assert members(session, FOREIGN, UNASSIGNED) == [str(others)]


def test_large_groups_come_in_pages(served: Served) -> None:
    """202 and the next page's address in `Location` while there are more; each device once."""
    iccids = served.fleet("pages", 2 * groups.MEMBERS_A_PAGE_MAX + 1)
    session = served.session()
    in_group = iccids[: groups.MEMBERS_A_PAGE_MAX + 1]
    create(session, "pages", "to be read", *in_group)
    for group, expected in (("to be read", in_group), (UNASSIGNED, iccids[len(in_group) :])):
        found, path, statuses = list[str](), path_of("pages", group), list[int]()
        while path:
            reply = session.call("GET", path)
            statuses.append(reply.status)
            assert reply.json["hasMoreData"] == (reply.status == 202)
            found += [device["deviceIds"][0]["id"] for device in reply.json["devices"]]
            there = urlsplit(reply.headers.get("location", ""))
            assert not there.netloc
            path = f"{there.path.removeprefix('/api/m2m/v1')}?{there.query}" if there.path else ""
        assert found == list(map(str, expected))
        assert statuses == ([202, 200] if group == "to be read" else [200])


def test_what_is_imported_into_the_default_group_leaves_the_others(served: Served) -> None:
    one, two = served.fleet("imported", 2)
    with served.store.transaction() as writer:
        writer.take_group_members(
            [GroupMember("imported", "A", one), GroupMember("imported", "A", two)]
        )
        taken = writer.take_group_members(
            [GroupMember("imported", UNASSIGNED, one), GroupMember("imported", UNASSIGNED, one)]
        )
    assert (taken.accepted, taken.duplicate) == (1, 1)
    session = served.session()
    assert members(session, "imported", UNASSIGNED) == [str(one)]
    assert [group["name"] for group in session.call("GET", "/groups/imported").json] == [
        UNASSIGNED,
        "A",
    ]


MAKE = {"accountName": "refusing", "groupName": "new"}
ONE = {"kind": "ICCID", "id": "89148000000800784259"}
REFUSED: dict[str, tuple[str, str, object, str, tuple[str, ...]]] = {
    "no account": ("POST", "/groups", {"groupName": "x"}, CATCH_ALL, ("accountName",)),
    "no name": ("POST", "/groups", {"accountName": "refusing"}, CATCH_ALL, ("groupName",)),
    "an unknown account": (
        "POST",
        "/groups",
        MAKE | {"accountName": "x"},
        "REQUEST_FAILED.AccountNotFound",
        ("'x'",),
    ),
    "a name that is taken": (
        "POST",
        "/groups",
        MAKE | {"groupName": "taken"},
        CATCH_ALL,
        ("'taken'",),
    ),
    "the default name": (
        "POST",
        "/groups",
        MAKE | {"groupName": UNASSIGNED},
        CATCH_ALL,
        (UNASSIGNED,),
    ),
    "a name too long": ("POST", "/groups", MAKE | {"groupName": "x" * 65}, CATCH_ALL, ("group",)),
    "a line in the description": (
        "POST",
        "/groups",
        MAKE | {"groupDescription": "a\nb"},
        CATCH_ALL,
        ("description",),
    ),
    "an unknown kind": (
        *("POST", "/groups", MAKE | {"devicesToAdd": [ONE, {"kind": "IMEI", "id": "1"}]}),
        *("INPUT_INVALID.Device.Kind.Invalid", ("devicesToAdd[1].kind",)),
    ),
    "a bad id": (
        *("PUT", path_of("refusing", "taken"), {"devicesToRemove": [{"kind": "MDN", "id": "1"}]}),
        *("INPUT_INVALID.Device.Identifier.Invalid", ("devicesToRemove[0].id",)),
    ),
    "too many ids": (
        *("PUT", path_of("refusing", "taken"), {"devicesToAdd": [ONE] * 10_001}),
        *("INPUT_INVALID.MaxRequestsExceeded", ("devicesToAdd", "10001")),
    ),
    "an empty body": ("POST", "/groups", None, "INPUT_INVALID.RequestUndefined", ()),
    "renamed to a name that is taken": (
        *("PUT", path_of("refusing", "second"), {"newGroupName": "taken"}, CATCH_ALL, ("'taken'",)),
    ),
    "renaming the default": (
        "PUT",
        path_of("refusing", UNASSIGNED),
        {"newGroupName": "x"},
        CATCH_ALL,
        ("default",),
    ),
    "describing the default": (
        *(
            "PUT",
            path_of("refusing", UNASSIGNED),
            {"newGroupDescription": "x"},
            CATCH_ALL,
            ("default",),
        ),
    ),
    "deleting the default": (
        "DELETE",
        path_of("refusing", UNASSIGNED),
        None,
        CATCH_ALL,
        ("default",),
    ),
    "changing an unknown group": (
        *(
            "PUT",
            path_of("refusing", "x"),
            {"newGroupName": "y"},
            "REQUEST_FAILED.DeviceGroupNotFound",
            ("'x'",),
        ),
    ),
    "deleting an unknown group": (
        *("DELETE", path_of("refusing", "x"), None, "REQUEST_FAILED.DeviceGroupNotFound", ("'x'",)),
    ),
    "a page that is no number": (
        "GET",
        path_of("refusing", "taken") + "?next=x",
        None,
        CATCH_ALL,
        ("next", "'x'"),
    ),
    "a page beyond numbers": (
        "GET",
        path_of("refusing", "taken") + f"?next={'9' * 19}",
        None,
        CATCH_ALL,
        ("next",),
    ),
}


def test_what_cannot_be_is_refused_and_changes_nothing(served: Served) -> None:
    served.fleet("refusing", 1)
    session = served.session()
    create(session, "refusing", "taken")
    create(session, "refusing", "second")
    for name, (method, path, body, code, at_fault) in REFUSED.items():
        reply = session.call(method, path, body)
        assert reply.status == 400, name
        check_refused(reply, code, *at_fault)
    names = [group["name"] for group in session.call("GET", "/groups/refusing").json]
    assert names == [UNASSIGNED, "second", "taken"]


@pytest.mark.parametrize("account", ["not theirs", "never made"])
def test_unknown_and_foreign_accounts_get_the_same_answer(served: Served, account: str) -> None:
    served.fleet("not theirs", 1)
    session = served.session("other")
    calls: tuple[tuple[str, str, object], ...] = (
        ("POST", "/groups", {"accountName": account, "groupName": "A"}),
        ("GET", f"/groups/{quote(account)}", None),
        ("GET", path_of(account, UNASSIGNED), None),
        ("PUT", path_of(account, UNASSIGNED), {"newGroupName": "A"}),
        ("DELETE", path_of(account, "A"), None),
    )
    for method, path, body in calls:
        check_refused(session.call(method, path, body), "REQUEST_FAILED.AccountNotFound", account)


def test_the_checks_before_the_body_are_those_of_every_call(served: Served) -> None:
    session = served.session()
    for method, path in (("POST", "/groups"), ("GET", "/groups/a"), ("DELETE", path_of("a", "b"))):
        nobody = session._replace(headers=session.headers | {"Authorization": ""})
        assert nobody.call(method, path).json["fault"]["code"] == "900902"
        without = session._replace(headers=session.headers | {"VZ-M2M-Token": ""})
        check_refused(without.call(method, path), "REQUEST_FAILED.SessionToken.Format")
    assert session.call("PATCH", "/groups/a").json["fault"]["code"] == "900906"


def test_a_plus_in_a_path_is_a_blank_where_no_group_has_the_literal_name(served: Served) -> None:
    """Java, Go, PHP and Ruby SDKs write a blank so, and a true plus as %2B."""
    one, two = served.fleet("plus account", 2)
    session = served.session()
    create(session, "plus account", "north west", one)
    root = "/groups/plus+account/name"
    assert session.call("GET", f"{root}/north+west").json["name"] == "north west"
    assert session.call("GET", f"{root}/Unassigned+Devices").json["name"] == UNASSIGNED
    create(session, "plus account", "north+west", two)
    for written in ("north+west", "north%2Bwest"):
        assert session.call("GET", f"{root}/{written}").json["name"] == "north+west"
    assert session.call("GET", f"{root}/north%20west").json["name"] == "north west"
    changed = session.call("PUT", f"{root}/north+west", {"newGroupName": "south east"})
    assert changed.status == 200
    assert session.call("DELETE", f"{root}/south+east").status == 200
    assert [group["name"] for group in session.call("GET", "/groups/plus+account").json] == [
        UNASSIGNED,
        "north west",
    ]
    check_refused(
        session.call("GET", f"{root}/north+east"), "REQUEST_FAILED.DeviceGroupNotFound", "north+e"
    )
