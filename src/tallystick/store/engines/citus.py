"""A connection to the coordinator of a Citus cluster over which a store is spread.

Citus asks only the shards that it can tell from constants, and answers some questions about a set
of rows only where all tables in them are asked for SIMs of one shard. So statements about few SIMs
say for each table which SIMs are meant, and those about many rows are run once for each shard.
Up to 2,000 rows go in as `VALUES`, which opens two connections where arrays open one for each
shard; more go in as arrays.
"""

from __future__ import annotations

import re
import time
from collections import defaultdict
from functools import cache, lru_cache
from itertools import chain
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from psycopg import errors
from psycopg.pq import TransactionStatus

from tallystick.core.errors import MachineAway, StoreBroken, StoreBusy, StoreRefused
from tallystick.store.connection import TURN_WAIT_S_MAX
from tallystick.store.engines.bulk import insert_of, integers_of_array, rounds
from tallystick.store.engines.machines import ASK_AGAIN_S
from tallystick.store.engines.postgresql_connection import (
    MACHINES,
    WRITING,
    PostgresqlConnection,
    SchemaFound,
)
from tallystick.store.engines.postgresql_server import MEANINGS, Address, Meanings
from tallystick.store.engines.postgresql_statements import (
    COMMENT,
    LIST,
    Numbers,
    array_of,
    numbered,
    of_arrays,
    parameters_of,
    selected,
)
from tallystick.store.engines.spread import COPIED_BEFORE, OF_NUMBERS, OF_SIMS, SHARED
from tallystick.store.queries import queries_for
from tallystick.store.touched import CHANGES_BESIDE_OTHERS, Touched, of_shards

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    import polars as pl
    import psycopg

    from tallystick.store.engines.bulk import Insert
    from tallystick.store.engines.machines import MachinesAway
    from tallystick.store.engines.postgresql_statements import Question

CLUSTER = "citus"
NAMED_SIMS_MAX = 64
"""So many SIMs at most are named for each table of a statement: each is tried at each look-up."""
NAMED_WHILE_AWAY_MAX = 2_000  # while a machine is away, so that it need not be asked
ROWS_A_STATEMENT = 256
ROWS_OF_VALUES_MAX = 2_000  # more go in as arrays, which costs the same for each shard
# A writer that waits for shards looks after so long whether their machines can be reached.
STEP_S = 0.8
FEW_SHARDS = 8  # are held within a step where nobody is in the way
HOLD_S_MAX = 20.0  # so long it may take to hold many, where each comes within a step
LOOK_AFTER_S = 1.0  # a coordinator that says nothing for longer may be stuck with a machine
REST_S = 0.5  # whoever writes alone leaves room for others so long between two steps
# A coordinator that tries shards out answers before, or is asked why not. That is asked once in
# `ASK_AGAIN_S`: a shorter trial could end while it may not be asked yet.
TRIAL_S_MAX = ASK_AGAIN_S + 0.2
SILENT_S_MAX = 2.5  # a coordinator that is asked for one machine answers before
OF_A_SIM = re.compile(rf"(?<!')\b(?:{'|'.join(OF_SIMS)})\b")
CHANGE_OF_COPIES = re.compile(
    rf"\b(?:INSERT INTO|UPDATE|DELETE FROM) ({'|'.join((*SHARED, *COPIED_BEFORE))})\b"
)
NAMED = re.compile(r"\.iccid = (?:ANY\(CAST\(:(iccids?) AS bigint\[\]\)\)|:(iccid)\b)")
"""How a statement says which SIMs are meant, and nothing of others."""
SAME_SIM = re.compile(r"\b(\w+)\.iccid = \w+\.(?:iccid|value)\b")
COLUMNS = re.compile(r"SELECT \*\s+FROM unnest\(((?:\s*CAST\(:\w+ AS \w+\[\]\),?)+\s*)\)")
COLUMN = re.compile(r"CAST\(:(\w+) AS (\w+)\[\]\)")
OF_EACH_SIM = frozenset(
    {"kept_rows", "lists_of_sims", "sims_of_rows", "track", "tracked_among", "tracked_in_several"}
)
"""What may be asked for some SIMs and then for others: the answers together are that for all."""
OF_ARRAY = re.compile(r"FROM carray\(:iccids\) AS t\s+CROSS JOIN (\w+ AS \w+)")
SIM_OF_ARRAY = re.compile(r"\.iccid = t\.value\b")
LIMITED = re.compile(r"\s+LIMIT :at_most;$")
SAMPLED_MIN = 100_000  # with a smaller limit, rows that it cuts off cost less than to sample first
SAMPLED = 64
"""One of so many SIMs is in a sample. They are told by a hash, for SIMs are numbered in steps."""
AWAY = (MachineAway, "a machine of the cluster cannot be reached ({said}); try again")
MEANINGS_ON_CLUSTER: Meanings = {
    **MEANINGS,
    errors.ConnectionFailure.sqlstate: AWAY,  # the coordinator's, to another machine
}
MEANINGS_BESIDE: Meanings = {
    **MEANINGS_ON_CLUSTER,
    None: AWAY,  # the coordinator said nothing in time, or cannot be reached
    errors.AdminShutdown.sqlstate: AWAY,
    errors.CrashShutdown.sqlstate: AWAY,
    errors.CannotConnectNow.sqlstate: AWAY,
}
"""The same for a connection that asks about machines alone."""


