"""Facts in over HTTP, from a real server."""

from __future__ import annotations

import json
import secrets
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from tallystick.access import Access
from tallystick.clock import system_clock
from tallystick.core.errors import IntakeBusy, KeyReused
from tallystick.core.facts import SimActivation
from tallystick.core.identifiers import Iccid, Imei
from tallystick.core.moments import parse_moment
from tallystick.core.suspicious_values import lacks_check_digit
from tallystick.intake import KINDS, DoubtName, LiveIntake, Receipt
from tallystick.intake import live as live_module
from tallystick.intake.live import idempotency_key
from tallystick.store import open_store
from tallystick.thingspace.rows import wire_row
from tests.engines import ENGINES, database_on, made
from tests.serving import PASSWORD, REPORT, bearer, call, serving, signed_in

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tallystick.access import Credentials
    from tallystick.store import Store
    from tests.conftest import Clock

ICCID, HOME, FOREIGN = "89148000000800000001", "352099001761481", "357152091234562"
SIM = {"iccid": ICCID, "account": "A-1", "activation_date": "2019-02-03T04:05:06Z"}
EXPECTATION = {"iccid": ICCID, "imei": HOME}
ACTIVATION = {"iccid": ICCID, "imei": FOREIGN, "activated_at": "2026-03-05T10:00:00Z"}
WINDOW = {"filter": {"earliest": "2026-03-01T00:00:00Z", "latest": "2026-05-31T00:00:00Z"}}


@pytest.fixture
def apps(store: Store) -> dict[str, Credentials]:
    """An app that may bring facts, and one that may only ask."""
    return apps_of(store)


def apps_of(store: Store) -> dict[str, Credentials]:
    """The same of any store."""
    access = Access(store, system_clock, secrets.token_bytes)
    access.add_user("olivia", PASSWORD, [], all_accounts=True)
    granted = {
        "sender": access.add_app("sender", ["intake", "m2m"]),
        "asker": access.add_app("asker", ["m2m"]),
    }
    access.close()
    return granted


@pytest.fixture
def port(apps: dict[str, Credentials], database: str) -> Iterator[int]:
    """A server on the store."""
    assert apps
    with serving(database) as serving_port:
        yield serving_port


@pytest.fixture(scope="module", params=ENGINES)
def standing(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[int, dict[str, Credentials]]]:
    """A server for all calls that change nothing, and its apps."""
    with database_on(request.param, tmp_path_factory.mktemp("standing")) as database:
        with open_store(database, wire_row) as store:
            apps = apps_of(made(store, request.param))
        with serving(database) as port:
            yield port, apps


def post(port: int, kind: str, facts: Any, headers: dict[str, str]) -> Any:  # noqa: ANN401 - whatever is sent and answered
    """One call; gives the receipt."""
    reply = call(port, "POST", f"/api/v1/{kind}", json.dumps(facts), headers)
    assert reply.status == 200, reply
    return reply.json


def test_the_report_sees_a_fact_as_soon_as_its_call_has_returned(
    port: int, apps: dict[str, Credentials]
) -> None:
    headers = signed_in(port, apps["sender"], "olivia")
    made = post(port, "sims", [SIM], headers)
    assert (made["read"], made["accepted"], made["accounts_made"]) == (1, 1, ["A-1"])
    post(port, "expectations", [EXPECTATION], headers)
    assert call(port, "POST", REPORT, json.dumps(WINDOW), headers).json == {"devices": []}
    post(port, "activations", [ACTIVATION], headers)
    rows = call(port, "POST", REPORT, json.dumps(WINDOW), headers).json["devices"]
    assert [(row["iccid"], row["preImei"], row["postImei"]) for row in rows] == [
        (ICCID, HOME, FOREIGN)
    ]


def test_a_group_taken_in_is_a_group_of_the_report(port: int, apps: dict[str, Credentials]) -> None:
    headers = signed_in(port, apps["sender"], "olivia")
    post(port, "groups", [{"account": "A-1", "group": "West", "iccid": ICCID}], headers)
    for kind, fact in (("sims", SIM), ("expectations", EXPECTATION), ("activations", ACTIVATION)):
        post(port, kind, [fact], headers)
    asked = json.dumps(WINDOW | {"accountName": "A-1", "groupName": "West"})
    assert len(call(port, "POST", REPORT, asked, headers).json["devices"]) == 1


def test_ndjson_and_json_give_the_same_receipt_and_repeats_are_counted(
    port: int, apps: dict[str, Credentials]
) -> None:
    headers = bearer(port, apps["sender"])
    assert post(port, "activations", [ACTIVATION, ACTIVATION], headers)["duplicate"] == 1
    lines = "\n".join([json.dumps(ACTIVATION)] * 3) + "\n"
    as_lines = headers | {"Content-Type": "application/x-ndjson; charset=utf-8"}
    reply = call(port, "POST", "/api/v1/activations", lines, as_lines)
    assert (reply.status, reply.json["read"], reply.json["duplicate"]) == (200, 3, 3)


