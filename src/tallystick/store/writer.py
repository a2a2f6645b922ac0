"""What changes the store: facts in, and the kept answer after them, in the same transaction."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any, NamedTuple

import polars as pl

from tallystick.core.facts import GroupMember, HardwareType, Sim, SimActivation, SimExpectation
from tallystick.core.identifiers import BEFORE_ALL
from tallystick.core.ledger import UNKNOWN_ORIGIN
from tallystick.core.moments import zone_named
from tallystick.core.pairing import FirstUse
from tallystick.core.reason_json import encode
from tallystick.core.reasons import own_reasons, stays
from tallystick.store.batches import Facts, rows_of
from tallystick.store.copying import MovingChanges
from tallystick.store.facts import Taken
from tallystick.store.ledger import KEY, LedgerChanges
from tallystick.store.progress import ProgressChanges
from tallystick.store.reader import Reader
from tallystick.store.shortlist import Batch, Shortlist, shortlist_of, together
from tallystick.store.types import TypeChanges
from tallystick.store.unfinished import WorkChanges, WorkKind, begin
from tallystick.store.uploads import UploadChanges
from tallystick.store.verifying import KeptRow

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

    from tallystick.core.ledger import ChangeSet, Origin
    from tallystick.core.moments import Moment
    from tallystick.core.reasons import Pair, Stay
    from tallystick.store.connection import Connection
    from tallystick.store.ledger import Effect

SIMS_A_REFRESH = 65_536
RETURNING_ROWS_MAX = 100  # activations that the store is asked to tell the new ones of
TRIAL_CHANGE_SET = -1  # the change set of what is only tried
KEY_COLUMNS = 5  # the first so many of a row of the kept answer are its key
READ_COLUMNS = 7  # and so many are all of how it reads without reasons


class AnswerRow(NamedTuple):
    """One row of the kept answer, its key first and in the answer's order."""

    account_id: int
    generation: str
    activated_at: int
    iccid: int
    post_imei: int
    pre_imei: int
    wire: bytes
    expected_imei: int | None
    reasons: bytes | None


class Refreshed(NamedTuple):
    """How many rows of the kept answer a refresh opened and closed; a row that reads differently is both."""

    opened: int
    closed: int


class RowChanges(NamedTuple):
    """The rows themselves, for those who ask: lists that a refresh adds to, each part of it in the answer's order."""

    opened: list[AnswerRow]
    closed: list[AnswerRow]


class Tried(NamedTuple):
    """What expectations would do: how many they would add and correct, and which rows they would open and close."""

    added: int
    corrected: int
    opened: list[KeptRow]
    closed: list[KeptRow]


