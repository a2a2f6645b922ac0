from __future__ import annotations

import secrets
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from tallystick.clock import system_clock
from tallystick.core.approval import Decider
from tallystick.core.errors import TargetRefused
from tallystick.core.explanations import Note
from tallystick.core.facts import GroupMember, HardwareType, SimExpectation
from tallystick.core.identifiers import Tac
from tallystick.core.imports import ImportState
from tallystick.core.ledger import Origin
from tallystick.core.moments import Moment
from tallystick.core.pairing import FirstUse
from tallystick.core.roles import Role
from tallystick.fleet import ledger
from tallystick.fleet.explanations import explain, take_back
from tallystick.intake import propose_facts
from tallystick.operations import copying
from tallystick.operations.copying import Copied, copy
from tallystick.operations.verify import verify
from tallystick.store import open_store
from tallystick.store.callbacks import ListenerRow
from tallystick.store.import_receipts import ImportedFacts, ImportEnd
from tallystick.store.saved_views import SavedView
from tallystick.thingspace.rows import wire_row
from tests.dying import copy_in_small_parts, kill_after
from tests.engines import CITUS, ENGINES, POSTGRESQL, SQLITE, database_on, made
from tests.kept import everything_in
from tests.quick_access import quick_access
from tests.store.few import FOREIGN, HOME, ICCIDS, MDN, ONE, THIRD, TWO, expected, seen, sim, take

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tallystick.store import Store

WAYS = [(SQLITE, POSTGRESQL), (POSTGRESQL, SQLITE), (SQLITE, SQLITE)]
WAYS += [(POSTGRESQL, CITUS), (CITUS, SQLITE), (SQLITE, CITUS)] if CITUS in ENGINES else []
ZONE = "America/Los_Angeles"
ANN = Origin("ann", Moment(1))
KILLS = 6


@pytest.fixture(params=WAYS, ids=" to ".join)
def way(request: pytest.FixtureRequest) -> tuple[str, str]:
    """From which engine to which."""
    source, target = request.param
    return source, target


@contextmanager
def opened(engine: str, folder: Path, zone: str = "UTC") -> Iterator[tuple[Store, str]]:
    """A fresh store and its address."""
    folder.mkdir()
    with database_on(engine, folder) as database, open_store(database, wire_row) as store:
        yield made(store, engine, zone), database


@pytest.fixture
def source(way: tuple[str, str], tmp_path: Path) -> Iterator[tuple[Store, str]]:
    """A store with something of everything, in a zone of its own."""
    with opened(way[0], tmp_path / "source", ZONE) as (store, database):
        fill(store)
        yield store, database


@pytest.fixture
def target(way: tuple[str, str], tmp_path: Path) -> Iterator[tuple[Store, str]]:
    """A fresh store whose numbers are not those of the source."""
    with opened(way[1], tmp_path / "target") as (store, database):
        yield store, database


