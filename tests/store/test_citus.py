"""What only a cluster has: commits that one machine has yet to make, and questions to each."""

from __future__ import annotations

import re
import threading
import time
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote

import polars as pl
import psycopg
import pytest

from tallystick.background import Loops
from tallystick.clock import system_clock
from tallystick.core.acts import Act, Via
from tallystick.core.errors import MachineAway, StoreBroken, StoreBusy
from tallystick.core.facts import GroupMember, Identity, Sim, SimActivation, SimExpectation
from tallystick.core.identifiers import Imsi
from tallystick.core.identities import Subscriber
from tallystick.core.moments import BEGINNING, Moment
from tallystick.core.selection import UNASSIGNED, Listed
from tallystick.fleet import groups
from tallystick.intake import KINDS, LiveIntake, import_file
from tallystick.operations.verify import verify, verify_attributions
from tallystick.store import open_store
from tallystick.store.acting import acting
from tallystick.store.engines import citus
from tallystick.store.engines.citus import (
    NAMED,
    OF_EACH_SIM,
    ClusterConnection,
    is_of_sims,
    naming_sims,
    of_table,
)
from tallystick.store.engines.machines import MachinesAway
from tallystick.store.engines.postgresql_connection import SNAPSHOT, WRITING
from tallystick.store.engines.postgresql_server import SESSION, address_of
from tallystick.store.engines.postgresql_statements import of_arrays, without_rows
from tallystick.store.engines.spread import COPIED_BEFORE
from tallystick.store.hardware import DENSE_ROWS_MIN
from tallystick.store.queries import queries_for
from tallystick.store.touched import Touched
from tallystick.thingspace.rows import wire_row
from tests.cluster import Machine, connected_to, coordinator_of, frozen, machine_of
from tests.engines import CITUS, ENGINES, database_on, made, rows_of
from tests.listening import wait_until
from tests.store.few import (
    FOREIGN,
    HOME,
    ICCIDS,
    MDN,
    ONE,
    TWO,
    expected,
    mismatch,
    rows,
    seen,
    sim,
    take,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from tallystick.core.identifiers import Iccid
    from tallystick.intake import KindName
    from tallystick.store import Reader, Store

pytestmark = pytest.mark.skipif(CITUS not in ENGINES, reason="no cluster is named")
WAIT_S = 0.5
SLOW_STEP_S = 2.0  # so long a busy machine takes for nothing else that is bounded by a step
FROZEN_S_MAX = 10
SHARD_OF = """
SELECT shard_name(s.logicalrelid, s.shardid), n.nodename, n.nodeport
FROM pg_dist_shard AS s
INNER JOIN pg_dist_placement AS p ON p.shardid = s.shardid
INNER JOIN pg_dist_node AS n ON n.groupid = p.groupid
WHERE s.shardid = get_shard_id_for_distribution_column(CAST('shard_turns' AS regclass), %s)
"""
WAITS_FOR_COMMIT = """
SELECT EXISTS (
    SELECT 1 FROM pg_locks AS l
    INNER JOIN pg_prepared_xacts AS p ON p.transaction = l.transactionid
    WHERE p.gid = %s AND NOT l.granted
)
"""
# One is a part of others, one needs an extension, and one asks nothing.
OF_OTHER_FORM = {"rows_of_arrays", "damage_found", "plan_alike_on_machines"}
SAYING = " -c citus.log_remote_commands=on -c client_min_messages=notice"
PUT = re.compile(r"issuing INSERT INTO \S*activations_")
RANGE_OF_SIMS = re.compile(r"\biccid OPERATOR\(pg_catalog\.>=\)")
ACTIVATION_COLUMNS = ("iccid", "activated_at", "imei")
SPARSE_FACTS = 100  # more than are named for each table
SHARD_NUMBER = re.compile(r"\b[a-z]+_(\d{6,})\b")
RANGES = """
SELECT DISTINCT s.shardminvalue FROM pg_dist_shard AS s
WHERE s.shardid = ANY(CAST(%s AS bigint[])) AND s.shardminvalue IS NOT NULL
"""
SET_PARAMETER = re.compile(r"carray\(:(\w+)\)")
ARRAY_PARAMETER = re.compile(r"CAST\(:\w+ AS (\w+\[\])\)")
PARAMETER = re.compile(r"(?<![:\w]):[a-z_]\w*")
OTHERS = ICCIDS[1:]
GROUP = "g"
HARDWARE = (HOME, FOREIGN)


@pytest.fixture
def engine() -> str:
    """This one only."""
    return CITUS


@contextmanager
def commit_in_doubt(database: str, iccid: int) -> Iterator[Callable[[], bool]]:
    """Within the block a commit in a SIM's shard is one that its machine has yet to make.

    Gives what tells whether anybody waits for that.
    """
    with coordinator_of(database) as coordinator:
        shard, *machine = coordinator.execute(SHARD_OF, [iccid]).fetchone() or ("", "", 0)
    with connected_to(database, Machine(*machine)) as worker:
        name = shard.partition(".")[0]
        worker.execute("SET citus.enable_manual_changes_to_shards = on")
        worker.execute("BEGIN")
        worker.execute(f"UPDATE {shard} SET turn = turn".encode())  # noqa: S608 - a name from the catalogue
        worker.execute(f"PREPARE TRANSACTION '{name}'".encode())
        try:
            yield lambda: worker.execute(WAITS_FOR_COMMIT, [name]).fetchone() == (True,)
        finally:
            worker.execute(f"COMMIT PREPARED '{name}'".encode())


def other_shard(database: str, iccid: Iccid) -> Iccid:
    """A SIM that lies in another shard."""
    with coordinator_of(database) as coordinator:
        asked = "SELECT get_shard_id_for_distribution_column(CAST('sims' AS regclass), %s)"
        own = coordinator.execute(asked, [iccid]).fetchone()
        return next(each for each in OTHERS if coordinator.execute(asked, [each]).fetchone() != own)


def take_beside(store: Store, *facts: SimActivation) -> None:
    """Each activation in a transaction that says what it touches."""
    for fact in facts:
        with store.transaction(touched=Touched(frozenset({fact.iccid}))) as writer:
            writer.take(SimActivation, [fact])


@pytest.mark.parametrize("take_one", [take, take_beside])
def test_a_writer_waits_for_a_machine_that_is_yet_to_commit(
    store: Store, database: str, take_one: Callable[..., None]
) -> None:
    """Like a machine lost in the middle of a commit: nobody sees what it holds in doubt."""
    take(store, sim(ONE), expected(ONE))
    writer = threading.Thread(target=take_one, args=(store, seen(ONE)))
    with commit_in_doubt(database, ONE) as is_awaited:
        writer.start()
        wait_until(is_awaited)
        assert rows(store) == []
    writer.join()
    assert rows(store) == [mismatch(ONE)]


def test_the_locks_of_many_shards_are_waited_for_one_by_one(
    store: Store, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(citus, "FEW_SHARDS", 0)
    monkeypatch.setattr(citus, "STEP_S", SLOW_STEP_S)
    take(store, sim(ONE), expected(ONE))
    writer = threading.Thread(target=take, args=(store, seen(ONE)))
    with commit_in_doubt(database, ONE) as is_awaited:
        writer.start()
        wait_until(is_awaited, "the first step")
        wait_until(lambda: not is_awaited(), "its end")
        wait_until(is_awaited, "the next step")
    writer.join()
    assert rows(store) == [mismatch(ONE)]


def test_whoever_spreads_or_upgrades_a_store_waits_for_writers_of_sims(store: Store) -> None:
    upgrade = threading.Thread(target=store.init, args=("UTC",))
    with store.transaction(touched=Touched(frozenset({ONE}))):
        upgrade.start()
        upgrade.join(WAIT_S)
        waits = upgrade.is_alive()
    upgrade.join()
    assert waits


def test_a_process_learns_that_its_store_was_spread(tmp_path: Path) -> None:
    with (
        database_on(CITUS, tmp_path) as database,
        open_store(database, wire_row) as running,
        open_store(database, wire_row) as other,
    ):
        running.init("UTC")
        take(running, sim(ONE), expected(ONE))
        made(other, CITUS)
        with pytest.raises(StoreBusy, match="was spread over a cluster meanwhile"):
            take_beside(running, seen(ONE))
        take_beside(running, seen(ONE))
        assert running.is_spread()
        assert rows(running) == [mismatch(ONE)]


def test_what_others_write_goes_on_beside_a_commit_in_doubt(store: Store, database: str) -> None:
    """Facts of SIMs of other shards, and what lies on the coordinator alone."""
    other = other_shard(database, ONE)
    take(store, sim(ONE), expected(ONE), sim(other), expected(other))
    with commit_in_doubt(database, ONE):
        take_beside(store, seen(other))
        with store.transaction() as writer:
            writer.keep_receipt(b"key", b"facts", b"receipt", 0)
    assert rows(store) == [mismatch(other)]


def test_a_frozen_machine_stops_the_facts_of_its_own_sims_alone(
    store: Store, database: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Like a computer that hangs: connections to it stay, and nothing is answered."""
    with coordinator_of(database) as coordinator:
        frozen_one = machine_of(coordinator, ONE)
        other = next(each for each in OTHERS if machine_of(coordinator, each) != frozen_one)
    take(store, sim(ONE), expected(ONE), sim(other), expected(other))
    live = LiveIntake(store, system_clock, time.perf_counter, Loops())
    began = time.monotonic()
    with frozen(database, frozen_one):
        with pytest.raises(MachineAway):
            live.take(KINDS["activations"], [seen(ONE)], [], None)
        live.take(KINDS["activations"], [seen(other)], [], None)
        with store.transaction() as writer:
            writer.keep_receipt(b"key", b"facts", b"receipt", 0)
        assert time.monotonic() - began < FROZEN_S_MAX
    assert "commits of live intake" not in caplog.text
    live.close()
    wait_until(lambda: is_taken(store, seen(ONE)))
    assert sorted(rows(store)) == sorted([mismatch(ONE), mismatch(other)])


def write_alone(database: str, away: MachinesAway) -> None:
    """Hold the shard of a SIM as whoever writes alone does."""
    with closing(ClusterConnection(address_of(database), None, away)) as connection:
        connection.begin(WRITING)
        with connection.ending():
            connection.write_alone(SLOW_STEP_S, frozenset({ONE}))
            connection.rows("loaded_sims", iccids=connection.set_of([ONE]))


@pytest.mark.usefixtures("store")
def test_shards_are_tried_out_over_one_connection_that_is_kept(database: str) -> None:
    """Else each writer alone would open one more to the coordinator, and drop it."""
    away = MachinesAway()
    write_alone(database, away)
    trial = away.trial
    assert trial is not None
    write_alone(database, away)
    assert away.trial is trial
    away.drop_trial()


@pytest.mark.usefixtures("store")
def test_a_trial_that_the_cluster_refuses_is_told(database: str) -> None:
    """Citus finds shards by parameters, which a plan that is made without them does not have."""
    away = MachinesAway()
    write_alone(database, away)
    assert away.trial is not None
    away.trial.row("set_up_session", **SESSION)  # as on one PostgreSQL
    with pytest.raises(StoreBroken, match="distributed plan"):
        write_alone(database, away)
    away.drop_trial()


class Apart(NamedTuple):
    """A store with a SIM on a machine that will be frozen, and one on another, both expected."""

    store: Store
    database: str
    machine: Machine
    other: Iccid

    @contextmanager
    def freezing(self, *, is_known: bool = False) -> Iterator[None]:
        """Within the block the machine is frozen; what is in it does not wait for long.

        Where that `is_known`, this process has learned it before.
        """
        began = time.monotonic()
        with frozen(self.database, self.machine):
            if is_known:
                wait_until(lambda: not self.reaches_all())
            yield
            assert time.monotonic() - began < FROZEN_S_MAX

    def reaches_all(self) -> bool:
        """Whether this process knows of no machine that is away."""
        with self.store.glance() as reader:
            return reader.reaches_all()


@pytest.fixture
def apart(store: Store, database: str) -> Apart:
    with coordinator_of(database) as coordinator:
        machine = machine_of(coordinator, ONE)
        other = next(each for each in OTHERS if machine_of(coordinator, each) != machine)
    for iccid in (ONE, other):
        take(store, sim(iccid), expected(iccid), GroupMember("a", GROUP, iccid))
    return Apart(store, database, machine, other)


IMSI, IMSI_OF_OTHER, UNKNOWN = (Imsi.parse(f"29505090000001{digit}") for digit in (1, 2, 3))


def identity(iccid: Iccid, imsi: Imsi = IMSI) -> Identity:
    """From the beginning this SIM has this IMSI."""
    return Identity(iccid, imsi, None, BEGINNING)


def seen_as(imsi: Imsi) -> SimActivation:
    """An activation of whoever has an IMSI then."""
    return SimActivation(Subscriber.of_imsi(imsi), seen(ONE).activated_at, FOREIGN)


def test_an_act_repeats_by_iccid_what_is_known_by_imsi(store: Store, database: str) -> None:
    """That it was also named by ICCID is written on the coordinator, after its shard is held."""
    take(store, sim(ONE), identity(ONE), seen_as(IMSI))
    act = Act(Moment(1), Via.COMMAND, "import", is_long=True)
    with acting(act), store.transaction(touched=Touched(frozenset({ONE}))) as writer:
        assert writer.take(SimActivation, [seen(ONE)]) == (0, 1, ())
    assert rows_of(database, "SELECT iccid, activated_at, imei FROM direct_twins") == [seen(ONE)]


def test_an_account_that_was_removed_meanwhile_is_named_as_why_to_try_again(store: Store) -> None:
    with store.transaction(sims=frozenset({ONE})) as writer:
        writer.take(SimExpectation, [expected(ONE)])
        with pytest.raises(StoreBusy, match="`accounts` would have to change after SIMs"):
            writer.take(Sim, [sim(ONE)])


CHANGED: dict[KindName, Callable[[Iccid], Sim | SimExpectation | SimActivation | GroupMember]] = {
    "sims": lambda iccid: sim(iccid, mdn=MDN),
    "expectations": lambda iccid: expected(iccid, FOREIGN),
    "activations": seen,
    "groups": lambda iccid: GroupMember("a", UNASSIGNED, iccid),
}
"""A fact of each kind that says something new of a SIM."""
LINES = {
    "sims": "iccid,account,mdn,activation_date,generation\n{iccid},a,,2026-01-01T00:00:00Z,5G\n",
    "expectations": "iccid,imei\n{iccid},357152091234562\n",
    "activations": "iccid,activated_at,imei\n{iccid},2026-01-01T00:00:00Z,357152091234562\n",
}
"""The same as a file."""


@pytest.mark.parametrize("kind", CHANGED)
def test_a_frozen_machine_stops_calls_about_its_own_sims_alone(
    apart: Apart, kind: KindName
) -> None:
    with closing(LiveIntake(apart.store, system_clock, time.perf_counter, Loops())) as live:
        with apart.freezing(is_known=kind == "expectations"):
            receipt = live.take(KINDS[kind], [CHANGED[kind](apart.other)], [], None)
            with pytest.raises(MachineAway):
                live.take(KINDS[kind], [CHANGED[kind](ONE)], [], None)
        assert b'"accepted":1' in receipt
        wait_until(lambda: is_taken(apart.store, seen(ONE)))
    assert not any(verified.differences for verified in verify(apart.store, wire_row))


@pytest.mark.parametrize("kind", LINES)
def test_a_frozen_machine_stops_files_about_its_own_sims_alone(
    apart: Apart, kind: KindName, tmp_path: Path
) -> None:
    files = {iccid: tmp_path / f"{iccid}.csv" for iccid in (ONE, apart.other)}
    for iccid, file in files.items():
        file.write_text(LINES[kind].format(iccid=iccid))
    with apart.freezing(is_known=kind == "expectations"):
        assert import_file(apart.store, kind, str(files[apart.other])).accepted == 1
        with pytest.raises(MachineAway):
            import_file(apart.store, kind, str(files[ONE]))
    wait_until(lambda: is_taken(apart.store, seen(ONE)))
    assert import_file(apart.store, kind, str(files[ONE])).accepted == 1
    assert not any(verified.differences for verified in verify(apart.store, wire_row))


def test_a_frozen_machine_stops_numbers_of_its_own_sims_alone(apart: Apart) -> None:
    """An activation by IMSI needs the machine of the SIM that has it, an identity both SIMs'."""
    store, other = apart.store, apart.other
    take(store, identity(ONE), identity(other, IMSI_OF_OTHER))
    with closing(LiveIntake(store, system_clock, time.perf_counter, Loops())) as live:
        with apart.freezing():
            live.take(KINDS["activations"], [seen_as(IMSI_OF_OTHER)], [], None)
            waiting = live.take(KINDS["activations"], [seen_as(UNKNOWN)], [], None)
            live.take(KINDS["identities"], [identity(other, UNKNOWN)], [], None)
            for kind, fact in (
                (KINDS["activations"], seen_as(IMSI)),
                (KINDS["identities"], identity(ONE, IMSI_OF_OTHER)),
                (KINDS["identities"], identity(ONE, UNKNOWN)),
            ):
                with pytest.raises(MachineAway):
                    live.take(kind, [fact], [], None)
        assert b'"unattributed":1' in waiting
        wait_until(lambda: is_taken(store, seen(TWO)))
        live.take(KINDS["identities"], [identity(ONE, UNKNOWN)], [], None)
    assert sorted(rows(store)) == sorted([mismatch(ONE), mismatch(other)])
    assert not any(verified.differences for verified in verify(store, wire_row))
    assert not any(part.wrong for part in verify_attributions(store))


def test_a_store_that_an_earlier_program_spread_needs_every_machine_for_numbers(
    apart: Apart,
) -> None:
    with coordinator_of(apart.database) as coordinator:
        for table in COPIED_BEFORE:
            coordinator.execute("SELECT create_reference_table(CAST(%s AS regclass))", [table])
    with (
        open_store(apart.database, wire_row) as store,  # whose connections learn it anew
        closing(LiveIntake(store, system_clock, time.perf_counter, Loops())) as live,
    ):
        with apart.freezing(), pytest.raises(MachineAway):
            live.take(KINDS["activations"], [seen_as(UNKNOWN)], [], None)
        wait_until(lambda: is_taken(store, seen(ONE)))
        both = [seen(apart.other), seen_as(UNKNOWN)]
        assert b'"accepted":2' in live.take(KINDS["activations"], both, [], None)
        live.take(KINDS["identities"], [identity(apart.other, UNKNOWN)], [], None)
        assert sorted(rows(store)) == sorted([mismatch(ONE), mismatch(apart.other)])


def test_a_group_is_changed_where_the_sims_named_lie(apart: Apart) -> None:
    def put(change: groups.GroupChange) -> None:
        with apart.store.transaction(sims=change.sims()) as writer:
            groups.change(writer, writer.accounts()["a"], GROUP, change)

    put(groups.GroupChange(description="What every machine has a copy of."))
    with apart.freezing():
        put(groups.GroupChange(removed=Listed((apart.other,))))
        put(groups.GroupChange(added=Listed((apart.other,))))
        for refused in (
            groups.GroupChange(added=Listed((ONE,))),
            groups.GroupChange(description="Another one."),
            groups.GroupChange(description=""),
        ):
            with pytest.raises(MachineAway):
                put(refused)


def test_an_imsi_that_was_given_to_another_sim_meanwhile_holds_that_sim_too(store: Store) -> None:
    take(store, sim(ONE), expected(ONE), identity(ONE))
    with store.transaction(sims=frozenset({TWO})) as writer:
        writer.take(SimActivation, [seen_as(IMSI)])
    assert rows(store) == [mismatch(ONE)]
    with store.transaction(sims=frozenset({TWO})) as writer:
        writer.take(SimExpectation, [expected(TWO)])
        with pytest.raises(StoreBusy, match="was given to another SIM at the same time"):
            writer.take(Identity, [identity(TWO)])


def test_reports_of_listed_sims_need_their_machines_alone(apart: Apart) -> None:
    take(apart.store, seen(ONE), seen(apart.other))
    with apart.freezing():
        assert rows(apart.store, iccids=(apart.other,)) == [mismatch(apart.other)]
        for scope in ({"iccids": (ONE,)}, {}):
            with pytest.raises(MachineAway):
                rows(apart.store, **scope)


def test_what_one_machine_and_the_coordinator_have_is_committed_in_two_phases(
    store: Store, database: str, commands: list[str], tmp_path: Path
) -> None:
    """Else a lost coordinator could lack the change set of an expectation that a machine has."""
    take(store, sim(ONE))
    with open_store(f"{database}{quote(SAYING)}", wire_row) as watched:
        with watched.transaction(sims=frozenset({ONE})) as writer:
            writer.take(SimExpectation, [expected(ONE)])
        assert prepared(commands) == 1
        with watched.transaction(touched=Touched(frozenset({ONE}), frozenset({b"key"}))) as writer:
            writer.take(SimActivation, [seen(ONE)])
            writer.keep_receipt(b"key", b"facts", b"receipt", 0)
        assert prepared(commands) == 2
        file = tmp_path / "activations.csv"
        file.write_text(LINES["activations"].format(iccid=ONE))
        import_file(watched, "activations", str(file))
        assert prepared(commands) == 3


def test_that_an_activation_was_also_named_by_its_iccid_is_committed_in_two_phases(
    store: Store, database: str, commands: list[str]
) -> None:
    """Else the note could be lost, and the activation go with its IMSI to another SIM."""
    later = seen(ONE, at=Moment(seen(ONE).activated_at + 1))
    take(store, sim(ONE), identity(ONE), seen_as(IMSI))
    with (
        open_store(f"{database}{quote(SAYING)}", wire_row) as watched,
        watched.transaction(touched=Touched(frozenset({ONE}))) as writer,
    ):
        assert writer.take(SimActivation, [seen(ONE), later]).accepted == 1
    assert prepared(commands) == 1
    assert rows_of(database, "SELECT iccid, activated_at, imei FROM direct_twins") == [seen(ONE)]


def prepared(commands: list[str]) -> int:
    """How many machines were asked to prepare a commit."""
    return sum("PREPARE TRANSACTION" in each for each in commands)


def is_taken(store: Store, fact: SimActivation) -> bool:
    """Whether an activation is taken in; False while a machine that it needs is away."""
    try:
        take_beside(store, fact)
    except MachineAway:
        return False
    return True


def filled(sql: str) -> str:
    """A query about one SIM, with some value for each other parameter."""
    sql = SET_PARAMETER.sub(
        lambda found: "carray('{0}'::" + ("text[])" if found[1] == "generations" else "bigint[])"),
        sql,
    )
    return PARAMETER.sub("'0'", ARRAY_PARAMETER.sub(r"CAST('{0}' AS \1)", sql))


@pytest.mark.usefixtures("store")
def test_no_question_carries_a_whole_table_to_the_coordinator(database: str) -> None:
    """Citus does so where it cannot join on the machines: minutes, with millions of SIMs."""
    said, planned = list[str](), list[str]()
    queries = queries_for("citus")
    with psycopg.connect(database, autocommit=True) as coordinator:
        coordinator.add_notice_handler(lambda notice: said.append(notice.message_primary or ""))
        coordinator.execute("SET client_min_messages = debug1")
        for name in sorted(queries.keys() - OF_OTHER_FORM):
            said.clear()
            sql = queries[name]
            if "WITH asked" in sql:
                sql = naming_sims(of_arrays(sql, queries["rows_of_arrays"]), "iccid")
            coordinator.execute(f"EXPLAIN {filled(sql)}".encode())
            assert not [each for each in said if each.startswith("Wrapping relation")], name
            planned += [name for each in said if each.startswith("generating subplan")]
    assert "known_sims" in planned, "Citus says no more how it plans"


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What coordinators say that they send to machines, where a connection asks them to."""
    said = list[str]()
    connect = psycopg.Connection.connect.__func__  # type: ignore[attr-defined] # of a class method

    def listening(kind: type, /, *where: str, **options: object) -> psycopg.Connection[Any]:
        connection: psycopg.Connection[Any] = connect(kind, *where, **options)
        connection.add_notice_handler(lambda notice: said.append(notice.message_primary or ""))
        return connection

    monkeypatch.setattr(psycopg.Connection, "connect", classmethod(listening))
    return said


def test_a_fact_of_one_sim_asks_one_shard(store: Store, database: str, commands: list[str]) -> None:
    take(store, sim(ONE), expected(ONE))
    with open_store(f"{database}{quote(SAYING)}", wire_row) as watched:
        take_beside(watched, seen(ONE))
    shards = {int(number) for each in commands for number in SHARD_NUMBER.findall(each)}
    with coordinator_of(database) as coordinator:
        ranges = coordinator.execute(RANGES, [list(shards)]).fetchall()
    assert len(ranges) == 1
    assert rows(store) == [mismatch(ONE)]


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize("name", sorted(OF_EACH_SIM))
def test_a_set_of_sims_of_one_shard_is_asked_of_that_shard_alone(database: str, name: str) -> None:
    with psycopg.connect(database, autocommit=True) as coordinator:
        sql = filled(of_table(queries_for("citus")[name]))
        plan = coordinator.execute(f"EXPLAIN {sql}".encode()).fetchall()
    assert [row for row in plan if "Task Count: 1" in row[0]]


def test_what_each_shard_says_of_its_own_sims_is_what_all_say_of_all(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    some = ICCIDS[:80]
    with store.transaction() as writer:
        writer.take(Sim, [sim(iccid) for iccid in some])
        writer.take(SimExpectation, [expected(iccid) for iccid in some])
        writer.take(SimActivation, [seen(iccid) for iccid in some])
    with store.snapshot() as reader:
        apart = answers_about(reader, some)
        monkeypatch.setattr(citus, "OF_EACH_SIM", frozenset())
        assert answers_about(reader, some) == apart
    assert len(apart) == 3 * len(some)


def answers_about(reader: Reader, iccids: Sequence[Iccid]) -> list[str]:
    """What a refresh learns of SIMs, in order."""
    told = (*reader.sims_of_rows(iccids).items(), *reader.tracked_among(iccids))
    return sorted(map(repr, (*told, *reader.kept_rows(iccids))))


@pytest.mark.parametrize("sampled_min", [0, citus.SAMPLED_MIN])
@pytest.mark.parametrize("at_most", [1, 39, 40, 41, 1000])
def test_columns_of_all_shards_are_of_the_same_rows_and_no_more_than_asked_for(
    store: Store, monkeypatch: pytest.MonkeyPatch, at_most: int, sampled_min: int
) -> None:
    monkeypatch.setattr(citus, "SAMPLED_MIN", sampled_min)
    facts = [
        expected(iccid, HARDWARE[number % 2], since=100 + number)
        for number, iccid in enumerate(ICCIDS[:40])
    ]
    with store.transaction() as writer:
        writer.take(SimExpectation, facts)
    with store.snapshot() as reader:
        frame = reader.expectations_between(ICCIDS[0], ICCIDS[-1], at_most)
    assert len(frame) == min(at_most, len(facts))
    known = {(fact.iccid, fact.effective_from, int(fact.imei)) for fact in facts}
    assert known.issuperset(frame.select("iccid", "effective_from", "value").rows())


def test_many_rows_go_to_each_shard_in_few_statements(
    store: Store, database: str, commands: list[str]
) -> None:
    """Of 256 rows that lie all over the store each shard has some."""
    sims = ICCIDS[: 4 * citus.ROWS_A_STATEMENT]
    take(store, sim(ONE))
    with (
        open_store(f"{database}{quote(SAYING)}", wire_row) as watched,
        watched.transaction(touched=Touched(frozenset(sims))) as writer,
    ):
        writer.take(SimActivation, [seen(iccid) for iccid in sims])
    put = [SHARD_NUMBER.search(each) for each in commands if PUT.search(each)]
    shards = {number[1] for number in put if number}
    assert len(shards) > 1
    assert len(put) < len(shards) + 4


@pytest.mark.usefixtures("store")
def test_the_names_of_columns_are_asked_of_no_machine(database: str) -> None:
    sql = filled(without_rows(queries_for("citus")["expectations_between"]))
    with psycopg.connect(database, autocommit=True) as coordinator:
        plan = coordinator.execute(f"EXPLAIN {sql}".encode()).fetchall()
    assert [row for row in plan if "One-Time Filter" in row[0]]
    assert not [row for row in plan if "expectations_" in row[0]]


def asked_between(commands: Sequence[str]) -> list[str]:
    """What shards were asked for about a range of SIMs."""
    return [each for each in commands if RANGE_OF_SIMS.search(each)]


def test_a_sparse_call_never_reads_all_that_lies_between_its_sims(
    store: Store, database: str, commands: list[str]
) -> None:
    take(store, sim(ONE), expected(ONE))
    facts = [seen(iccid) for iccid in ICCIDS[:: len(ICCIDS) // SPARSE_FACTS]]
    touched = Touched(frozenset(fact.iccid for fact in facts))
    with (
        open_store(f"{database}{quote(SAYING)}", wire_row) as watched,
        watched.transaction(touched=touched) as writer,
    ):
        assert writer.take_activations(in_columns(facts)).accepted == len(facts)
    asked = asked_between(commands)
    assert asked
    assert not [each for each in asked if "LIMIT" not in each]
    assert rows(store) == [mismatch(ONE)]


def test_hardware_of_a_large_file_is_looked_up_without_a_count_of_the_store(
    store: Store, database: str, commands: list[str]
) -> None:
    take(store, sim(ONE), expected(ONE))
    hardware = pl.Series(range(HOME // 400, HOME // 400 + DENSE_ROWS_MIN))
    with open_store(f"{database}{quote(SAYING)}", wire_row) as watched, watched.glance() as reader:
        assert reader.claims_on(hardware).rows() == [(HOME // 400, ONE)]
    assert commands
    assert not [each for each in commands if "count(" in each]


def test_a_sample_tells_whether_a_range_is_read_without_its_limit(
    store: Store, database: str, commands: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(citus, "SAMPLED_MIN", 0)
    monkeypatch.setattr(citus, "SAMPLED", 3)
    with store.transaction() as writer:
        writer.take(SimExpectation, [expected(iccid) for iccid in ICCIDS])
    sparse, dense = len(ICCIDS) // 4, len(ICCIDS) * 2
    with (
        open_store(f"{database}{quote(SAYING)}", wire_row) as watched,
        watched.snapshot() as reader,
    ):
        assert len(reader.expectations_between(ICCIDS[0], ICCIDS[-1], sparse)) == sparse
        assert not [each for each in asked_between(commands) if "LIMIT" not in each]
        assert len(reader.expectations_between(ICCIDS[0], ICCIDS[-1], dense)) == len(ICCIDS)
        assert [each for each in asked_between(commands) if "array_agg" in each]


def in_columns(facts: Sequence[SimActivation]) -> pl.DataFrame:
    """Activations as a call with many of them brings them in."""
    return pl.DataFrame(
        {name: [int(getattr(fact, name)) for fact in facts] for name in ACTIVATION_COLUMNS}
    )


def named(queries: Mapping[str, str], name: str) -> str:
    """A query as it is put where it is about few SIMs."""
    sql = queries[name]
    if "WITH asked" in sql:
        return naming_sims(of_arrays(sql, queries["rows_of_arrays"]), "iccid")
    return naming_sims(sql, "iccids") if ":iccids" in sql else sql


@pytest.mark.usefixtures("store")
def test_a_question_about_one_sim_goes_to_one_shard(database: str) -> None:
    queries = queries_for("citus")
    asked = {name: named(queries, name) for name, sql in queries.items() if is_of_sims(sql)}
    asked = {name: sql for name, sql in asked.items() if NAMED.search(sql)}
    with psycopg.connect(database, autocommit=True) as coordinator:
        for name, sql in asked.items():
            plan = coordinator.execute(f"EXPLAIN {filled(sql)}".encode()).fetchall()
            assert [row for row in plan if "Task Count: 1" in row[0]], name
    assert len(asked) > 50


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize("how", [SNAPSHOT, WRITING])
def test_machines_look_up_in_indexes_and_only_for_readers_join_by_hash(
    database: str, how: str
) -> None:
    """By their own settings they read all of a shard where an index has what is asked for."""
    with closing(ClusterConnection(address_of(database), None, MachinesAway())) as connection:
        connection.begin(how)
        with connection.ending():
            explain = connection._ask  # noqa: SLF001 - no named query explains
            asked = explain(
                "EXPLAIN SELECT count(*) FROM sims AS s"
                " INNER JOIN expectations AS e ON e.iccid = s.iccid",
                {},
            )
            plan = "\n".join(line for (line,) in asked.fetchall())
    assert "Index" in plan
    assert "Seq Scan" not in plan
    assert ("Hash Join" in plan) == (how == SNAPSHOT)
