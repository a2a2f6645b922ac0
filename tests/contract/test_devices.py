"""Accounts and lists of devices, over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tallystick.core.facts import GroupMember, SimActivation
from tallystick.core.identifiers import Imei
from tallystick.core.moments import parse_moment
from tallystick.core.selection import UNASSIGNED
from tests.contract.conftest import FOREIGN, Served, mdn_of
from tests.contract.test_groups import CATCH_ALL, check_refused

if TYPE_CHECKING:
    from tests.serving import Reply, Session

LIST = "/devices/actions/list"
EARLIER, LATER = parse_moment("2026-04-01"), parse_moment("2026-05-01")
SEEN_IN, ELSEWHERE = Imei.parse("357152091234562"), Imei.parse("861234050000018")


def listed(reply: Reply) -> list[str]:
    """The ICCIDs in an answer."""
    assert reply.status == (202 if reply.json["hasMoreData"] else 200), reply
    return [device["deviceIds"][0]["id"] for device in reply.json["devices"]]


def asked(session: Session, **body: Any) -> list[str]:  # noqa: ANN401 - any JSON
    """The ICCIDs of the devices that are asked for."""
    return listed(session.call("POST", LIST, body))


def test_an_account_is_known_by_its_name(served: Served) -> None:
    served.fleet("known", 1)
    reply = served.session().call("GET", "/accounts/known")
    assert (reply.status, reply.json) == (200, {"accountName": "known"})


def test_a_device_is_told_with_its_account_group_and_date(served: Served) -> None:
    (one,) = served.fleet("told", 1)
    assert served.session().call("POST", LIST, {"accountName": "told"}).json == {
        "hasMoreData": False,
        "devices": [
            {
                "accountName": "told",
                "deviceIds": [
                    {"kind": "ICCID", "id": str(one)},
                    {"kind": "MDN", "id": str(mdn_of(one))},
                ],
                "groupNames": [UNASSIGNED],
                "lastActivationDate": "2026-01-02T03:04:05Z",
                "extendedAttributes": [{"key": "DeviceId", "value": str(int(one))}],
            }
        ],
    }


def test_devices_are_asked_for_by_the_hardware_they_were_last_seen_in(served: Served) -> None:
    iccids = served.fleet("by hardware", 3)
    with served.store.transaction() as writer:
        writer.take_activations([SimActivation(iccid, EARLIER, SEEN_IN) for iccid in iccids])
        writer.take_activations([SimActivation(iccids[1], LATER, ELSEWHERE)])
    session = served.session()
    (first, *_) = session.call("POST", LIST, {"accountName": "by hardware"}).json["devices"]
    assert first["deviceIds"][-1] == {"kind": "IMEI", "id": str(SEEN_IN)}
    other_version = {"kind": "imei", "id": f"{str(SEEN_IN)[:14]}07"}
    in_foreign = asked(session, accountName="by hardware", deviceId=other_version)
    assert in_foreign == [str(iccids[0]), str(iccids[2])]
    for text in (str(ELSEWHERE), str(ELSEWHERE)[:9]):
        search = {"kind": "IMEI", "startswith": text}
        body = {"filter": {"deviceIdentifierFilters": [search]}}
        assert asked(session, accountName="by hardware", **body) == [str(iccids[1])]
    grouped = asked(
        session, accountName="by hardware", deviceId=other_version, groupName=UNASSIGNED
    )
    assert grouped == in_foreign
    wrong = session.call("POST", LIST, {"deviceId": {"kind": "IMEI", "id": "1234"}})
    check_refused(wrong, "INPUT_INVALID.Device.Identifier.Invalid", "deviceId.id")


def test_pages_follow_each_other_by_the_largest_id_seen(served: Served) -> None:
    iccids = served.fleet("paged", 7)
    session = served.session()
    found, seen = list[str](), -1
    for size in (3, 3, 1):
        body = {"accountName": "paged", "maxNumberOfDevices": 3, "largestDeviceIdSeen": seen}
        reply = session.call("POST", LIST, body)
        assert len(listed(reply)) == size
        found += listed(reply)
        seen = int(reply.json["devices"][-1]["extendedAttributes"][0]["value"])
    assert found == list(map(str, iccids))
    assert asked(session, accountName="paged", largestDeviceIdSeen=seen) == []


def test_devices_are_picked_by_group_identifier_and_what_it_is_like(served: Served) -> None:
    iccids = served.fleet("picked", 12)
    one, two = iccids[:2]
    with served.store.transaction() as writer:
        writer.take_group_members([GroupMember("picked", "A", two)])
    session = served.session()
    assert asked(session, accountName="picked", groupName="A") == [str(two)]
    assert asked(session, accountName="picked", groupName=UNASSIGNED) == [
        str(each) for each in iccids if each != two
    ]
    assert asked(
        session, accountName="picked", deviceId={"kind": "MDN", "id": str(mdn_of(one))}
    ) == [str(one)]
    assert (
        asked(
            session, accountName="picked", groupName="A", deviceId={"kind": "iccid", "id": str(one)}
        )
        == []
    )

    def like(**search: str) -> list[str]:
        return asked(session, accountName="picked", filter={"deviceIdentifierFilters": [search]})

    assert like(kind="ICCID", endswith="1") == [str(iccids[1]), str(iccids[11])]
    assert like(kind="MDN", startswith=str(mdn_of(one))[:6], endswith="00002") == [str(iccids[2])]
    assert like(kind="ICCID", contains=str(one)[4:]) == [str(one)]
    assert like(kind="ICCID", startswith="90") == []


def test_without_an_account_all_that_the_user_may_see_are_listed(served: Served) -> None:
    served.fleet("invisible", 3)
    (theirs,) = served.fleet(FOREIGN, 1)
    assert asked(served.session("other")) == [str(theirs)]
    everything = asked(served.session())
    assert everything == sorted(everything)
    assert str(theirs) in everything


REFUSED: dict[str, tuple[dict[str, Any], str, str]] = {
    "a group without an account": ({"groupName": "A"}, "INPUT_INVALID.Account.NotDefined", "'A'"),
    "an unknown group": (
        {"accountName": "strict", "groupName": "x"},
        "REQUEST_FAILED.DeviceGroupNotFound",
        "'x'",
    ),
    "a kind that is none": (
        {"deviceId": {"kind": "EID", "id": "1"}},
        "INPUT_INVALID.Device.Kind.Invalid",
        "'EID'",
    ),
    "a bad id": (
        {"deviceId": {"kind": "MDN", "id": "1"}},
        "INPUT_INVALID.Device.Identifier.Invalid",
        "'1'",
    ),
    "another kind to look for": (
        {"filter": {"deviceIdentifierFilters": [{"kind": "EID", "contains": "1"}]}},
        *("INPUT_INVALID.Device.Kind.Invalid", "deviceIdentifierFilters[0].kind"),
    ),
    "letters to look for": (
        {"filter": {"deviceIdentifierFilters": [{"kind": "MDN", "contains": "x"}]}},
        *("INPUT_INVALID.Device.Identifier.Invalid", "'x'"),
    ),
    "many filters": (
        {"filter": {"deviceIdentifierFilters": [{"kind": "MDN", "contains": "1"}] * 11}},
        *("INPUT_INVALID.MaxRequestsExceeded", "11 entries; 10 at most"),
    ),
    "no devices": ({"maxNumberOfDevices": 0}, CATCH_ALL, "maxNumberOfDevices"),
    "too many devices": ({"maxNumberOfDevices": 2001}, CATCH_ALL, "2001"),
    "a number as text": ({"maxNumberOfDevices": "5"}, CATCH_ALL, "maxNumberOfDevices"),
    "a number beyond numbers": ({"largestDeviceIdSeen": 10**30}, CATCH_ALL, "largestDeviceIdSeen"),
}


def test_a_list_that_cannot_be_is_refused(served: Served) -> None:
    served.fleet("strict", 1)
    session = served.session()
    for body, code, at_fault in REFUSED.values():
        check_refused(session.call("POST", LIST, body), code, at_fault)


@pytest.mark.parametrize("account", ["foreign", "nobody's"])
def test_unknown_and_foreign_accounts_read_the_same(served: Served, account: str) -> None:
    served.fleet("foreign", 1)
    session = served.session("other")
    for method, path, body in (
        ("GET", f"/accounts/{account}", None),
        ("POST", LIST, {"accountName": account}),
    ):
        check_refused(session.call(method, path, body), "REQUEST_FAILED.AccountNotFound", account)
