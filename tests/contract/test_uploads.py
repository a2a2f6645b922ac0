"""Uploads of pairs, over HTTP: acknowledged at once and applied, whatever befalls the server."""

from __future__ import annotations

import secrets
import threading
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tallystick.clock import system_clock
from tallystick.core.allowed import Allowed
from tallystick.core.facts import SimActivation, SimExpectation
from tallystick.core.identifiers import Iccid, Imei
from tallystick.core.moments import BEGINNING, Moment
from tallystick.fleet import ledger
from tallystick.outbox.uploads import Pair, Uploads, outcome_of
from tallystick.store import open_store
from tallystick.thingspace.rows import wire_row
from tests.contract.conftest import FOREIGN, Served, account_with
from tests.contract.test_groups import CATCH_ALL, check_refused
from tests.listening import wait_until
from tests.quick_access import quick_access
from tests.serving import PASSWORD, Session, server_of, serving, signed_in

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tallystick.store import Store
    from tests.contract.conftest import Serve
    from tests.serving import Reply

UPLOAD = "/devices/actions/upload"
OLD, NEW = "352099001761481", "357152091234562"
SIZE_MAX = 10_000
KILLS = 4


@pytest.fixture(scope="module")
def serve() -> Serve:
    """By the program, which takes uploads in."""
    return serving


def device(iccid: Iccid | str, imei: str) -> dict[str, Any]:
    """A pair, as it is uploaded."""
    return {"deviceIds": [{"kind": "imei", "id": imei}, {"kind": "iccid", "id": str(iccid)}]}