def fill(store: Store) -> None:
    """SIMs with and without facts, facts with and without SIMs, and whoever may ask."""
    with store.transaction() as writer:
        writer.take_sims(
            [sim(iccid, f"account {n % 7}", date=n) for n, iccid in enumerate(ICCIDS[:200])]
        )
        writer.take_sims([sim(ONE, 'Ünïcode, "quoted"', mdn=MDN, generation="5G")])
        writer.take_expectations([expected(iccid) for iccid in ICCIDS[100:300]])
        writer.take_expectations([expected(iccid, THIRD, since=20) for iccid in ICCIDS[150:160]])
        writer.take_activations(
            [seen(iccid, (HOME, FOREIGN)[n % 2], at=n) for n, iccid in enumerate(ICCIDS[50:400])]
        )
        writer.take_types(
            [HardwareType(Tac(n), f'maker, "{n}"', "Ä" * (n % 3)) for n in range(500)]
        )
        writer.take_group_members(
            [GroupMember("account 1", "vans", iccid) for iccid in ICCIDS[:20]]
        )
        writer.take_group_members([GroupMember("waiting", "group", ICCIDS[900])])
        account_id = writer.accounts()["account 1"]
        for service in ("DeviceService", "CarrierService"):
            writer.put_listener(
                ListenerRow(
                    account_id, service, "https://listener.example/", "ann", f"hush {service}"
                )
            )
        for request_id in ("waits", "given up"):
            writer.add_deliveries(
                account_id, "DeviceService", request_id, b'{"accepted":1,"rejected":[]}', 5
            )
        failed = writer.deliveries([account_id])[1].delivery_id
        writer.fail_delivery(failed, 3, 6, 77, "answered 503")
        writer.take_activations([seen(iccid, THIRD, at=900) for iccid in ICCIDS[50:100]])
        account_ids, _ = writer.account_ids_made({"account 1", "account 2"})
        writer.set_first_use(account_ids["account 1"], FirstUse.IMEI)
        writer.set_first_use(account_ids["account 2"], FirstUse.MODEL)
    row = (77, int(ICCIDS[127]), int(FOREIGN))
    with store.transaction() as writer:
        explain(writer, [row], writer.accounts(), Note("ann", Moment(80), "Ünïcode"), None)
        take_back(writer, [row], writer.accounts(), "bob", Moment(90))
        explain(writer, [row], writer.accounts(), Note("bob", Moment(95), text="x"), Moment(99))
    correct(store)
    access = quick_access(store, system_clock, secrets.token_bytes)
    access.add_user("ann", "correct horse", ["account 1", "of nobody else"], all_accounts=False)
    access.add_user("bob", "correct horse", [], all_accounts=True, role=Role.OPERATOR)
    with store.transaction() as writer:
        bob = writer.user("bob")
        assert bob
        number = writer.begin_import(ImportState.RUNNING, "sims", "a.csv", "ann", Moment(5))
        writer.end_import(number, ImportEnd(ImportState.DONE, Moment(6), 1, "", "{}", 1, b"12"))
        writer.count_imported(ImportedFacts("sims", 3, 2, 1, Moment(6)))
        writer.save_view(bob.user_id, SavedView("Ünïcode", "days=7&state=open"))
    app = access.add_app("app", ["m2m", "intake"])
    access.issue_token(app.key, app.secret)
    access.add_app("without a token", ["m2m"])
    access.add_app("made by another", ["m2m"], "app")
    access.close()


def correct(store: Store) -> None:
    """A correction that was undone, one that holds, and one that is proposed."""
    for imei in (HOME, FOREIGN):
        with store.transaction() as writer:
            writer.take(
                SimExpectation,
                [expected(iccid, imei) for iccid in (*ICCIDS[200:202], ICCIDS[901])],
                origin=ANN,
            )
    with store.snapshot() as reader:
        last = reader.change_sets(1 << 62, 1)[0].change_set_id
    ledger.undo(store, last, ANN)
    ledger.undo(store, last - 1, ANN)
    propose_facts(store, [expected(ICCIDS[902])], ANN)


def copied(source: Store, target: Store) -> Copied:
    return copy(source, target, lambda _done, _steps: None)


def assert_follows_the_rule(store: Store) -> None:
    assert [
        difference for verified in verify(store, wire_row) for difference in verified.differences
    ] == []


