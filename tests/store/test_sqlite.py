"""What only SQLite has: one file and its faults, many rows a statement, migrations."""

from __future__ import annotations

import shutil
import tempfile
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import apsw
import pytest

from tallystick.background import Loops
from tallystick.core.errors import StoreBroken, StoreMissing, StoreOutdated
from tallystick.core.facts import SimActivation
from tallystick.core.identifiers import Iccid, Mdn
from tallystick.core.ledger import UNKNOWN_ORIGIN, Value
from tallystick.core.moments import Moment
from tallystick.store import open_store
from tallystick.store.audit import AuditFilter
from tallystick.store.engines import checkpoints
from tallystick.store.engines.sqlite import SHORT_BYTES_MAX, SqliteEngine, path_of, widened
from tallystick.store.queries import migrations_for, queries_for
from tallystick.thingspace.rows import wire_row
from tests.engines import SQLITE, change, rows_of
from tests.kept import everything_in
from tests.listening import wait_until
from tests.reason_bits import bits_by_the_rule
from tests.store.few import (
    FOREIGN,
    HOME,
    ICCIDS,
    MDN,
    ONE,
    THIRD,
    TWO,
    expected,
    seen,
    sim,
    start,
    take,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tallystick.store import Store


@pytest.fixture
def engine() -> str:
    """This one only."""
    return SQLITE


# What lists are narrowed down by


def test_what_lists_are_narrowed_down_by_follows_every_change_of_rows(
    store: Store, database: str
) -> None:
    (migration,) = (text for _, text in migrations_for(SQLITE) if "CREATE TABLE listed_mis" in text)
    derived = migration[migration.rindex("SELECT\n    m.account_id") :].rstrip("; \n")

    def listed() -> list[tuple[int, str]]:
        kept = rows_of(database, "SELECT * FROM listed_mismatches")
        rows = rows_of(database, f"{derived} ORDER BY 1, 2, 3, 4, 5")
        assert [row[:-1] for row in kept] == rows
        assert [row[-1] for row in kept] == bits_by_the_rule(database)
        return [(cause, digits) for *_, cause, digits, _ in kept]

    take(store, sim(ONE, mdn=MDN), expected(ONE), seen(ONE))
    ((cause, digits),) = listed()
    assert digits == f"{ONE} {FOREIGN} {HOME} {MDN}"
    take(store, sim(ONE, account="b", mdn=Mdn.parse("5096300099")))
    assert listed() == [(cause, digits.replace(str(MDN), "5096300099"))]
    take(store, sim(TWO), expected(TWO, FOREIGN), seen(TWO, HOME))
    take(store, seen(ONE, THIRD, 20), expected(ONE, FOREIGN, 5))
    assert [digits.split()[1] for _, digits in listed()] == [str(HOME), str(THIRD)]
    with store.transaction() as writer:
        writer.remove_sims([ONE, TWO], UNKNOWN_ORIGIN)
    assert listed() == []


# Processes

MAKE_MANY = """
import sys
from tallystick.store.engines import checkpoints
from tallystick.store import open_store
from tallystick.thingspace.rows import wire_row

print("ready", flush=True)
for url in sys.stdin:
    with open_store(url.strip(), wire_row) as store:
        store.init("UTC")
    print("made", flush=True)
"""


def test_several_processes_may_make_the_same_store_at_once(tmp_path: Path) -> None:
    """As the workers of one server do. Many stores, because it takes luck for two to meet."""
    makers = [start(MAKE_MANY) for _ in range(3)]
    pipes = [(maker.stdin, maker.stdout) for maker in makers if maker.stdin and maker.stdout]
    assert [out.readline() for _, out in pipes] == ["ready\n"] * 3
    made = []
    for number in range(100):
        for into, _ in pipes:
            into.write(f"sqlite:///{tmp_path}/{number}.db\n")
            into.flush()
        made += [out.readline() for _, out in pipes]
        if made[-3:] != ["made\n"] * 3:
            break
    errors = [maker.communicate(timeout=60)[1] for maker in makers]
    assert errors == [""] * 3
    assert made == ["made\n"] * 300


# Refusals


def test_a_store_that_is_not_there_is_missing_and_is_not_made_by_asking(database: str) -> None:
    with open_store(database, wire_row) as store:
        assert store.is_empty()
        for ask in (store.snapshot, store.transaction):
            with (
                pytest.raises(
                    StoreMissing,
                    match=r"store\.db: there is no store; make one with `tallystick init`",
                ),
                ask(),
            ):
                pass
    assert not path_of(database).exists()


def test_an_empty_file_is_a_store_that_is_not_there_yet(database: str) -> None:
    path_of(database).touch()
    with open_store(database, wire_row) as store:
        assert store.is_empty()
        with pytest.raises(StoreMissing), store.snapshot():
            pass
        assert store.init("UTC") > 0
        assert not store.is_empty()


def test_a_database_of_another_program_is_refused_and_left_alone(database: str) -> None:
    """An address with a mistake in it is not to put our tables beside somebody's."""
    with apsw.Connection(str(path_of(database))) as other:
        other.execute("CREATE TABLE theirs (one INTEGER)")
    other.close()
    content = path_of(database).read_bytes()
    with (
        open_store(database, wire_row) as store,
        pytest.raises(StoreBroken, match=r"store\.db: is not a Tallystick store"),
    ):
        store.init("UTC")
    assert path_of(database).read_bytes() == content


def test_a_file_that_is_no_database_is_refused_and_left_alone(database: str) -> None:
    content = b"not a database at all, but longer than a header of one is: " * 10
    path_of(database).write_bytes(content)
    with open_store(database, wire_row) as store:
        for ask in (store.snapshot, store.transaction):
            with pytest.raises(StoreBroken, match=r"store\.db: is not a Tallystick store"), ask():
                pass
        with pytest.raises(StoreBroken, match=r"store\.db: is not a Tallystick store"):
            store.init("UTC")
    assert path_of(database).read_bytes() == content


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with open_store(f"sqlite:///{tmp_path}", wire_row) as store:
        with pytest.raises(StoreBroken, match=str(tmp_path)):
            store.init("UTC")
        with pytest.raises(StoreBroken, match=str(tmp_path)), store.snapshot():
            pass


def test_a_store_in_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with (
        open_store(f"sqlite:///{tmp_path}/none/store.db", wire_row) as store,
        pytest.raises(StoreBroken, match=r"none/store\.db"),
    ):
        store.init("UTC")


@pytest.mark.parametrize(
    ("version", "reason"),
    [(99, "needs a newer Tallystick"), (1, "is older than this program; run `tallystick init`")],
)
def test_a_store_of_another_schema_is_outdated(database: str, version: int, reason: str) -> None:
    with open_store(database, wire_row) as store:
        store.init("UTC")
    driver = apsw.Connection(str(path_of(database)))
    driver.pragma("user_version", version)
    driver.close()
    with open_store(database, wire_row) as store:
        for ask in (store.snapshot, store.transaction):
            with (
                pytest.raises(
                    StoreOutdated, match=rf"store\.db: the store's schema \({version}\) {reason}"
                ),
                ask(),
            ):
                pass


def test_a_program_that_has_the_store_open_while_a_newer_one_upgrades_it_writes_no_more(
    mismatched: Store, database: str
) -> None:
    change(database, "PRAGMA user_version = 99")
    with pytest.raises(StoreOutdated, match=r"\(99\) needs a newer Tallystick"):
        take(mismatched, sim(TWO))
    with open_store(database, wire_row) as other, pytest.raises(StoreOutdated):
        take(other, sim(TWO))
    change(database, f"PRAGMA user_version = {len(migrations_for('sqlite'))}")
    take(mismatched, sim(TWO))


def test_a_store_cut_in_half_is_broken(mismatched: Store, database: str) -> None:
    with mismatched.transaction() as writer:
        writer.take(SimActivation, [seen(iccid) for iccid in ICCIDS])
    mismatched.close()
    path = path_of(database)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with open_store(database, wire_row) as store, pytest.raises(StoreBroken, match=r"store\.db: "):
        everything_in(store)


OPEN_WITHOUT_RIGHTS = """
import os, sys
from tallystick.core.errors import StoreBroken
from tallystick.core.facts import Sim
from tallystick.store.engines import checkpoints
from tallystick.store import open_store
from tallystick.thingspace.rows import wire_row

if os.geteuid() == 0:
    os.setuid(65534)
for url in sys.argv[1:]:
    with open_store(url, wire_row) as store:
        init = lambda: store.init("UTC")
        for act in (init, store.snapshot().__enter__, store.transaction().__enter__):
            try:
                act()
                print("done", flush=True)
            except StoreBroken as refusal:
                print(refusal.code, str(refusal).partition(":")[0], flush=True)
"""


@pytest.fixture
def readable_folder() -> Iterator[Path]:
    """A folder that every user may look into; pytest's own are closed."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def test_a_folder_that_may_not_be_written_refuses_the_store_by_name(readable_folder: Path) -> None:
    """As a user without the right: root may write anywhere."""
    old = readable_folder / "old.db"
    with open_store(f"sqlite:///{old}", wire_row) as store:
        store.init("UTC")
    old.chmod(0o444)
    readable_folder.chmod(0o555)
    out, errors = start(OPEN_WITHOUT_RIGHTS, f"sqlite:///{readable_folder}/new.db").communicate(
        timeout=60
    )
    assert out.splitlines()[0] == f"store-broken {readable_folder}/new.db", errors
    out, errors = start(OPEN_WITHOUT_RIGHTS, f"sqlite:///{old}").communicate(timeout=60)
    assert set(out.splitlines()) == {f"store-broken {old}"}, errors
    assert len(out.splitlines()) == 3


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("sqlite:///fleet.db", "fleet.db"),
        ("sqlite:////srv/fleet.db", "/srv/fleet.db"),
        ("sqlite:////srv/a%20b%3F.db", "/srv/a b?.db"),
        ("sqlite:///~/fleet.db", str(Path("~/fleet.db").expanduser())),
    ],
)
def test_an_address_names_a_file(url: str, path: str) -> None:
    assert path_of(url) == Path(path)


# Migrations


def test_the_schema_of_a_fresh_store_is_the_last_one(store: Store, database: str) -> None:
    assert not store.is_empty()
    assert SqliteEngine(database, Loops()).schema_version() == len(migrations_for("sqlite"))


def test_each_migration_takes_a_store_one_step_further(database: str) -> None:
    """Step by step ends in the same schema as all at once."""
    at_once, by_steps = apsw.Connection(":memory:"), apsw.Connection(":memory:")
    whole = "\n".join(text for _, text in migrations_for("sqlite"))
    at_once.execute(whole)
    for _, text in migrations_for("sqlite"):
        with by_steps:
            by_steps.execute(text)
    with open_store(database, wire_row) as store:
        store.init("UTC")
    of_the_store = apsw.Connection(str(path_of(database)))
    schema = "SELECT type, name, sql FROM sqlite_schema ORDER BY type, name"
    schemas = [driver.execute(schema).fetchall() for driver in (at_once, by_steps, of_the_store)]
    assert schemas[0] == schemas[1] == schemas[2]
    assert len(schemas[0]) > 10
    of_the_store.close()


def test_what_was_expected_before_there_was_a_ledger_is_upgraded_and_told_so(database: str) -> None:
    driver = apsw.Connection(str(path_of(database)))
    for number, text in migrations_for("sqlite")[:6]:
        driver.execute(text)
        driver.pragma("user_version", number)
    driver.execute("INSERT INTO store (the_only_one, wire_zone) VALUES (1, 'UTC')")
    driver.execute(
        "INSERT INTO expectations (iccid, effective_from, imei) VALUES (?, 0, ?)",
        (int(ONE), int(HOME)),
    )
    driver.close()
    with open_store(database, wire_row) as store:
        assert store.init("UTC") == len(migrations_for("sqlite")) - 6
        take(store, expected(ONE, FOREIGN, since=0))
        with store.snapshot() as reader:
            assert reader.values_of(ONE) == [
                Value(Moment(0), HOME, 0, 1),
                Value(Moment(0), FOREIGN, 1, None),
            ]


# Many rows a statement


def test_a_widened_statement_carries_several_rows() -> None:
    sql = "INSERT INTO t (a, b)\nVALUES (:a, :b)\nON CONFLICT (a) DO UPDATE SET b = excluded.b"
    assert (
        widened(sql, 1)
        == "INSERT INTO t (a, b)\nVALUES (?,?)\nON CONFLICT (a) DO UPDATE SET b = excluded.b"
    )
    assert widened(sql, 3) == (
        "INSERT INTO t (a, b)\nVALUES (?,?),(?,?),(?,?)\n"
        "ON CONFLICT (a) DO UPDATE SET b = excluded.b"
    )


def test_a_statement_without_values_cannot_be_widened() -> None:
    with pytest.raises(ValueError, match="no VALUES to widen"):
        widened("INSERT INTO t SELECT 1", 2)


# Queries


def test_every_query_is_one_that_the_schema_understands(store: Store, database: str) -> None:
    """Prepared, not run: a column or table misspelt in a query that no test runs comes out here."""
    assert not store.is_empty()
    driver = apsw.Connection(str(path_of(database)))
    queries = queries_for("sqlite")
    for name, sql in queries.items():
        assert driver.execute(f"EXPLAIN {sql}", _any_parameters(sql)).fetchall(), name
    driver.close()


def _any_parameters(sql: str) -> dict[str, object]:
    words = {word.strip(",;()") for word in sql.replace("(", " ").split() if word.startswith(":")}
    return {word.removeprefix(":"): None for word in words}


# The log


@pytest.mark.parametrize(
    ("asked", "index"),
    [
        (AuditFilter(9, actor="a", latest=5), "audit_records_by_actor"),
        (AuditFilter(9, action="a"), "audit_records_by_action"),
        (AuditFilter(9, subject="a"), "audit_records_by_subject"),
        (AuditFilter(9, latest=5), "audit_records_by_time"),
        (AuditFilter(9), "INTEGER PRIMARY KEY"),
    ],
)
@pytest.mark.usefixtures("store")
def test_a_page_of_the_audit_reads_the_records_that_an_index_names(
    database: str, asked: AuditFilter, index: str
) -> None:
    query = f"EXPLAIN QUERY PLAN {queries_for('sqlite')[asked.query]}"
    with closing(apsw.Connection(str(path_of(database)))) as driver:
        plan = driver.execute(query, asked._asdict() | {"at_most": 1}).fetchall()
    assert index in str(plan)


def test_the_log_is_carried_over_beside_the_writer(
    store: Store, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The commits here are far too small for one of them to lend a hand."""
    monkeypatch.setattr(checkpoints, "PAGES_NUDGE", 100)
    facts = [seen(Iccid.parse(f"89{number:016}")) for number in range(20_000)]
    size = path_of(database).stat().st_size
    with store.transaction() as writer:
        writer.take(SimActivation, facts)
    wait_until(lambda: path_of(database).stat().st_size >= size + 20_000 * 20)


@pytest.mark.parametrize("count", [0, 1, 3, 600])
def test_few_and_many_integers_come_as_they_were_put(store: Store, count: int) -> None:
    """Few are read in another way than many."""
    put = [seen(ONE, (HOME, FOREIGN)[number % 2], at=number - 1) for number in range(count)]
    assert (len(str(ONE)) * count > SHORT_BYTES_MAX) == (count == 600)
    with store.transaction() as writer:
        writer.take(SimActivation, put)
    with store.snapshot() as reader:
        assert reader.whole_activations_between(-1, 1 << 62).sort("activated_at").rows() == put