@lru_cache
def naming_sims(sql: str, parameter: str) -> str:
    """A query about an array of SIMs that says for each table which SIMs are meant."""
    sims = f"ANY(CAST(:{parameter} AS bigint[]))"
    named = LIST.sub(lambda of: f"= {sims}" if of[2] == ":iccids" else of[0], sql)
    return SAME_SIM.sub(lambda same: f"({same[0]} AND {same[1]}.iccid = {sims})", named)


@lru_cache
def of_table(sql: str) -> str:
    """A query that joins an array of SIMs with a table, which asks the table for them instead."""
    return SIM_OF_ARRAY.sub(
        ".iccid = ANY(CAST(:iccids AS bigint[]))", OF_ARRAY.sub(r"FROM \1", sql)
    )


@lru_cache
def of_values(sql: str, rows: int) -> str:
    """An insert of arrays, of so many rows of values instead: `:name_0` is the first row's."""
    columns = COLUMNS.search(sql)
    if columns is None:
        return sql
    casts = COLUMN.findall(columns[1])
    values = (
        "(" + ", ".join(f"CAST(:{name}_{row} AS {kind})" for name, kind in casts) + ")"
        for row in range(rows)
    )
    return f"{sql[: columns.start()]}VALUES {', '.join(values)}{sql[columns.end() :]}"


@lru_cache
def changed_copy(sql: str, copied: frozenset[str]) -> str | None:
    """The table that a statement changes, if it is one of those that each machine has a copy of."""
    change = CHANGE_OF_COPIES.search(COMMENT.sub("", sql))
    return None if change is None or change[1] not in copied else change[1]


def needs_machines(sql: str, copied: frozenset[str]) -> bool:
    """Whether a statement of a writer asks machines, or changes what each has a copy of."""
    return is_of_sims(sql) or changed_copy(sql, copied) is not None


def changed_before_sims(sql: str, copied: frozenset[str]) -> str | None:
    """The table with a copy on each machine that a statement changes, which it must do first.

    None where it changes no copies. None too where it may be made beside others: whoever makes it
    holds all its shards by then, so nobody who waits for the table is waited for.
    """
    return None if sql in _beside_others() else changed_copy(sql, copied)


@cache
def _beside_others() -> frozenset[str]:
    """The statements that may be made beside others."""
    return frozenset(queries_for(CLUSTER)[name] for name in CHANGES_BESIDE_OTHERS)


@lru_cache
def is_of_sims(sql: str) -> bool:
    """Whether a statement asks for what is spread by SIM."""
    return OF_A_SIM.search(COMMENT.sub("", sql)) is not None


