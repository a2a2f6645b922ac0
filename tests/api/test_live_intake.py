"""Facts in over HTTP, from a real server."""

from __future__ import annotations

import csv
import json
import secrets
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tallystick.clock import system_clock
from tallystick.core.approval import Approval
from tallystick.core.errors import ApprovalRequired, IntakeBusy, KeyReused, StoreBusy
from tallystick.core.facts import SimActivation
from tallystick.core.identifiers import Iccid, Imei
from tallystick.core.ledger import Origin
from tallystick.core.moments import Moment, parse_moment
from tallystick.core.suspicious_values import lacks_check_digit
from tallystick.fleet import accounts
from tallystick.intake import KINDS, DoubtName, LiveIntake, Receipt
from tallystick.intake import live as live_module
from tallystick.intake.live import idempotency_key
from tallystick.store import open_store
from tallystick.store.engines import turnstile
from tallystick.thingspace.rows import wire_row
from tests.answering import answering
from tests.engines import ENGINES, database_on, made
from tests.listening import PATIENCE_S, wait_until
from tests.quick_access import quick_access
from tests.serving import PASSWORD, REPORT, bearer, call, serving, signed_in
from tests.store.few import ICCIDS, expected, sim, take

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    from tallystick.access import Credentials
    from tallystick.intake import KindName
    from tallystick.intake.live import Waiting
    from tallystick.store import Store, Writer
    from tests.conftest import Clock

FIELD = Path(__file__).parent.parent / "field"
ICCID, HOME, FOREIGN = "89148000000800000001", "352099001761481", "357152091234562"
SIM = {"iccid": ICCID, "account": "A-1", "activation_date": "2019-02-03T04:05:06Z"}
EXPECTATION = {"iccid": ICCID, "imei": HOME}
ACTIVATION = {"iccid": ICCID, "imei": FOREIGN, "activated_at": "2026-03-05T10:00:00Z"}
WINDOW = {"filter": {"earliest": "2026-03-01T00:00:00Z", "latest": "2026-05-31T00:00:00Z"}}
SHORT_WAIT_S = 2.0
TRIES = 5
ANN = Origin("app/ann", Moment(1))


@pytest.fixture
def apps(store: Store) -> dict[str, Credentials]:
    """An app that may bring facts, and one that may only ask."""
    return apps_of(store)


def apps_of(store: Store) -> dict[str, Credentials]:
    """The same of any store."""
    access = quick_access(store, system_clock, secrets.token_bytes)
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
    with answering(database) as answering_port:
        yield answering_port


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


@pytest.mark.parametrize("several", [[HOME, FOREIGN], f"{HOME}|{FOREIGN}"])
def test_an_expectation_may_have_several_members_as_an_array_or_as_a_text(
    port: int, apps: dict[str, Credentials], several: list[str] | str, store: Store
) -> None:
    headers = signed_in(port, apps["sender"], "olivia")
    post(port, "sims", [SIM], headers)
    assert post(port, "expectations", [{"iccid": ICCID, "imei": several}], headers)["accepted"] == 1
    post(port, "activations", [ACTIVATION], headers)
    assert call(port, "POST", REPORT, json.dumps(WINDOW), headers).json == {"devices": []}
    with store.snapshot() as reader:
        (put,) = reader.expectations_of(Iccid.parse(ICCID))
    assert str(put.imei) == f"{HOME}|{FOREIGN}"


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


def test_a_platforms_body_is_read_by_its_mapping_and_refused_with_its_name_without(
    port: int, apps: dict[str, Credentials]
) -> None:
    headers = bearer(port, apps["sender"])
    event = json.loads((FIELD / "09b-1nce-events.ndjson").read_text("utf-8"))
    assert post(port, "activations?map=1nce-events", [event], headers)["accepted"] == 1
    assert post(port, "activations?map=1nce-events", event, headers)["duplicate"] == 1
    left_out = event | {"event_type": {"id": 51}}
    assert post(port, "activations?map=1nce-events", [left_out], headers)["read"] == 0
    for path, words in (
        ("activations", ("iccid, activated_at, imei", "endpoint.imei", "map=1nce-events")),
        ("activations?map=mars", ("'mars'", "1nce-events")),
        ("sims?map=1nce-events", ("activations, not of sims",)),
    ):
        reply = call(port, "POST", f"/api/v1/{path}", json.dumps([event]), headers)
        assert (reply.status, reply.json["error"]["code"]) == (400, "invalid-value")
        for word in words:
            assert word in reply.json["error"]["message"]