class Writer(
    LedgerChanges,
    ProgressChanges,
    UploadChanges,
    TypeChanges,
    MovingChanges,
    WorkChanges,
    Reader,
):
    """One transaction. Before it is committed, `settle` makes the kept answer follow from what was taken in.

    Facts are the values of `core.facts`, plain tuples of the same columns, or a frame of those columns.
    """

    def __init__(self, connection: Connection, wire_row: Callable[..., bytes]) -> None:
        super().__init__(connection)
        self._wire_row = wire_row
        self._touched: set[int] = (
            set()
        )  # SIMs with new facts, to be asked whether they are suspects
        self._suspects: set[int] = set()  # SIMs that are, to be refreshed
        self._has_first_use: bool | None = (
            None  # whether any account has such a policy; None before it was asked
        )
        self._takers: dict[type, Callable[[Any], Taken]] = {
            Sim: self.take_sims,
            SimActivation: self.take_activations,
            GroupMember: self.take_group_members,
            HardwareType: self.take_types,
        }

    def take(
        self,
        kind: type,
        facts: Facts,
        shortlist: Shortlist | None = None,
        origin: Origin = UNKNOWN_ORIGIN,
    ) -> Taken:
        """Take facts of one kind in; of two values for one key the later counts.

        `shortlist` is what `shortlist_of` gave for activations, in some snapshot; expectations
        become a change set of this `origin`.
        """
        if kind is SimExpectation:
            return self._take_change_sets([Batch(facts, origin=origin)])[0]
        if shortlist is not None and isinstance(facts, pl.DataFrame):
            return self._take_shortlisted(facts, shortlist)
        return self._takers[kind](facts)

    def take_all(self, kind: type, batches: Sequence[Batch]) -> list[Taken]:
        """Take several batches of one kind in, each with a count of its own, at about the cost of one.

        Taken together they are counted together. Where nothing was repeated, that says it all; where something
        was, they are undone and taken one by one. Few activations need no second try: the store tells which are new.
        Of expectations each batch is a change set, unless it changes nothing.
        """
        if kind is SimExpectation:
            return self._take_change_sets(batches)
        if len(batches) > 1:
            whole = together(batches)
            if (
                kind is SimActivation
                and not isinstance(whole.facts, pl.DataFrame)
                and len(whole.facts) <= RETURNING_ROWS_MAX
            ):
                return self._take_told(whole.facts, batches)
            with self._connection.attempt() as attempt:
                taken = self.take(kind, *whole)
                if taken.accepted == len(whole.facts) and not taken.accounts_made:
                    attempt.keep()
                    return [Taken(len(batch.facts), 0) for batch in batches]
        return [self.take(kind, *batch) for batch in batches]

    def _take_told(
        self, activations: Sequence[tuple[Any, ...]], batches: Sequence[Batch]
    ) -> list[Taken]:
        """Take activations in whose batches follow one another; of a repeated one the first is the new one."""
        new = (
            set(self._connection.rows_of_many("take_activation_told", activations))
            if activations
            else set()
        )
        self._touched.update(row[0] for row in activations)
        taken = []
        for batch in batches:
            mine = new.intersection(map(tuple, rows_of(batch.facts)))
            new -= mine
            taken.append(Taken(len(mine), len(batch.facts) - len(mine)))
        return taken

    def take_sims(self, sims: Facts) -> Taken:
        """Take SIMs in, making accounts that are not known yet."""
        rows = rows_of(sims)
        account_ids, made = self.account_ids_made({account for _, _, account, _, _ in rows})
        rows = [
            (iccid, mdn, account_ids[account], activation_date, generation)
            for iccid, mdn, account, activation_date, generation in rows
        ]
        return self._take("take_sim", rows, made)

    def move_sims(self, account_id: int, iccids: Collection[int]) -> None:
        """Put SIMs in an account; their kept rows follow."""
        self._connection.run(
            "move_sims", account_id=account_id, iccids=self._connection.set_of(iccids)
        )
        self._touched.update(iccids)

    def remove_sims(self, iccids: Collection[int], origin: Origin) -> None:
        """Forget SIMs, where they were expected and the groups they were in; their activations wait.

        That they are expected nowhere any more is a change set.
        """
        some = self._connection.set_of(iccids)
        self._connection.run("remove_sims", iccids=some)
        self._connection.run("leave_all_groups", iccids=some)
        self._touched.update(iccids)
        self.clear_expectations(iccids, self.begin_change_set(origin, "applied"))

    def rename_account(self, account_id: int, name: str) -> None:
        """Give an account another name, which its kept rows read from then on."""
        self._connection.run("rename_account", account_id=account_id, name=name)
        begin(self, WorkKind.RENAME, account_id)

    def rows_changed(self, iccids: Collection[int]) -> None:
        """The rows of these SIMs read differently."""
        asked = self._connection.set_of(iccids)
        self._suspects.update(self._numbers("mismatched_sims_among", iccids=asked))

    def sims_changed(self, iccids: Collection[int]) -> None:
        """Any row of these SIMs may change."""
        self._touched.update(iccids)

    def take_expectations(self, expectations: Facts, change_set_id: int | None = None) -> Taken:
        """Take expectations in as part of a change set; the same SIM and moment again is a correction.

        Where none is named, they are one of their own, of a program that did not say who it is.
        """
        if change_set_id is None:
            return self._take_change_sets([Batch(expectations)])[0]
        return self._take_sets([(expectations, change_set_id)])[0]

    def move_expectations(self, expectations: pl.DataFrame) -> None:
        """Put expectations in as they are in another store: `iccid`, `effective_from`, `imei` and `change_set_id`."""
        present = self.values_among(expectations["iccid"])
        self._put("add_expectation", expectations.join(present, on=KEY, how="anti"))
        self._put("put_expectation", expectations.join(present, on=KEY, how="semi"))
        self._connection.run("note_changed_expectations")
        self._touched.update(expectations["iccid"].to_list())

    def _take_change_sets(self, batches: Sequence[Batch]) -> list[Taken]:
        """Take batches of expectations in, each of them a change set of its own."""
        numbers = [self.begin_change_set(batch.origin, "applied") for batch in batches]
        taken = self._take_sets(
            [(batch.facts, number) for batch, number in zip(batches, numbers, strict=True)]
        )
        for number in numbers:
            self.drop_if_empty(number)
        return taken

    def _take_sets(self, batches: Sequence[tuple[Facts, int]]) -> list[Taken]:
        """Take batches of expectations in, in order, each with its change set; a batch counts against those before."""
        changes = self.put_expectations(batches)
        self._touched.update(changes.iccids)
        accepted = [sum(changes.counts.get(number, (0, 0))) for _, number in batches]
        return [
            Taken(some, len(facts) - some)
            for some, (facts, _) in zip(accepted, batches, strict=True)
        ]

    def try_expectations(self, expectations: Facts) -> Tried:
        """What expectations would change, and which rows would come and go; nothing of it stays."""
        rows = RowChanges([], [])
        with self._connection.attempt():
            changes = self.put_expectations([(expectations, TRIAL_CHANGE_SET)])
            self._touched.update(changes.iccids)
            self.settle(rows)
        added, corrected = changes.counts.get(TRIAL_CHANGE_SET, (0, 0))
        return Tried(added, corrected, self._told(rows.opened), self._told(rows.closed))

    def _told(self, rows: Sequence[AnswerRow]) -> list[KeptRow]:
        """Rows with the names of their accounts."""
        names = self.account_names() if rows else {}
        return [
            KeptRow(
                row.iccid,
                names[row.account_id],
                *row[1:3],
                row.pre_imei,
                row.post_imei,
                row.wire,
                row.reasons,
            )
            for row in rows
        ]

    def begin_undo(self, change_set: ChangeSet, origin: Origin) -> int:
        """Begin to take a change set back whose effect stands.

        Gives the number of the change set that does so.
        """
        number = self.begin_change_set(origin, "applying", undoes=change_set.change_set_id)
        self.set_change_set_state(change_set.change_set_id, "undone")
        if change_set.undoes is not None:
            self.set_change_set_state(change_set.undoes, "applied")
        begin(self, WorkKind.UNDO, number)
        return number

    def take_back_part(self, effect: Effect, number: int) -> None:
        """Put back what was there before an effect, which stands, as part of a change set."""
        self._touched.update(self.take_back(effect, number))

    def begin_approval(self, number: int, by: str, now: Moment) -> None:
        """Begin to put a proposal in force."""
        self.decide_change_set(number, "applying", by, now)
        begin(self, WorkKind.APPROVAL, number)

    def take_activations(self, activations: Facts) -> Taken:
        """Take activations in; repeats are counted, not stored twice."""
        if isinstance(activations, pl.DataFrame):
            return self._take_shortlisted(activations, shortlist_of(self, activations))
        return self._take("take_activation", activations)

    def _take_shortlisted(self, activations: pl.DataFrame, shortlist: Shortlist) -> Taken:
        if not self._connection.sees_one_moment or shortlist.version != self.expectations_version():
            shortlist = shortlist_of(self, activations)
        # In order of SIM, each page of the table is touched once.
        in_order = activations if activations["iccid"].is_sorted() else activations.sort("iccid")
        changed = self._connection.run_frame("take_activation", in_order)
        self._suspects.update(
            shortlist.suspects, self._mismatched(in_order["iccid"], is_dense=shortlist.is_dense)
        )
        self._suspects.update(self._held_to_first_use(in_order["iccid"]))
        return Taken(changed, len(activations) - changed)

    def _held_to_first_use(self, iccids: Iterable[int]) -> Iterable[int]:
        """Those of some SIMs that may have rows by their account's policy; most stores have no account with one."""
        if self._has_first_use is None:
            self._has_first_use = bool(self._value(bool, "has_first_use"))
        if not self._has_first_use:
            return ()
        return self._numbers("sims_held_to_first_use", iccids=self._connection.set_of(iccids))

    def _mismatched(self, iccids: pl.Series, *, is_dense: bool) -> Iterable[int]:
        """Those of some SIMs, in order, that have rows kept."""
        if not is_dense:
            return self._numbers("mismatched_sims_among", iccids=self._connection.set_of(iccids))
        between = self._numbers("mismatched_sims_between", first=iccids[0], last=iccids[-1])
        places = iccids.search_sorted(pl.Series(between, dtype=pl.Int64))
        return [
            iccid for iccid, place in zip(between, places, strict=True) if iccids[place] == iccid
        ]

    def settle(self, changes: RowChanges | None = None) -> Refreshed:
        """Make the kept answer follow from what was taken in; the end of a transaction does it."""
        touched, self._touched = self._touched, set()
        suspects, self._suspects = self._suspects, set()
        for some in _in_parts(sorted(touched)):
            suspects.update(self._numbers("suspects", iccids=self._connection.set_of(some)))
            suspects.update(self._held_to_first_use(some))
        return self.refresh(sorted(suspects), changes)

    def refresh(self, iccids: Sequence[int], changes: RowChanges | None = None) -> Refreshed:
        """Make the kept answer of these SIMs, in order, follow from the facts: the only writer of it.

        The rows that come and go are added to `changes`, where they are asked for.
        """
        opened = closed = 0
        for some in _in_parts(iccids):
            right, kept = set(self._right_rows(some)), set(self._kept_rows(some))
            gone, new = kept - right, right - kept
            same = {row[:READ_COLUMNS] for row in gone} & {row[:READ_COLUMNS] for row in new}
            closing = sorted(row for row in gone if row[:READ_COLUMNS] not in same)
            opening = sorted(row for row in new if row[:READ_COLUMNS] not in same)
            closed += self._connection.run_many("close", [row[:KEY_COLUMNS] for row in closing])
            opened += self._connection.run_many("open", opening)
            self._explain(sorted(row for row in new if row[:READ_COLUMNS] in same))
            if changes is not None:
                changes.closed.extend(closing)
                changes.opened.extend(opening)
        return Refreshed(opened, closed)

    def _explain(self, rows: Sequence[AnswerRow]) -> None:
        """Change the reasons of rows that are there and read the same."""
        self._connection.run_many(
            "explain", [(row.expected_imei, row.reasons, *row[:KEY_COLUMNS]) for row in rows]
        )

    def _right_rows(self, iccids: Sequence[int]) -> Iterator[AnswerRow]:
        """The rows that these SIMs should have."""
        zone_name, wire_row = self.wire_zone(), self._wire_row
        zone = zone_named(zone_name)
        derived = list(self._connection.rows("derive", iccids=self._connection.set_of(iccids)))
        found = self._stays(derived)
        for account, mdn, activation_date, _, *row in derived:
            _, _, activated_at, iccid, post_imei, pre_imei = row
            wire = wire_row(
                account, mdn, activation_date, iccid, pre_imei, post_imei, activated_at, zone_name
            )
            stay = found[iccid, activated_at, post_imei]
            yield AnswerRow._make((*row, wire, stay.expected, encode(own_reasons(stay), zone)))

    def _stays(self, derived: Iterable[tuple[Any, ...]]) -> dict[tuple[int, int, int], Stay]:
        """What their own facts say around the rows that were derived, by SIM, moment and IMEI."""
        rows_of_each: dict[tuple[int, str], set[Pair]] = defaultdict(set)
        for _, _, _, first_use, _, _, activated_at, iccid, imei, _ in derived:
            rows_of_each[iccid, first_use].add((activated_at, imei))
        facts = (
            self.facts_of_each(sorted(iccid for iccid, _ in rows_of_each)) if rows_of_each else {}
        )
        return {
            (iccid, stay.activated_at, stay.found): stay
            for (iccid, first_use), of_each in rows_of_each.items()
            for stay in stays(of_each, *facts[iccid], FirstUse(first_use))
        }

    def _kept_rows(self, iccids: Sequence[int]) -> Iterator[AnswerRow]:
        """The rows that these SIMs have."""
        rows = self._connection.rows("kept_rows", iccids=self._connection.set_of(iccids))
        return (AnswerRow(*row) for row in rows)

    def explain_rows(self, after: int) -> int | None:
        """Fill in reasons that an older program did not keep, some SIMs after one; give the last, None at the end."""
        sims = self._numbers("unexplained_sims_after", iccid=after, at_most=SIMS_A_REFRESH)
        self.refresh(sims)
        return sims[-1] if sims else None

    def set_wire_zone(self, zone: str) -> bool:
        """Print the kept rows in another zone from now on; give whether that changed anything."""
        if not self._connection.run("set_wire_zone", wire_zone=zone):
            return False
        after = BEFORE_ALL
        while sims := self._mismatched_sims(after):
            self.refresh(sims)
            after = sims[-1]
        return True

    def set_first_use(self, account_id: int, first_use: FirstUse) -> bool:
        """Hold an account's SIMs to where they were first seen, or no longer; give whether that changed anything."""
        if not self._connection.run("set_first_use", account_id=account_id, first_use=first_use):
            return False
        begin(self, WorkKind.FIRST_USE, account_id)
        return True

    def _mismatched_sims(self, after: int) -> list[int]:
        return self._numbers("mismatched_sims_after", iccid=after, at_most=SIMS_A_REFRESH)

    def _take(self, query: str, facts: Facts, made: tuple[str, ...] = ()) -> Taken:
        """Take facts in whose first column is the ICCID."""
        changed = self._put(query, facts)
        self._touched.update(
            facts["iccid"].to_list()
            if isinstance(facts, pl.DataFrame)
            else (row[0] for row in facts)
        )
        return Taken(changed, len(facts) - changed, made)


def _in_parts(iccids: Sequence[int]) -> Iterator[Sequence[int]]:
    return (
        iccids[start : start + SIMS_A_REFRESH] for start in range(0, len(iccids), SIMS_A_REFRESH)
    )