def test_each_bad_item_is_told_by_index_and_the_good_ones_are_taken(
    port: int, apps: dict[str, Credentials]
) -> None:
    bad = [
        {"iccid": "1", "imei": "x"},
        5,
        ACTIVATION | {"color": "red"},
        ACTIVATION | {"imei": [1]},
    ]
    receipt = post(
        port, "activations", [bad[0], ACTIVATION, *bad[1:]], bearer(port, apps["sender"])
    )
    assert (receipt["read"], receipt["accepted"], receipt["rejected"]) == (5, 1, 4)
    assert [reject["index"] for reject in receipt["rejects"]] == [0, 2, 3, 4]
    assert "activated_at is missing" in receipt["rejects"][0]["reason"]
    assert "'color'" in receipt["rejects"][2]["reason"]


def test_a_receipt_has_the_shape_of_a_files_and_counts_what_looks_doubtful(
    port: int, apps: dict[str, Credentials]
) -> None:
    headers = bearer(port, apps["sender"])
    post(port, "sims", [SIM], headers)
    unknown = ACTIVATION | {"iccid": "89148000000800000002"}
    stripped = ACTIVATION | {"imei": "13327001234568"}
    later = ACTIVATION | {"activated_at": "9999-01-01T00:00:00Z"}
    receipt = post(
        port, "activations", [ACTIVATION, unknown, unknown, stripped, later, "bad"], headers
    )
    assert receipt.pop("seconds") > 0
    taken = [Iccid.parse(each["iccid"]) for each in (ACTIVATION, unknown, unknown, stripped, later)]
    (reject,) = receipt.pop("rejects")
    assert set(reject) == {"index", "reason"}
    doubts = receipt.pop("doubts")
    assert doubts["unknown_sims"]["examples"] == [unknown["iccid"]]
    assert doubts["unknown_sims"]["known_with"] == {"add": 0, "strip": 0}
    assert receipt == dict.fromkeys(DoubtName, 0) | {
        "read": 6,
        "accepted": 4,
        "duplicate": 1,
        "rejected": 1,
        "unknown_sims": 2,
        "iccid_check_digit": sum(map(lacks_check_digit, taken)),
        "stripped_zeros": 1,
        "in_future": 1,
        "accounts_made": [],
    }
    assert set(receipt) | {"seconds", "rejects", "doubts"} == set(Receipt().described())
    keyed = headers | {"Idempotency-Key": "doubtful"}
    assert post(port, "activations", [unknown], keyed)["unknown_sims"] == 1
    assert post(port, "sims", [SIM | {"iccid": unknown["iccid"]}], headers)["unknown_sims"] == 0
    assert post(port, "activations", [unknown], headers)["unknown_sims"] == 0


def test_a_repeated_call_gets_the_first_receipt_and_other_facts_under_its_key_are_refused(
    port: int, apps: dict[str, Credentials]
) -> None:
    headers = bearer(port, apps["sender"]) | {"Idempotency-Key": "batch-1"}
    first = post(port, "activations", [ACTIVATION], headers)
    assert first["accepted"] == 1
    assert post(port, "activations", [ACTIVATION], headers) == first
    other = [ACTIVATION | {"activated_at": "2026-03-06T10:00:00Z"}]
    reply = call(port, "POST", "/api/v1/activations", json.dumps(other), headers)
    assert (reply.status, reply.json["error"]["code"]) == (422, "key-reused")
    assert post(port, "activations", other, bearer(port, apps["sender"]))["accepted"] == 1