def test_numbers_are_taken_where_they_are_exact(port: int, apps: dict[str, Credentials]) -> None:
    lines = (FIELD / "10b-epoch.ndjson").read_text("utf-8")
    headers = bearer(port, apps["sender"]) | {"Content-Type": "application/x-ndjson"}
    receipt = call(port, "POST", "/api/v1/activations", lines, headers).json
    assert [receipt[count] for count in ("accepted", "duplicate", "rejected")] == [2, 1, 1]
    assert "has lost digits" in receipt["rejects"][0]["reason"]


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
        "mdn_left_out": 0,
        "unattributed": 0,
        "accounts_made": [],
    }
    assert set(receipt) | {"seconds", "rejects", "doubts"} == set(Receipt().described())
    keyed = headers | {"Idempotency-Key": "doubtful"}
    assert post(port, "activations", [unknown], keyed)["unknown_sims"] == 1
    assert post(port, "sims", [SIM | {"iccid": unknown["iccid"]}], headers)["unknown_sims"] == 0
    assert post(port, "activations", [unknown], headers)["unknown_sims"] == 0


DOUBTS_OF_FILES: list[tuple[KindName, str, dict[str, int]]] = [
    ("expectations", "03b", {"iccid_check_digit": 3, "iccid_rounded": 3, "several_values": 3}),
    ("activations", "12", {"without_zone": 2}),
    ("expectations", "15b", {"several_values": 2}),
    ("expectations", "19", {"shared_hardware": 3}),
    ("expectations", "20", {"placeholder_imei": 2}),
]


def test_calls_with_the_files_of_the_field_are_told_their_doubts(
    port: int, apps: dict[str, Credentials]
) -> None:
    headers = bearer(port, apps["sender"])
    for kind, name, doubts in DOUBTS_OF_FILES:
        (path,) = FIELD.glob(f"{name}-*")
        with path.open(newline="") as file:
            lines = list(csv.DictReader(file))
        columns = KINDS[kind].column_names
        facts = [{key: line[key] or None for key in line if key in columns} for line in lines]
        receipt = post(port, kind, facts, headers)
        assert {each: receipt[each] for each in doubts} == doubts
        assert all(receipt["doubts"][each]["advice"] for each in doubts)


def test_a_call_is_told_which_option_its_sims_would_be_known_with(
    port: int, apps: dict[str, Credentials]
) -> None:
    headers = bearer(port, apps["sender"])
    post(port, "sims", [SIM | {"iccid": "89148000000800000011"}], headers)
    short = ACTIVATION | {"iccid": "8914800000080000001"}
    receipt = post(port, "activations", [short], headers)
    doubt = receipt["doubts"]["unknown_sims"]
    assert (receipt["iccid_check_digit"], doubt["known_with"]) == (1, {"add": 1, "strip": 0})
    left_out = SIM | {"mdn": "555-CALL"}
    assert post(port, "sims", [left_out], headers)["doubts"]["mdn_left_out"] == {
        "count": 1,
        "examples": ["555-CALL"],
        "advice": "the SIMs were taken in without it: correct the column mdn and import them again",
    }


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
    message = "the path does not have this method; it has POST, OPTIONS"
    assert reply.json["error"]["message"] == message
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
        wait_until(lambda: any(answer.done() for answer in answers))
    turned_away = [answer for answer in answers if isinstance(answer.exception(), IntakeBusy)]
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