@lru_cache
def in_arrays(sql: str, names: tuple[str, ...]) -> str:
    """A query with each column of integers as one array, in the order of the others' elements.

    Each shard makes arrays of what it has, and the coordinator joins them.
    """
    arrays = (f"array_send(array_agg(CAST(q.{name} AS bigint))) AS {name}" for name in names)
    return selected(", ".join(arrays), sql)


@lru_cache
def of_sample(sql: str) -> str:
    """A query for nothing but how many rows another has of a sample of SIMs, up to a limit.

    Shards are ranges of the same hash: a sample by its last digits is as large in each of them.
    """
    return selected("1", sql) + " WHERE hashint8(q.iccid) % :sampled = 0 LIMIT :sample_max"


def _wait_for_locks(wait_s: float) -> str:
    """Bounds the wait for each lock until the transaction ends, also on machines.

    `SET` takes no parameters.
    """
    return f"SET LOCAL lock_timeout = {int(wait_s * 1000)}"


class Place(NamedTuple):
    """Where a shard is: the key of its row in `shard_turns`, and the machine that has it."""

    turn: int
    machine: int


class SideConnection(PostgresqlConnection):
    """A connection to the coordinator that asks about machines, beside one that waits for them.

    Its questions raise `MachineAway` where it is silent for too long, or something is lost.
    """

    _meanings: ClassVar[Meanings] = MEANINGS_BESIDE

    def _connect(self) -> None:
        """Connect, as a coordinator has to be asked."""
        super()._connect()
        with self._refusals():
            self._driver.execute(queries_for(CLUSTER)["set_up_session_of_cluster"])