def body_of(account: str, devices: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """An upload."""
    return {
        "accountName": account,
        "emailAddress": "desk@example.com",
        "deviceSku": "SKU1",
        "uploadType": "IMEI ICCID Pair",
        "devices": list(devices),
    }


def uploaded(session: Session, account: str, *devices: dict[str, Any]) -> dict[str, Any]:
    """Upload pairs, and give what came of them."""
    reply = session.call("POST", UPLOAD, body_of(account, devices))
    assert (reply.status, list(reply.json)) == (200, ["requestId"]), reply
    return finished(session, account, reply.json["requestId"])


def status_of(session: Session, account: str, request_id: str) -> Reply:
    """How an upload stands."""
    return session.call("GET", f"/accounts/{account}/requests/{request_id}/status")


def finished(session: Session, account: str, request_id: str) -> dict[str, Any]:
    """What came of an upload, when it is there."""
    found: dict[str, Any] = {}

    def is_finished() -> bool:
        found.update(status_of(session, account, request_id).json)
        return bool(found["status"] != "Pending")

    wait_until(is_finished)
    assert found["requestId"] == request_id
    return found


def expected_in(store: Store, iccid: Iccid) -> list[str]:
    """Where a SIM was expected, in order."""
    with store.snapshot() as reader:
        return [str(each.imei) for each in reader.expectations_of(iccid)]


def seen_soon(store: Store, iccids: Iterable[Iccid], imei: str) -> None:
    """The SIMs are seen in hardware an hour from now, when every test is over."""
    moment = Moment(system_clock() + 3_600_000_000)
    with store.transaction() as writer:
        writer.take_activations(
            [SimActivation(iccid, moment, Imei.parse(imei)) for iccid in iccids]
        )


def reported(session: Session, account: str) -> list[str]:
    """The SIMs in the report of these days."""
    now = datetime.now(UTC)
    window = {"earliest": str(now - timedelta(1)), "latest": str(now + timedelta(1))}
    reply = session.call(
        "POST",
        "/devices/actions/list/imeiiccidmismatch",
        {"accountName": account, "filter": window},
    )
    return [row["iccid"] for row in reply.json["devices"]]


def test_an_uploaded_pair_corrects_what_is_in_force_and_rows_of_the_past_go(served: Served) -> None:
    one, two = served.fleet("corrected", 2)
    yesterday = Moment(system_clock() - 86_400_000_000)
    with served.store.transaction() as writer:
        writer.take_expectations(
            [SimExpectation(iccid, BEGINNING, Imei.parse(OLD)) for iccid in (one, two)]
        )
        writer.take_expectations([SimExpectation(one, yesterday, Imei.parse("010203040506070"))])
    seen_soon(served.store, (one, two), NEW)
    session = served.session()
    assert reported(session, "corrected") == [str(one), str(two)]
    answer = uploaded(session, "corrected", device(one, NEW), device(two, NEW))
    assert (answer["status"], answer["outcome"]) == ("Success", {"accepted": 2, "rejected": []})
    shared = answer["doubts"]["shared_hardware"]
    assert (shared["count"], shared["examples"]) == (2, [NEW])
    assert reported(session, "corrected") == []
    with served.store.snapshot() as reader:
        put = ledger.log(reader, str(one))[-1].put
    assert put
    assert (put.source, put.detail, put.actor.count("/")) == ("upload", answer["requestId"], 1)
    assert (expected_in(served.store, one), expected_in(served.store, two)) == ([OLD, NEW], [NEW])


def test_an_uploaded_pair_replaces_a_value_that_it_does_not_fit_and_no_other(
    served: Served,
) -> None:
    values = (f"{OLD}|{NEW}", NEW[:8], OLD[:8], "nowhere", "none")
    sims = served.fleet("several", len(values))
    with served.store.transaction() as writer:
        writer.take_expectations(
            [
                SimExpectation(iccid, BEGINNING, Allowed.parse(value))
                for iccid, value in zip(sims, values, strict=True)
            ]
        )
    answer = uploaded(served.session(), "several", *(device(iccid, NEW) for iccid in sims))
    assert answer["outcome"] == {"accepted": len(values), "rejected": []}
    now = [expected_in(served.store, iccid) for iccid in sims]
    assert now == [[values[0]], [values[1]], [NEW], [NEW], [NEW]]


def test_an_uploaded_pair_is_all_that_a_sim_without_expectations_is_held_to(served: Served) -> None:
    (one,) = served.fleet("never expected", 1)
    seen_soon(served.store, (one,), OLD)
    session = served.session()
    assert reported(session, "never expected") == []
    reply = session.call("POST", UPLOAD, body_of("never expected", [device(one, NEW)]))
    finished(session, "never%20expected", reply.json["requestId"])
    assert reported(session, "never expected") == [str(one)]


def test_bad_pairs_are_told_by_index_and_reason_and_the_good_ones_hold(served: Served) -> None:
    one, two = served.fleet("mixed", 2)
    (theirs,) = served.fleet(FOREIGN, 1, first=50)
    pairs = [
        device(theirs, NEW),
        device(one, NEW),
        device("123", NEW),
        device(two, "35209900176"),
        device(two, OLD),
    ]
    answer = uploaded(served.session(), "mixed", *pairs)
    assert (answer["status"], answer["outcome"]["accepted"]) == ("Success", 2)
    rejected = {each["index"]: each["reason"] for each in answer["outcome"]["rejected"]}
    assert list(rejected) == [0, 2, 3]
    assert str(theirs) in rejected[0]
    assert "'123'" in rejected[2]
    assert "'35209900176'" in rejected[3]
    assert (expected_in(served.store, one), expected_in(served.store, two)) == ([NEW], [OLD])
    assert expected_in(served.store, theirs) == []


def test_an_upload_of_bad_pairs_only_is_a_failure(served: Served) -> None:
    served.fleet("all bad", 1)
    session = served.session()
    reply = session.call("POST", UPLOAD, body_of("all bad", [device("123", NEW)]))
    answer = finished(session, "all%20bad", reply.json["requestId"])
    assert (answer["status"], answer["outcome"]["accepted"]) == ("Failure", 0)


def test_of_several_pairs_for_one_sim_the_last_counts(served: Served) -> None:
    (one,) = served.fleet("twice", 1)
    uploaded(served.session(), "twice", device(one, NEW), device(one, OLD))
    assert expected_in(served.store, one) == [OLD]


def test_ten_thousand_pairs_in_one_upload_all_hold(served: Served) -> None:
    iccids = served.fleet("full", SIZE_MAX)
    session = served.session()
    body = body_of("full", [device(iccid, NEW) for iccid in iccids])
    reply = session.call("POST", UPLOAD, body)
    answer = finished(session, "full", reply.json["requestId"])
    assert answer["outcome"] == {"accepted": SIZE_MAX, "rejected": []}
    assert expected_in(served.store, iccids[-1]) == [NEW]


PAIR = device("89148000000800784259", NEW)
REFUSED: dict[str, tuple[dict[str, Any], str, str]] = {
    "no account": ({"accountName": ""}, CATCH_ALL, "accountName"),
    "no type": ({"uploadType": ""}, CATCH_ALL, "uploadType"),
    "another type": ({"uploadType": "IMEI"}, CATCH_ALL, "'IMEI'"),
    "no devices": ({"devices": []}, CATCH_ALL, "devices"),
    "too many": (
        {"devices": [PAIR] * (SIZE_MAX + 1)},
        "INPUT_INVALID.MaxRequestsExceeded",
        "10001",
    ),
    "an MDN": (
        {"devices": [PAIR, {"deviceIds": [{"kind": "MDN", "id": "5096300001"}]}]},
        *("INPUT_INVALID.Device.Kind.Invalid", "devices[1]"),
    ),
    "half a pair": (
        {"devices": [{"deviceIds": [{"kind": "IMEI", "id": NEW}]}]},
        *("INPUT_INVALID.Device.Identifier.Invalid", "devices[0]"),
    ),
    "no ids": ({"devices": [{}]}, "INPUT_INVALID.Device.Identifier.Invalid", "devices[0]"),
    "an unknown account": ({"accountName": "x"}, "REQUEST_FAILED.AccountNotFound", "'x'"),
}


def test_an_upload_that_is_none_is_refused_at_once(served: Served) -> None:
    served.fleet("refused", 1)
    session = served.session()
    for change, code, at_fault in REFUSED.values():
        check_refused(
            session.call("POST", UPLOAD, body_of("refused", [PAIR]) | change), code, at_fault
        )


@pytest.mark.parametrize("account", ["hidden", "none"])
def test_who_may_not_see_the_account_learns_nothing_of_its_requests(
    served: Served, account: str
) -> None:
    (one,) = served.fleet("hidden", 1)
    request_id = uploaded(served.session(), "hidden", device(one, NEW))["requestId"]
    other = served.session("other")
    check_refused(status_of(other, account, request_id), "REQUEST_FAILED.AccountNotFound", account)
    check_refused(
        other.call("POST", UPLOAD, body_of(account, [PAIR])),
        "REQUEST_FAILED.AccountNotFound",
        account,
    )


def test_a_request_is_asked_for_with_its_own_account(served: Served) -> None:
    (one,) = served.fleet("asking", 1)
    served.fleet("another", 1)
    session = served.session()
    request_id = uploaded(session, "asking", device(one, NEW))["requestId"]
    check_refused(status_of(session, "another", request_id), CATCH_ALL, request_id[:30])
    check_refused(status_of(session, "asking", "nothing"), CATCH_ALL, "'nothing'")


def test_no_two_processes_take_the_same_upload_and_the_first_comes_first(
    store: Store, database: str
) -> None:
    """Several stores on one database are as several processes to it."""
    account_id, (iccid,) = account_with(store, "queue", 1)
    uploads = Uploads(store, system_clock, secrets.token_bytes)
    imeis = [f"35209900176{number:03}" for number in range(30)]
    for imei in imeis:
        with store.transaction() as writer:
            uploads.put(writer, account_id, [Pair(str(iccid), imei)], "desk/alice")
    taken: list[bool] = []

    def work() -> None:
        with open_store(database, wire_row) as own:
            worker = Uploads(own, system_clock, secrets.token_bytes)
            while worker.take_next():
                taken.append(True)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(taken) == len(imeis)
    assert expected_in(store, iccid) == [imeis[-1]]


def test_an_upload_that_a_killed_server_acknowledged_is_finished_by_the_next(
    store: Store, database: str
) -> None:
    account_id, iccids = account_with(store, "killed", SIZE_MAX)
    access = quick_access(store, system_clock, secrets.token_bytes)
    access.add_user("user", PASSWORD, ["killed"], all_accounts=False)
    app = access.add_app("app", ["m2m"])
    access.close()
    imeis = [f"35209900176{number:03}" for number in range(KILLS)]
    request_ids = []
    for kill, imei in enumerate(imeis):
        with server_of(database) as (port, process):
            session = Session(port, signed_in(port, app, "user"))
            reply = session.call(
                "POST", UPLOAD, body_of("killed", [device(iccid, imei) for iccid in iccids])
            )
            request_ids.append(reply.json["requestId"])
            time.sleep(kill * 0.1)
            process.kill()
    with serving(database) as port:
        session = Session(port, signed_in(port, app, "user"))
        for request_id in request_ids:
            assert finished(session, "killed", request_id)["outcome"]["accepted"] == SIZE_MAX
    with store.snapshot() as reader:
        assert outcome_of(reader, account_id, request_ids[-1]) is not None
    for iccid in (iccids[0], iccids[-1]):
        assert expected_in(store, iccid) == [imeis[-1]]