def test_each_call_waits_for_the_turn_for_as_long_as_any_writer_and_no_longer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not for its own time and for that of the calls before it."""
    for module in (turnstile, live_module):
        monkeypatch.setattr(module, "TURN_WAIT_S_MAX", SHORT_WAIT_S)
    kind, fact = (
        KINDS["activations"],
        SimActivation(Iccid.parse(ICCID), parse_moment("2026-03-05T10:00:00Z"), Imei.parse(HOME)),
    )
    with open_store(f"sqlite:///{tmp_path}/store.db", wire_row) as store:
        store.init("UTC")
        intake = LiveIntake(store, system_clock, time.perf_counter)

        def refused_after() -> float:
            began = time.monotonic()
            with pytest.raises(StoreBusy):
                intake.take(kind, [fact], [], None)
            return time.monotonic() - began

        def longest_wait() -> float:
            with ThreadPoolExecutor(3) as senders, store.transaction():
                waits = []
                for _ in range(3):
                    waits.append(senders.submit(refused_after))
                    time.sleep(SHORT_WAIT_S / 3)
                seconds = [wait.result(PATIENCE_S) for wait in waits]
            assert min(seconds) > 0.9 * SHORT_WAIT_S
            return max(seconds)

        # On a busy machine a try may take longer. It is in no try that it takes shorter.
        assert any(longest_wait() < 1.3 * SHORT_WAIT_S for _ in range(TRIES))
        assert json.loads(intake.take(kind, [fact], [], None))["accepted"] == 1
        intake.close()


@pytest.mark.parametrize("has_key", [False, True])
def test_calls_beside_refused_ones_are_committed_together(
    store: Store, monkeypatch: pytest.MonkeyPatch, has_key: bool
) -> None:
    """However many calls an account asks approval of, those beside them need one commit."""
    own, others = ICCIDS[0], ICCIDS[1:5]
    take(store, sim(own, "asks"), *(sim(iccid, "free") for iccid in others))
    with store.transaction() as writer:
        accounts.ask(writer, "asks", Approval.REQUIRED)
    intake, kind = LiveIntake(store, system_clock, lambda: 0.0), KINDS["expectations"]

    def put(*iccids: Iccid) -> Waiting:
        key = idempotency_key("app", repr(iccids), kind, b"") if has_key else None
        return intake.put(kind, [expected(iccid) for iccid in iccids], [], key, ANN)

    begun: list[object] = []
    transaction = store.transaction

    def counted(*arguments: Any, **named: Any) -> AbstractContextManager[Writer]:  # noqa: ANN401 - whatever a transaction takes
        begun.append(arguments)
        return transaction(*arguments, **named)

    monkeypatch.setattr(store, "transaction", counted)
    with transaction():  # in which the first call waits for its turn, and the others behind it
        waiting = [put(others[0])]
        wait_until(lambda: bool(begun))
        behind = ([own], [others[1]], [others[2], own], [own], [others[3]])
        waiting.extend(put(*iccids) for iccids in behind)
    for place in (0, 2, 5):
        assert json.loads(waiting[place].wait())["accepted"] == 1
    for place in (1, 3, 4):
        with pytest.raises(ApprovalRequired, match="account 'asks'"):
            waiting[place].wait()
    intake.close()
    assert len(begun) == 2
    with store.snapshot() as reader:
        assert [each for each in ICCIDS[:5] if reader.expectations_of(each)] == [
            others[0],
            others[1],
            others[3],
        ]


@pytest.mark.parametrize("depth", [900, 985, 990, 995, 1000, 100_000])
def test_json_nested_deeply_anywhere_is_refused_in_plain_words(
    standing: tuple[int, dict[str, Credentials]], depth: int
) -> None:
    port, apps = standing
    headers = bearer(port, apps["sender"])
    for before, after in (("[", "]"), ('{"a":', "}")):
        deep = before * depth + "1" + after * depth
        record = f'{{"iccid":{deep}}}'
        for body, form in (
            (deep, "application/json"),
            (f"[{record}]", "application/json"),
            (f"{record}\n{record}", "application/x-ndjson"),
        ):
            reply = call(
                port, "POST", "/api/v1/activations", body, headers | {"Content-Type": form}
            )
            assert reply.status == 400 or reply.json["accepted"] == 0
            assert b"recursion" not in reply.body


def test_an_object_with_too_many_names_is_a_reject(
    standing: tuple[int, dict[str, Credentials]],
) -> None:
    port, apps = standing
    fact = {f"name {number}": 1 for number in range(1001)}
    for kind in ("activations", "types"):
        receipt = post(port, kind, [fact], bearer(port, apps["sender"]))
        assert receipt["rejects"] == [
            {"index": 0, "reason": "has 1,001 names; at most 1,000 are read"}
        ]