@pytest.mark.parametrize(
    ("body", "headers", "status", "code"),
    [
        (b"", {}, 400, "invalid-value"),
        (b"{}", {}, 400, "invalid-value"),
        (b"[", {}, 400, "invalid-value"),
        (b"\xff", {}, 400, "invalid-value"),
        (b"[" * 100_000, {}, 400, "invalid-value"),
        (json.dumps([ACTIVATION] * 10_001).encode(), {}, 400, "invalid-value"),
        (b" " * (8 * 1024 * 1024 + 1), {}, 413, "body-too-large"),
        (b"[]", {"Content-Type": "text/plain"}, 415, "content-type-refused"),
        (b"[]", {"Authorization": "Bearer nonsense"}, 401, "token-refused"),
        (b"[]", {"Authorization": ""}, 401, "token-refused"),
        (b"[]", {"Idempotency-Key": "k" * 65}, 400, "invalid-value"),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_a_call_that_cannot_be_read_is_refused_whole_in_one_shape(
    standing: tuple[int, dict[str, Credentials]],
    body: bytes,
    headers: dict[str, str],
    status: int,
    code: str,
) -> None:
    port, apps = standing
    reply = call(port, "POST", "/api/v1/activations", body, bearer(port, apps["sender"]) | headers)
    assert (reply.status, reply.json["error"]["code"]) == (status, code)
    assert reply.json["error"]["message"]


def test_an_app_without_the_scope_a_wrong_method_and_an_unknown_path_are_refused(
    standing: tuple[int, dict[str, Credentials]],
) -> None:
    port, apps = standing
    asker = bearer(port, apps["asker"])
    reply = call(port, "POST", "/api/v1/activations", json.dumps([ACTIVATION]), asker)
    assert (reply.status, reply.json["error"]["code"]) == (403, "scope-refused")
    reply = call(port, "GET", "/api/v1/activations", b"", asker)
    assert (reply.status, reply.json["error"]["code"]) == (405, "method-not-allowed")
    reply = call(port, "POST", "/api/v1/nothing", b"[]", asker)
    assert (reply.status, reply.json["error"]["code"]) == (404, "not-found")


def test_many_senders_at_once_each_get_a_receipt_of_their_own(
    port: int, apps: dict[str, Credentials]
) -> None:
    """Half of them send what another sends: each fact is accepted once and repeated once."""
    headers = bearer(port, apps["sender"])
    facts = [
        ACTIVATION | {"activated_at": f"2026-03-05T10:{n // 2 % 60:02}:{n // 120:02}Z"}
        for n in range(200)
    ]
    with ThreadPoolExecutor(16) as senders:
        receipts = list(senders.map(lambda fact: post(port, "activations", [fact], headers), facts))
    assert sum(receipt["accepted"] for receipt in receipts) == 100
    assert sum(receipt["duplicate"] for receipt in receipts) == 100
    assert all(receipt["read"] == 1 for receipt in receipts)


def test_large_calls_are_counted_and_reported_like_small_ones(
    port: int, apps: dict[str, Credentials]
) -> None:
    headers = bearer(port, apps["sender"])
    iccids = [f"8914800000080001{number:04}" for number in range(1200)]
    post(port, "sims", [SIM | {"iccid": iccid} for iccid in iccids], headers)
    post(port, "expectations", [EXPECTATION | {"iccid": iccid} for iccid in iccids], headers)
    seen = [
        ACTIVATION | {"iccid": iccid, "imei": FOREIGN if number % 3 == 0 else HOME}
        for number, iccid in enumerate(iccids)
    ]
    parts = [
        [*seen[start : start + 300], {"iccid": "no"}, seen[0]] for start in range(0, 1200, 300)
    ]
    with ThreadPoolExecutor(4) as senders:
        receipts = list(senders.map(lambda facts: post(port, "activations", facts, headers), parts))
    assert sum(receipt["accepted"] for receipt in receipts) == 1200
    assert sum(receipt["duplicate"] for receipt in receipts) == 4
    assert [[reject["index"] for reject in receipt["rejects"]] for receipt in receipts] == [
        [300]
    ] * 4
    asked = signed_in(port, apps["sender"], "olivia")
    assert len(call(port, "POST", REPORT, json.dumps(WINDOW), asked).json["devices"]) == 400


def test_a_large_call_of_nothing_but_bad_facts_takes_nothing_in(
    port: int, apps: dict[str, Credentials]
) -> None:
    receipt = post(port, "activations", [{"iccid": "no"}] * 100, bearer(port, apps["sender"]))
    assert (receipt["read"], receipt["accepted"], receipt["rejected"]) == (100, 0, 100)


def test_too_much_waiting_is_turned_away_and_nothing_of_it_is_taken(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_module, "WAITING_FACTS_MAX", 2)
    intake = LiveIntake(store, system_clock, lambda: 0.0)
    kind = KINDS["activations"]
    facts = [
        SimActivation(
            Iccid.parse(ICCID), parse_moment(f"2026-03-05T10:00:{n:02}Z"), Imei.parse(HOME)
        )
        for n in range(20)
    ]
    with (
        ThreadPoolExecutor(20) as senders,
        store.transaction(),
    ):  # nobody else writes while this lasts
        answers = [senders.submit(intake.take, kind, [fact], [], None) for fact in facts]
        turned_away = [answer for answer in answers if _was_turned_away(answer)]
    taken = [answer for answer in answers if answer not in turned_away]
    assert turned_away
    assert taken
    assert all(json.loads(answer.result())["accepted"] == 1 for answer in taken)
    intake.close()
    with store.snapshot() as reader:
        assert reader.counts().activations == len(taken)


def test_a_key_of_before_the_clock_was_set_back_is_forgotten_like_one_of_long_ago(
    store: Store, clock: Clock
) -> None:
    kind = KINDS["activations"]
    first = SimActivation(
        Iccid.parse(ICCID), parse_moment("2026-03-05T10:00:00Z"), Imei.parse(HOME)
    )
    second = first._replace(activated_at=parse_moment("2026-03-06T10:00:00Z"))
    intake = LiveIntake(store, clock, lambda: 0.0)
    intake.take(kind, [first], [], idempotency_key("app", "key", kind, b"first"))
    clock.advance(-86_399)
    with pytest.raises(KeyReused):
        intake.take(kind, [second], [], idempotency_key("app", "key", kind, b"second"))
    clock.advance(-3_602)
    receipt = intake.take(kind, [second], [], idempotency_key("app", "key", kind, b"second"))
    assert json.loads(receipt)["accepted"] == 1
    intake.close()


def _was_turned_away(answer: Any) -> bool:  # noqa: ANN401 - a future
    try:
        return isinstance(answer.exception(timeout=0.5), IntakeBusy)
    except TimeoutError:
        return False