class ClusterConnection(PostgresqlConnection):
    """One connection to a coordinator.

    `away` is shared by connections: which machines cannot be reached.
    """

    _meanings: ClassVar[Meanings] = MEANINGS_ON_CLUSTER
    _planned_anew = ()  # its session plans all that it is asked anew

    def __init__(self, address: Address, silent_s_max: float | None, away: MachinesAway) -> None:
        self._away = away
        self._shard_of: dict[int, int] = {}  # of this transaction's SIMs
        self._places: dict[int, Place] = {}
        self._copied: frozenset[str] | None = None  # which tables each machine has; None, not asked
        self._needed = set[int]()  # the machines in which this transaction holds shards
        self._asked: set[int] | None = set()  # the SIMs that it asks for; None, any
        self._is_to_hold = False
        self._sims_to_hold: frozenset[int] | None = None  # those of its shards; None, all
        self._holds_some = False
        self._statement_s_max = 0.0
        super().__init__(address, silent_s_max)

    def _connect(self) -> None:
        """Connect, as a coordinator has to be asked."""
        super()._connect()
        self._queries = queries_for(CLUSTER)
        self._setting_up = (self._queries["plan_alike_on_machines"],)
        self._driver.look_after_s = LOOK_AFTER_S
        self._driver.is_stuck = self._is_stuck
        with self._refusals():
            self._driver.execute(self._queries["set_up_session_of_cluster"])

    @property
    def is_of_cluster(self) -> bool:
        """True."""
        return True

    @property
    def sees_one_moment(self) -> bool:
        """False: machines make a commit visible one after the other."""
        return False

    def begin(self, how: str, *, plans_anew: bool = True) -> None:
        """Begin a transaction with whatever is asked or said next."""
        self._shard_of.clear()
        self._is_to_hold = self._holds_some = False
        self._sims_to_hold = None
        self._needed, self._asked = set(), set()
        super().begin(how, plans_anew=plans_anew)

    # Which machines a writer waits for

    def write_alone(self, statement_s_max: float, sims: frozenset[int] | None = None) -> None:
        """Hold shards once this transaction asks for what lies on machines, not before.

        So what lies on the coordinator alone is written whatever machine is away. Of one that says
        which `sims` it changes these are their shards; of one that makes an account first, all.
        So it is of each in a store that an earlier program spread: what such a transaction does
        with IMSIs and MSISDNs behind its SIMs changes what each machine has a copy of.
        """
        self.row("write_in_one_line")
        self._learn_copied()
        self._is_to_hold = True
        self._sims_to_hold = sims if self._copied == frozenset(SHARED) else None
        self._statement_s_max = statement_s_max

    def change_sims(self, iccids: Collection[int]) -> None:
        """Hold the shards of these SIMs too, where some are to be held and none is yet.

        Raises `StoreBusy` where others are held already and these are not among them: to wait for
        more would be out of the order that all keep.
        """
        sims = self._sims_to_hold
        if sims is None or sims.issuperset(iccids):
            return
        if self._is_to_hold:
            self._sims_to_hold = sims.union(iccids)
        elif self._holds_some:
            message = (
                f"{self._name}: the IMSI or MSISDN of a SIM was given to another SIM at the same"
                " time; try again"
            )
            raise StoreBusy(message)

    def share_turn(self, touched: Touched, wait_s: float, statement_s_max: float) -> SchemaFound:
        """Take the locks of the shards that a transaction touches, and hold these shards.

        Give the schema that is found then. Raises `MachineAway` where the machine of one of them
        cannot be reached, and `StoreBusy` where the shards do not come within `wait_s`.
        """
        self._learn_copied()
        shards = self._touched_shards(touched)
        turns = Numbers(sorted(self._places[shard].turn for shard in shards))
        questions: list[Question] = [
            self.taking(MACHINES, of_shards(shards, touched)),
            (self._queries["write_in_one_line"], {}),
            (self._queries["hold_shards"], {"turns": turns}),
        ]
        if touched.keys:  # their receipts lie on the coordinator
            questions.insert(-1, (self._queries["commit_in_two_phases"], {}))
        until = time.monotonic() + wait_s
        while not self._has_come(shards, len(turns), questions):
            self._undo()
            self._refuse_if_over(shards, until)
            super().begin(WRITING)
        self._bound_statements(statement_s_max, shards)
        self._is_beside_others = True
        return self.schema_found()

    def _touched_shards(self, touched: Touched) -> set[int]:
        if not isinstance(touched.sims, frozenset):
            self._learn_places()
            return set(self._places)
        shards = self._shards_of(touched.sims)
        wanted = {shards[iccid] for iccid in touched.sims}
        if not wanted <= self._places.keys():
            self._learn_places()
        return wanted

    def _learn_places(self) -> None:
        """Learn where shards are, which changes when one is moved or split."""
        self._places = {shard: Place(*place) for shard, *place in self.rows("places_of_shards")}

    def _learn_copied(self) -> None:
        """Learn which tables each machine has a copy of; that stays so while a connection lasts."""
        if self._copied is None:
            asked = self.set_of((*SHARED, *COPIED_BEFORE))
            self._copied = frozenset(name for (name,) in self.rows("copied_among", tables=asked))

    def _hold(self, sims: frozenset[int] | None) -> None:
        """Hold the shards of some SIMs, beside those who hold others, or all shards.

        Steps out of the way of others at times, for they queue behind.
        """
        self._holds_some = sims is not None
        if sims is None:
            self._learn_places()
            shards = set(self._places)
            questions: list[Question] = [
                (self._queries["take_machines"], {"turn": MACHINES}),
                (self._queries["hold_every_shard"], {}),
            ]
        else:
            touched = Touched(sims)
            shards = self._touched_shards(touched)
            turns = Numbers(sorted(self._places[shard].turn for shard in shards))
            questions = [
                self.taking(MACHINES, of_shards(shards, touched)),
                (self._queries["commit_in_two_phases"], {}),
                (self._queries["hold_shards"], {"turns": turns}),
            ]
        until = time.monotonic() + TURN_WAIT_S_MAX
        self._refuse_if_over(shards, until)
        self._refuse_if_silent(shards)
        while not self._has_come_within_a_savepoint(shards, questions):
            self._refuse_if_over(shards, until)
            time.sleep(REST_S)
        self._bound_statements(self._statement_s_max, shards)

    def _has_come_within_a_savepoint(self, shards: set[int], questions: Sequence[Question]) -> bool:
        with self.attempt() as attempt:
            if self._has_come(shards, len(shards), questions):
                attempt.keep()
        return attempt.kept

    def _has_come(self, shards: set[int], held_min: int, questions: Sequence[Question]) -> bool:
        """Whether locks and shards came within a while. Raises `MachineAway`."""
        self._refuse_if_away(shards)
        self._needed = self._machines_of(shards)
        try:
            with self._refusals():
                held = self._ask_at_once(*self._bounds(shards), *questions).rowcount
        except StoreBusy:
            return False
        except MachineAway:
            self._note_away(shards)
            raise
        except StoreBroken as error:
            if self._is_any_away(shards):
                raise self._machine_away() from error
            raise
        if held != held_min:
            message = (
                f"{self._name}: shards have no row in `shard_turns`: run "
                "`tallystick init --distribute`"
            )
            raise StoreBroken(message)
        return True

    def _bounds(self, shards: set[int]) -> list[Question]:
        """What bounds how long questions wait for locks, also on machines.

        Few shards are held within a step; of many each lock comes within one.
        """
        if len(shards) <= FEW_SHARDS:
            return [self.waiting(STEP_S)]
        return [self.waiting(HOLD_S_MAX), (_wait_for_locks(STEP_S), {})]

    def _bound_statements(self, statement_s_max: float, shards: set[int]) -> None:
        self.row("bound_statements", statement=f"{statement_s_max}s")
        if len(shards) > FEW_SHARDS:
            self._say(_wait_for_locks(TURN_WAIT_S_MAX))

    def _refuse_if_silent(self, shards: set[int]) -> None:
        """Raise `MachineAway` where a machine that has one of the shards says nothing any more.

        Asked over a connection that holds nothing: this one has the turn, and nobody can end what
        waits for a frozen machine.
        """
        turns = {place.machine: place.turn for place in map(self._places.__getitem__, shards)}
        try:
            other = self._away.trial or SideConnection(
                Address(self._conninfo, self._name), TRIAL_S_MAX
            )
            self._away.trial = other
            other.rows("try_shards", turns=Numbers(sorted(turns.values())))
        except (MachineAway, StoreBusy):  # silent, lost, or no room for one connection more
            self._away.drop_trial()
            self._away.look(self._ask_for_machines_away)
            self._refuse_if_away(shards)

    def _refuse_if_over(self, shards: set[int], until: float) -> None:
        """Give up where the machine of a shard cannot be reached, or the time is over."""
        self._away.look(self._ask_for_machines_away)
        self._refuse_if_away(shards)
        if time.monotonic() > until:
            message = f"{self._name}: another writer kept these SIMs for too long; try again"
            raise StoreBusy(message)

    def _refuse_if_away(self, shards: set[int]) -> None:
        """Raise `MachineAway` where one was a moment ago that has one of the shards."""
        if self._is_any_away(shards):
            self._learn_machines(shards)
            if self._is_any_away(shards):
                raise self._machine_away()

    def _machine_away(self) -> MachineAway:
        message = f"{self._name}: a machine that has some of these SIMs is away; try again"
        return MachineAway(message)

    def _is_any_away(self, shards: set[int]) -> bool:
        return not self._machines_of(shards).isdisjoint(self._away.now())

    def _learn_machines(self, shards: set[int]) -> None:
        """Learn which machines have these shards now, for they may have been moved."""
        for shard, machine in self.rows("machines_of_shards", shards=Numbers(sorted(shards))):
            self._places[shard] = self._places[shard]._replace(machine=machine)

    def _is_stuck(self) -> bool:
        """Whether a machine cannot be reached that what is asked now needs."""
        away = self._away.look(self._ask_for_machines_away)
        if not away or not self._needed.isdisjoint(away):
            return bool(away)
        return self._asked is None or self._away.have_any(self._asked, self._locate)

    def _locate(self, sims: set[int]) -> list[tuple[Any, ...]]:
        """Ask which machine has each of some SIMs.

        Asked over a connection of its own, for this one waits.
        """
        try:
            other = SideConnection(Address(self._conninfo, self._name), SILENT_S_MAX)
        except StoreRefused:
            return []
        try:
            return list(other.rows("machines_of_sims", iccids=Numbers(sorted(sims))))
        except StoreRefused:
            return []
        finally:
            other.close()

    def reaches_all(self) -> bool:
        """Whether every machine could be reached a moment ago."""
        return not self._away.look(self._ask_for_machines_away)

    def asks_ranges_for(self, sims: int) -> bool:
        """Whether so many SIMs are more than can be named: a range of SIMs lies in all shards."""
        return sims > self._named_max

    @property
    def _named_max(self) -> int:
        return NAMED_WHILE_AWAY_MAX if self._away.now() else NAMED_SIMS_MAX

    def _ask_for_machines_away(self) -> list[int]:
        """Ask which machines cannot be reached.

        Asked over a connection to the coordinator that has none to the machines yet: a question
        over one that is there would wait for a frozen machine.
        """
        away = list[int]()
        try:
            other = SideConnection(Address(self._conninfo, self._name), SILENT_S_MAX)
        except StoreRefused:
            return away
        try:
            other.row("bound_connecting", milliseconds=str(int(STEP_S * 1000)))
            for (machine,) in other.rows("machines"):
                away.append(machine)  # unless it answers; the coordinator may be silent instead
                if other.row("is_reached", machine=machine) == (True,):
                    away.remove(machine)
        except StoreRefused:
            return away
        finally:
            other.close()
        return away

    def _note_away(self, shards: set[int]) -> None:
        """A machine could not be reached; where it is known which, it is not tried for a while."""
        machines = self._machines_of(shards)
        if len(machines) == 1:
            self._away.note(machines)

    def _machines_of(self, shards: set[int]) -> set[int]:
        return {self._places[shard].machine for shard in shards}

    def _ask(self, sql: str, parameters: dict[str, object]) -> psycopg.Cursor[tuple[Any, ...]]:
        self._hold_if_needed(sql)
        return super()._ask(sql, parameters)

    def _stated(self, sql: str, parameters: dict[str, object]) -> str:
        """A question that says for each table which SIMs are meant, where they are few."""
        sims = parameters.get("iccids")
        if isinstance(sims, Numbers) and len(sims) <= self._named_max:
            sql = naming_sims(sql, "iccids")
        self._note_asked(sql, parameters)
        return sql

    def _note_asked(self, sql: str, parameters: dict[str, object]) -> None:
        """Remember of which SIMs this transaction asks; None, of any."""
        if self._driver.info.transaction_status == TransactionStatus.IDLE:
            self._needed, self._asked = set(), set()
        if self._asked is None:
            return
        if changed_copy(sql, self._copied or frozenset()):
            self._asked = None
        if self._asked is None or not is_of_sims(sql):
            return
        named = NAMED.search(sql)
        if named is None:
            self._asked = None
            return
        sims = parameters[named[1] or named[2]]
        numbers = sims if isinstance(sims, Numbers) else [sims]
        self._asked.update(number for number in numbers if isinstance(number, int))

    def _series(
        self, sql: str, names: tuple[str, ...], parameters: dict[str, object]
    ) -> list[pl.Series]:
        """Each of some columns of a query, in no order unless the query asks for one.

        An array from each shard costs the coordinator a seventh of one row after the other. No
        shard can tell of how many rows a limit leaves it: where they are hardly more, it is left
        out, and cuts off here what is.
        """
        whole = LIMITED.sub(";", sql)
        is_limited = whole != sql
        if "ORDER BY" in sql or (is_limited and self._is_cut_off(whole, parameters)):
            return super()._series(sql, names, parameters)
        values = self._ask(in_arrays(whole, names), parameters).fetchone() or ()
        columns = [integers_of_array(*column) for column in zip(names, values, strict=True)]
        at_most: Any = parameters.get("at_most")
        return [column.head(at_most) for column in columns] if is_limited else columns

    def _is_cut_off(self, sql: str, parameters: dict[str, Any]) -> bool:
        """Whether a query seems to have more rows than its limit allows, or that is small.

        Each shard stops at the limit of the sample. So what this costs follows from the limit, and
        not from how much there is in the store.
        """
        at_most: int = parameters["at_most"]
        if at_most < SAMPLED_MIN:
            return True
        expected = at_most // SAMPLED
        sample = {**parameters, "sampled": SAMPLED, "sample_max": expected + 1}
        return self._ask(of_sample(sql), sample).rowcount > expected

    def _copy_in(self, insert: Insert, frame: pl.DataFrame) -> int:
        self._hold_if_needed(insert.table)
        return super()._copy_in(insert, frame)

    # Statements for many SIMs or rows

    def rows(self, query: str, **parameters: object) -> Iterator[tuple[Any, ...]]:
        """Run a named query and give its rows; each shard is asked for its own SIMs, if many."""
        if self._is_of_no_sim(query, parameters):
            return iter(())
        sims = self._many_sims(query, parameters)
        if sims is None:
            return super().rows(query, **parameters)
        return chain.from_iterable(cursor.fetchall() for cursor in self._ask_shards(query, sims))

    def run(self, query: str, **parameters: object) -> int:
        """Run a named statement and give the number of rows it changed, likewise."""
        if self._is_of_no_sim(query, parameters):
            return 0
        sims = self._many_sims(query, parameters)
        if sims is None:
            return super().run(query, **parameters)
        return sum(cursor.rowcount for cursor in self._ask_shards(query, sims))

    def _is_of_no_sim(self, query: str, parameters: dict[str, object]) -> bool:
        """Whether a statement names the SIMs that it is about, and there is none.

        Citus would ask some machine nevertheless.
        """
        sims = parameters.get("iccids")
        return isinstance(sims, Numbers) and not sims and is_of_sims(self._sql(query))

    def _many_sims(self, query: str, parameters: dict[str, object]) -> Numbers | None:
        """The SIMs that a query is about, where each shard is to be asked for its own."""
        sims = parameters.get("iccids")
        if query not in OF_EACH_SIM or not isinstance(sims, Numbers):
            return None
        return sims if len(sims) > self._named_max else None

    def _ask_shards(self, query: str, sims: Numbers) -> list[psycopg.Cursor[tuple[Any, ...]]]:
        sql = of_table(self._sql(query))
        own_sims = {sim for sim in sims if sim is not None}
        shards = self._shards_of(own_sims)
        of_shards: defaultdict[int, Numbers] = defaultdict(Numbers)
        for iccid in sorted(own_sims):
            of_shards[shards[iccid]].append(iccid)
        with self._refusals():
            return [self._ask(sql, {"iccids": own}) for own in of_shards.values()]

    def run_many(self, query: str, rows: Sequence[tuple[Any, ...]]) -> int:
        """Run a named statement for all of the rows, in order; give how many rows it changed."""
        if not rows:
            return 0
        sql = self._sql(query)
        insert = insert_of(self._queries[query])
        if self._is_beside_others and insert is not None and insert.table in OF_NUMBERS:
            # The coordinator has it, and a machine what else this transaction changes.
            with self._refusals():
                self._ask(self._queries["commit_in_two_phases"], {})
        if insert is None:
            return sum(cursor.rowcount for cursor in self._by_shard(sql, rows))
        return sum(
            cursor.rowcount for part in rounds(rows, insert) for cursor in self._put(sql, part)
        )

    def rows_of_many(self, query: str, rows: Sequence[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
        """What a named statement returns, run for all of the rows."""
        sql = of_arrays(self._sql(query), self._queries["rows_of_arrays"])
        asked = self._by_shard if insert_of(sql) is None else self._put
        return [row for cursor in asked(sql, rows) for row in cursor.fetchall()]

    def _put(
        self, sql: str, rows: Sequence[tuple[Any, ...]]
    ) -> Iterator[psycopg.Cursor[tuple[Any, ...]]]:
        """Run an insert: for some of the rows at a time, or for very many at once as arrays."""
        names = parameters_of(sql)
        self._hold_if_needed(sql)
        if len(rows) > ROWS_OF_VALUES_MAX and not self._away.now():
            columns = map(array_of, zip(*rows, strict=True))
            with self._refusals():
                yield self._ask(sql, dict(zip(names, columns, strict=True)))
            return
        if len(rows) > ROWS_A_STATEMENT and is_of_sims(sql):
            rows = self._in_order_of_shards(rows, names.index("iccid"))
        for start in range(0, len(rows), ROWS_A_STATEMENT):
            part = rows[start : start + ROWS_A_STATEMENT]
            values = {
                f"{name}_{place}": value
                for place, row in enumerate(part)
                for name, value in zip(names, row, strict=True)
            }
            with self._refusals():
                self._begin_now()
                cursor = self._driver.cursor(binary=True)
                yield cursor.execute(numbered(of_values(sql, len(part))), values, prepare=False)

    def _hold_if_needed(self, sql: str) -> None:
        copied = self._copied or frozenset()
        if self._is_to_hold and needs_machines(sql, copied):
            self._is_to_hold = False
            self._hold(None if changed_before_sims(sql, copied) else self._sims_to_hold)
        elif self._holds_some and (table := changed_before_sims(sql, copied)):
            # An account was removed that was there a moment ago. What it takes to change copies
            # cannot be taken behind shards.
            message = (
                f"{self._name}: `{table}` would have to change after SIMs were locked, as when"
                " an account is removed at the same time; try again"
            )
            raise StoreBusy(message)

    def _by_shard(
        self, sql: str, rows: Sequence[tuple[Any, ...]]
    ) -> Iterator[psycopg.Cursor[tuple[Any, ...]]]:
        """Run a statement once for the rows of each shard, of no more SIMs than can be named."""
        names = parameters_of(sql)
        parts = [rows]
        if "iccid" in names and is_of_sims(sql):
            sql = naming_sims(sql, "iccid")
            parts = self._parts(rows, names.index("iccid"))
        for part in parts:
            columns = map(array_of, zip(*part, strict=True))
            with self._refusals():
                yield self._ask(sql, dict(zip(names, columns, strict=True)))

    def _in_order_of_shards(
        self, rows: Sequence[tuple[Any, ...]], place: int
    ) -> Sequence[tuple[Any, ...]]:
        """Rows of one shard behind each other, each SIM's in order: few statements go to each."""
        shards = self._shards_of({row[place] for row in rows})
        return sorted(rows, key=lambda row: shards[row[place]])

    def _parts(
        self, rows: Sequence[tuple[Any, ...]], place: int
    ) -> list[Sequence[tuple[Any, ...]]]:
        """Rows of one shard each and of no more SIMs than can be named, each SIM's in order."""
        iccids = {row[place] for row in rows}
        if len(iccids) == 1:
            return [rows]
        of_shards: defaultdict[int, list[int]] = defaultdict(list)
        shards = self._shards_of(iccids)
        for iccid in sorted(iccids):
            of_shards[shards[iccid]].append(iccid)
        part_of = {
            iccid: (shard, number // NAMED_SIMS_MAX)
            for shard, of_shard in of_shards.items()
            for number, iccid in enumerate(of_shard)
        }
        parts: defaultdict[tuple[int, int], list[tuple[Any, ...]]] = defaultdict(list)
        for row in rows:
            parts[part_of[row[place]]].append(row)
        return list(parts.values())

    def _shards_of(self, iccids: frozenset[int] | set[int]) -> dict[int, int]:
        """The number of each SIM's shard."""
        asked = [iccid for iccid in iccids if iccid not in self._shard_of]
        if asked:
            self._shard_of.update(self.rows("shards_of_sims", iccids=Numbers(asked)))
        return self._shard_of