def test_a_copy_holds_the_same_and_answers_the_same(
    source: tuple[Store, str], target: tuple[Store, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copying, "FACTS_A_RANGE_MAX", 150)
    done = copied(source[0], target[0])
    assert done.is_same
    assert done.taken["SIMs"] == done.compared["SIMs"].target.count == 200
    assert done.compared["kept rows"].target.count > 0
    assert everything_in(target[0]) == everything_in(source[0])
    assert_follows_the_rule(target[0])
    with source[0].snapshot() as here, target[0].snapshot() as there:
        assert there.wire_zone() == ZONE
        assert there.first_uses() == here.first_uses()
        for name in ("ann", "bob"):
            assert there.accounts_granted(name) == here.accounts_granted(name)
        assert set(there.whole_types()) == set(here.whole_types())
        assert sorted(there.whole_apps()) == sorted(here.whole_apps())
        assert there.app_keepers() == here.app_keepers() == {"made by another": "app"}
        assert sorted(there.whole_users()) == sorted(here.whole_users())
        assert list(there.whole_imports()) == list(here.whole_imports()) != []


def test_the_ledger_goes_along_and_can_be_gone_on_with(
    source: tuple[Store, str], target: tuple[Store, str]
) -> None:
    copied(source[0], target[0])
    with source[0].snapshot() as here, target[0].snapshot() as there:
        last = here.change_sets(1 << 62, 100)
        assert there.change_sets(1 << 62, 100) == last
        for iccid in (*ICCIDS[200:202], ICCIDS[901]):
            assert ledger.log(there, str(iccid)) == ledger.log(here, str(iccid))
            assert len(ledger.log(here, str(iccid))) >= 2
    before = everything_in(target[0])
    undone_in = ledger.undo(target[0], last[1].change_set_id, ANN)
    assert undone_in == last[0].change_set_id + 1
    ledger.undo(target[0], undone_in, ANN)
    assert everything_in(target[0]) == before
    with target[0].snapshot() as there:
        assert [entry.ended is None for entry in ledger.log(there, str(ICCIDS[901]))][-1] is False
    ledger.approve(target[0], last[0].change_set_id, Decider("bob"), Moment(9))
    assert ICCIDS[902] in {each.iccid for each in everything_in(target[0]).expectations}


def test_whoever_could_log_in_still_can(
    source: tuple[Store, str], target: tuple[Store, str]
) -> None:
    copied(source[0], target[0])
    access = quick_access(target[0], system_clock, secrets.token_bytes)
    assert access.login("ann", "correct horse")
    access.close()


def test_listeners_and_what_waits_for_them_are_copied_and_may_go_meanwhile(
    source: tuple[Store, str], target: tuple[Store, str]
) -> None:
    done = copied(source[0], target[0])
    assert (done.taken["callback listeners"], done.taken["deliveries"]) == (2, 2)
    with source[0].snapshot() as here, target[0].snapshot() as there:
        assert there.whole_listeners() == here.whole_listeners()
        assert sorted(map(str, there.whole_deliveries())) == sorted(
            map(str, here.whole_deliveries())
        )
    with source[0].transaction() as writer:
        writer.finish_delivery(writer.deliveries(writer.accounts().values())[0].delivery_id)
    again = copied(source[0], target[0])
    assert again.is_same
    assert again.taken["deliveries"] == 0


def test_a_copy_again_copies_nothing_and_then_what_is_new(
    source: tuple[Store, str], target: tuple[Store, str]
) -> None:
    first = copied(source[0], target[0])
    again = copied(source[0], target[0])
    assert set(again.taken.values()) == {0}
    assert (
        again.compared["activations"].target.sha256 == first.compared["activations"].source.sha256
    )
    take(
        source[0],
        seen(TWO, at=77),
        expected(ICCIDS[150], HOME, since=20),
        sim(TWO, "account 6", mdn=MDN),
    )
    later = copied(source[0], target[0])
    assert later.is_same
    assert {name: count for name, count in later.taken.items() if count} == {
        "SIMs": 1,
        "change sets": 1,
        "expectations": 1,
        "former expectations": 1,
        "activations": 1,
    }


def test_what_imports_brought_is_copied_once_also_without_a_list_of_them(tmp_path: Path) -> None:
    brought = ImportedFacts("sims", 3, 2, 1, Moment(6))
    with opened(SQLITE, tmp_path / "a") as (here, _), opened(SQLITE, tmp_path / "b") as (there, _):
        with here.transaction() as writer:
            writer.count_imported(brought)
        for _ in range(2):
            copied(here, there)
        with there.snapshot() as reader:
            assert reader.imported_facts() == [brought]


def test_a_store_with_other_facts_is_refused_and_left_alone(
    source: tuple[Store, str], target: tuple[Store, str]
) -> None:
    take(target[0], seen(ICCIDS[1000]))
    before = everything_in(target[0])
    with pytest.raises(
        TargetRefused,
        match=r"holds activations that this store does not, such as iccid 8914800000080",
    ):
        copied(source[0], target[0])
    assert everything_in(target[0]) == before
    with target[0].snapshot() as reader:
        assert reader.accounts() == {}


def test_what_is_taken_in_meanwhile_is_told_as_a_difference(
    source: tuple[Store, str], target: tuple[Store, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copying, "FACTS_A_RANGE_MAX", 150)
    writing = iter([True])

    def write_once(done: int, steps: int) -> None:
        if done > steps // 2 and next(writing, False):
            take(source[0], seen(ICCIDS[399], at=99))

    done = copy(source[0], target[0], write_once)
    assert not done.is_same
    assert done.compared["SIMs"].is_same
    assert done.compared["activations"].first_difference == (ICCIDS[399], 99, FOREIGN)
    assert copied(source[0], target[0]).is_same


def test_a_killed_copy_goes_on_and_ends_the_same(
    source: tuple[Store, str], target: tuple[Store, str]
) -> None:
    counts = []
    for kill in range(KILLS):
        kill_after(0.05 * kill, copy_in_small_parts, source[1], target[1])
        assert_follows_the_rule(target[0])
        with target[0].snapshot() as reader:
            counts.append(reader.counts().activations)
    assert counts == sorted(counts)
    assert copied(source[0], target[0]).is_same
    assert everything_in(target[0]) == everything_in(source[0])


def test_a_store_is_not_copied_into_itself(tmp_path: Path) -> None:
    with (
        opened(SQLITE, tmp_path / "one") as (store, _),
        pytest.raises(TargetRefused, match="name another one"),
    ):
        copied(store, store)
