"""What changes the store: facts in, and the kept answer after them, in the same transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import polars as pl

from tallystick.core.approval import require_no_approval
from tallystick.core.facts import (
    GroupMember,
    HardwareType,
    Identity,
    Sim,
    SimActivation,
    SimExpectation,
)
from tallystick.core.ledger import BEFORE_THE_LEDGER, UNKNOWN_ORIGIN
from tallystick.core.row_events import ACTIVATION, MOVE, Cause, CauseKind, RowChange
from tallystick.store.attribution import IdentityChanges
from tallystick.store.audit import AuditChanges
from tallystick.store.batches import Facts, by_iccid, by_subscriber, iccids_of, rows_of
from tallystick.store.copying import MovingChanges
from tallystick.store.explanations import ExplanationChanges
from tallystick.store.facts import Taken
from tallystick.store.import_receipts import ImportChanges
from tallystick.store.kept import KeptAnswer, RowEvent, expectation_cause, identity_cause
from tallystick.store.ledger import EXPECTATIONS, KEY, LEDGERED
from tallystick.store.progress import ProgressChanges
from tallystick.store.saved_views import SavedViewChanges
from tallystick.store.shortlist import Batch, Shortlist, shortlist_of, spans_in, together
from tallystick.store.sims import SimChanges
from tallystick.store.types import TypeChanges
from tallystick.store.unfinished import WorkChanges, WorkKind, begin
from tallystick.store.uploads import UploadChanges
from tallystick.store.verifying import KeptRow

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from tallystick.core.ledger import ChangeSet, LedgerKind, Origin
    from tallystick.core.moments import Moment
    from tallystick.core.pairing import FirstUse
    from tallystick.store.connection import Connection
    from tallystick.store.ledger import Changes, Effect
    from tallystick.store.touched import Touched

RETURNING_ROWS_MAX = 100  # activations that the store is asked to tell the new ones of
TRIAL_CHANGE_SET = -1  # the change set of what is only tried


LEDGERED_KINDS: dict[type, LedgerKind] = {SimExpectation: "expectations", Identity: "identities"}
"""The kinds of facts whose changes are told in the ledger."""


class Tried(NamedTuple):
    """What expectations or identities would do.

    How many they would add and correct, and which rows they would open and close.
    """

    added: int
    corrected: int
    opened: list[KeptRow]
    closed: list[KeptRow]


def source_named(origin: Origin) -> str:
    """Where activations come from, as it is counted of those that wait: a file, or an app."""
    return f"{origin.source} {origin.detail or origin.actor}"


class Writer(
    IdentityChanges,
    ProgressChanges,
    UploadChanges,
    TypeChanges,
    ExplanationChanges,
    SavedViewChanges,
    ImportChanges,
    MovingChanges,
    WorkChanges,
    AuditChanges,
    SimChanges,
    KeptAnswer,
):
    """One transaction; `is_trial` is whether facts were only tried in it.

    Before it is committed, `settle` makes the kept answer follow from what was taken in. Facts are
    the values of `core.facts`, plain tuples of the same columns, or a frame of those columns.
    """

    def __init__(
        self,
        connection: Connection,
        wire_row: Callable[..., bytes],
        touched: Touched | None = None,
    ) -> None:
        super().__init__(connection, wire_row)
        self._touched = touched
        self.is_trial = False
        self._takers: dict[type, Callable[[Any], Taken]] = {
            Sim: self.take_sims,
            GroupMember: self.take_group_members,
            HardwareType: self.take_types,
        }

    @property
    def is_alone(self) -> bool:
        """Whether it may change anything, for nobody else writes meanwhile."""
        return self._touched is None

    def take(
        self,
        kind: type,
        facts: Facts,
        shortlist: Shortlist | None = None,
        origin: Origin = UNKNOWN_ORIGIN,
    ) -> Taken:
        """Take facts of one kind in; of two values for one key the later counts.

        `shortlist` is what `shortlist_of` gave for activations, in some snapshot; expectations and
        identities become a change set of this `origin`. Raises `ApprovalRequired` where they change
        what is expected of SIMs whose account asks for approval.
        """
        if kind in LEDGERED_KINDS:
            return self._take_change_sets(kind, [Batch(facts, origin=origin)])[0]
        if kind is SimActivation:
            return self.take_activations(facts, shortlist, origin)
        return self._takers[kind](facts)

    def take_all(self, kind: type, batches: Sequence[Batch]) -> list[Taken]:
        """Take several batches of one kind in, each counted by itself, at about the cost of one.

        Of expectations and identities each batch is a change set, unless it changes nothing.
        """
        if kind in LEDGERED_KINDS:
            return self._take_change_sets(kind, batches)
        whole = together(batches)
        if len(batches) == 1 or (kind is SimActivation and by_subscriber(whole.facts)):
            return [self.take(kind, *batch) for batch in batches]
        are_rows = kind is SimActivation and not isinstance(whole.facts, pl.DataFrame)
        if are_rows and len(whole.facts) <= RETURNING_ROWS_MAX:
            return self._take_returning(rows_of(whole.facts), batches)
        if self._take_if_all_new(kind, whole):
            return [Taken(len(batch.facts), 0) for batch in batches]
        return [self.take(kind, *batch) for batch in batches]

    def _take_if_all_new(self, kind: type, whole: Batch) -> bool:
        """Take several batches in as one, if each fact of them is new; else none of them.

        If every fact was new, each batch's count is its length; otherwise they have to be counted
        one by one.
        """
        self.settle()  # what was taken in before stays, and so do its rows
        with self._connection.attempt() as attempt:
            taken = self.take(kind, *whole)
            is_all_new = taken.accepted == len(whole.facts) and not taken.accounts_made
            if is_all_new:
                attempt.keep()
        return is_all_new

    def _take_returning(
        self, activations: Sequence[tuple[Any, ...]], batches: Sequence[Batch]
    ) -> list[Taken]:
        """Take a few activations in.

        The store returns the new ones, and of a repeated one the first is new.
        """
        self._require_touched(activations)
        returned = (
            self._connection.rows_of_many("take_activation_returning", activations)
            if activations
            else []
        )
        new = set(returned)
        if len(new) < len(activations):
            self.direct_repeated(activations)
        self.activations_changed(activations, ACTIVATION)
        taken = []
        for batch in batches:
            new_in_batch = new.intersection(map(tuple, rows_of(batch.facts)))
            new -= new_in_batch
            taken.append(Taken(len(new_in_batch), len(batch.facts) - len(new_in_batch)))
        return taken

    def move_sims(self, account_id: int, iccids: Collection[int]) -> None:
        """Put SIMs in an account; their kept rows follow."""
        policies = self.policies()
        moved = self._connection.set_of(iccids)
        held_alike: list[int] = []
        held_otherwise: list[int] = []
        for iccid, old_account_id in self._connection.rows("accounts_of_sims", iccids=moved):
            is_alike = policies[old_account_id] == policies[account_id]
            (held_alike if is_alike else held_otherwise).append(iccid)
        self._connection.run("move_sims", account_id=account_id, iccids=moved)
        self.rows_changed(held_alike, MOVE)
        self.sims_changed(held_otherwise, MOVE)

    def remove_sims(self, iccids: Collection[int], origin: Origin) -> None:
        """Forget SIMs, where they were expected, their groups and what was said of their rows.

        Their activations wait. That they are expected nowhere any more is a change set.
        """
        sims = self._connection.set_of(iccids)
        self._connection.run("remove_sims", iccids=sims)
        self._connection.run("leave_all_groups", iccids=sims)
        self.forget_explanations(iccids)
        change_set_id = self.begin_change_set(origin, "applied")
        self.sims_changed(iccids, Cause(CauseKind.REMOVAL, change_set_id))
        self.clear_expectations(iccids, change_set_id)

    def rename_account(self, account_id: int, name: str) -> None:
        """Give an account another name, which its kept rows read from then on."""
        self._connection.run("rename_account", account_id=account_id, name=name)
        begin(self, WorkKind.RENAME, account_id)

    def set_first_use(self, account_id: int, first_use: FirstUse) -> bool:
        """Hold an account's SIMs to their first use, or no longer.

        Give whether that changes anything.
        """
        if not self.put_first_use(account_id, first_use):
            return False
        begin(self, WorkKind.FIRST_USE, account_id)
        return True

    def take_expectations(self, expectations: Facts, change_set_id: int | None = None) -> Taken:
        """Take expectations in as part of a change set.

        The same SIM and moment again is a correction. Where none is named, they are one of their
        own, of a program that did not say who it is.
        """
        return self.take_ledgered(SimExpectation, expectations, change_set_id)

    def take_ledgered(
        self,
        kind: type,
        facts: Facts,
        change_set_id: int | None = None,
        *,
        is_by_one_hand: bool = True,
    ) -> Taken:
        """The same for facts of a kind that is told in the ledger.

        `is_by_one_hand` is whether accounts that ask for approval have to be asked: not where
        somebody has decided about the change set, nor where the operator has brought it. Raises
        `ApprovalRequired`.
        """
        if change_set_id is None:
            return self._take_change_sets(kind, [Batch(facts)])[0]
        by_one_hand = [change_set_id] if is_by_one_hand else []
        return self._take_sets(kind, [(facts, change_set_id)], by_one_hand)[0]

    def move_expectations(self, expectations: pl.DataFrame) -> None:
        """Put expectations in as they are in another store.

        `iccid`, `effective_from`, `imei` and `change_set_id`.
        """
        present = self.values_among(expectations["iccid"])
        self._put("add_expectation", expectations.join(present, on=KEY, how="anti"))
        self._put("put_expectation", expectations.join(present, on=KEY, how="semi"))
        self._connection.run("note_changed_expectations")
        keys = expectations.select(KEY).rows()
        self.expectations_changed(keys, expectation_cause(BEFORE_THE_LEDGER))

    def move_identities(self, identities: pl.DataFrame) -> None:
        """Put identities in as they are in another store, by the columns of `Ledgered.row`."""
        self._put("put_identity", identities.rows())
        self._connection.run("note_changed_identities")
        keys = identities.select("subscriber", "valid_from").rows()
        self.identities_changed(keys, identity_cause(BEFORE_THE_LEDGER))

    def move_named_activations(self, activations: pl.DataFrame) -> None:
        """Put activations in that name a SIM by IMSI or MSISDN, with their sources."""
        for (source,), part in activations.group_by("source", maintain_order=True):
            named = part.select("subscriber", "activated_at", "imei").rows()
            self.take_named_activations(named, str(source), ACTIVATION)

    def _take_change_sets(self, kind: type, batches: Sequence[Batch]) -> list[Taken]:
        """Take batches of ledgered facts in, each of them a change set of its own."""
        ledger_kind = LEDGERED_KINDS[kind]
        numbers = [
            self.begin_change_set(batch.origin, "applied", kind=ledger_kind) for batch in batches
        ]
        taken = self._take_sets(
            kind,
            [(batch.facts, number) for batch, number in zip(batches, numbers, strict=True)],
            [
                number
                for batch, number in zip(batches, numbers, strict=True)
                if not batch.origin.is_operators
            ],
        )
        for number in numbers:
            self.drop_if_empty(number)
        return taken

    def _take_sets(
        self, kind: type, batches: Sequence[tuple[Facts, int]], by_one_hand: Collection[int]
    ) -> list[Taken]:
        """Take batches of ledgered facts in, in order, each with its change set.

        A batch counts against those before. The change sets `by_one_hand` may not change what is
        expected of SIMs whose account asks for approval. Raises `ApprovalRequired`.
        """
        if kind is Identity:
            return [self._take_identities(*batch) for batch in batches]
        changes = self.put_expectations(batches)
        self._expectations_put(changes, by_one_hand)
        accepted = [sum(changes.counts.get(number, (0, 0))) for _, number in batches]
        return [
            Taken(taken, len(facts) - taken)
            for taken, (facts, _) in zip(accepted, batches, strict=True)
        ]

    def _take_identities(self, identities: Facts, change_set_id: int) -> Taken:
        """Take identities in as part of a change set; activations go to their SIMs."""
        changes, accepted = self.put_identities(identities, change_set_id)
        self._identities_put(changes)
        return Taken(accepted, len(identities) - accepted)

    def _identities_put(self, changes: Changes) -> None:
        for change_set_id, keys in changes.keys_of_change_sets().items():
            self.identities_changed(keys, identity_cause(change_set_id))

    def try_expectations(self, expectations: Facts) -> Tried:
        """What expectations would change, and which rows would come and go; nothing of it stays."""
        return self.try_ledgered(SimExpectation, expectations)

    def try_ledgered(self, kind: type, facts: Facts) -> Tried:
        """The same for facts of a kind that is told in the ledger."""
        put = self._try_identities if kind is Identity else self._try_expectations
        return self._tried(lambda: put(facts))

    def try_taking_back(self, kind: LedgerKind, effect: Effect) -> Tried:
        """The same of an effect, which stands, if it were taken back; what goes is corrected."""

        def take_back() -> tuple[int, int]:
            self.take_back_part(kind, effect, TRIAL_CHANGE_SET)
            returned = effect.before.join(effect.after, on=LEDGERED[kind].key, how="anti")
            return len(returned), len(effect.after)

        return self._tried(take_back)

    def _tried(self, put: Callable[[], tuple[int, int]]) -> Tried:
        """What a change would do, which gives how much it adds and corrects."""
        events: list[RowEvent] = []
        self.is_trial = True
        self.settle()  # what was taken in before stays, and so do its rows
        with self._connection.attempt(), self.observed_by(events.extend):
            added, corrected = put()
            self.settle()
        opened = self._named(events, RowChange.OPENED)
        closed = self._named(events, RowChange.CLOSED)
        return Tried(added, corrected, opened, closed)

    def _try_identities(self, identities: Facts) -> tuple[int, int]:
        changes, _ = self.put_identities(identities, TRIAL_CHANGE_SET)
        self._identities_put(changes)
        return changes.counts.get(TRIAL_CHANGE_SET, (0, 0))

    def _try_expectations(self, expectations: Facts) -> tuple[int, int]:
        changes = self.put_expectations([(expectations, TRIAL_CHANGE_SET)])
        self._expectations_put(changes)
        return changes.counts.get(TRIAL_CHANGE_SET, (0, 0))

    def _expectations_put(self, changes: Changes, by_one_hand: Collection[int] = ()) -> None:
        """Say which expectations were put; of two change sets of one SIM the later is the cause.

        Raises `ApprovalRequired`, as `_take_sets` says.
        """
        keys_of = changes.keys_of_change_sets()
        alone = {iccid for number in by_one_hand for iccid, _ in keys_of.get(number, ())}
        if alone:
            require_no_approval(self.asking_of_sims(alone))
        for change_set_id, keys in keys_of.items():
            self.expectations_changed(keys, expectation_cause(change_set_id))

    def _named(self, events: Sequence[RowEvent], change: RowChange) -> list[KeptRow]:
        """The rows of events of one kind, with the names of their accounts."""
        rows = [event.row for event in events if event.change is change]
        names = self.account_names() if rows else {}
        return [
            KeptRow(
                row.iccid,
                names[row.account_id],
                row.generation,
                row.activated_at,
                row.pre_imei,
                row.post_imei,
                row.wire,
                row.reasons,
            )
            for row in rows
        ]

    def begin_undo(self, change_set: ChangeSet, undone_in: int) -> None:
        """Begin to take a change set back whose effect stands, by another one that is there."""
        self.set_change_set_state(change_set.change_set_id, "undone")
        if change_set.undoes is not None:
            self.set_change_set_state(change_set.undoes, "applied")
        begin(self, WorkKind.UNDO, undone_in)

    def take_back_part(self, kind: LedgerKind, effect: Effect, number: int) -> None:
        """Put back what was there before an effect, which stands, as part of a change set."""
        of = LEDGERED[kind]
        keys = self.take_back(effect, number, of)
        if of is EXPECTATIONS:
            self.expectations_changed(keys, expectation_cause(number))
        else:
            self.identities_changed(keys, identity_cause(number))

    def begin_approval(self, number: int, by: str, now: Moment) -> None:
        """Begin to put a proposal in force."""
        self.decide_change_set(number, "applying", by, now)
        begin(self, WorkKind.APPROVAL, number)

    def end_proposal(self, number: int) -> None:
        """Forget what a proposal would have put, now that it is decided about.

        The upload that has waited for that is taken in.
        """
        self.drop_proposed(number)
        self.release_upload(number)

    def take_activations(
        self,
        activations: Facts,
        shortlist: Shortlist | None = None,
        origin: Origin = UNKNOWN_ORIGIN,
    ) -> Taken:
        """Take activations in; repeats are counted, not stored twice.

        Those that name the SIM by IMSI or MSISDN are attributed to the SIM that had it then.
        """
        direct = by_iccid(activations)
        self._require_touched(direct)
        taken = self._take_direct(direct, shortlist)
        if len(direct) == len(activations):
            return taken
        named = by_subscriber(activations)
        return taken.and_also(self.take_named_activations(named, source_named(origin), ACTIVATION))

    def _require_touched(self, activations: Facts) -> None:
        """Stop a mistake of ours: others may take in facts of a SIM beside this transaction."""
        if self._touched is not None and not self._touched.has_all(iccids_of(activations)):
            message = "an activation is of a SIM that its transaction does not touch"
            raise RuntimeError(message)

    def _take_direct(self, activations: Facts, shortlist: Shortlist | None) -> Taken:
        """Take activations in that name the SIM by its ICCID."""
        if isinstance(activations, pl.DataFrame):
            if activations.is_empty():
                return Taken(0, 0)
            return self._take_shortlisted(activations, shortlist)
        changed = self._connection.run_many("take_activation", activations)
        if changed < len(activations):
            self.direct_repeated(activations)
        self.activations_changed(activations, ACTIVATION)
        return Taken(changed, len(activations) - changed)

    def _take_shortlisted(self, activations: pl.DataFrame, shortlist: Shortlist | None) -> Taken:
        if shortlist is None or not self._holds(shortlist):
            shortlist = shortlist_of(self, activations)
        # In order of SIM, each page of the table is touched once.
        in_order = activations if activations["iccid"].is_sorted() else activations.sort("iccid")
        changed = self._connection.run_frame("take_activation", in_order)
        if changed < len(in_order):
            self.direct_repeated(in_order.iter_rows())
        self.spans_changed(spans_in(shortlist.spans), ACTIVATION)
        concerned = self._tracked(in_order["iccid"], is_dense=shortlist.is_dense)
        concerned |= self.held_sims(in_order["iccid"])
        if concerned:
            is_concerned = pl.col("iccid").is_in(sorted(concerned))
            self.activations_changed(in_order.filter(is_concerned).rows(), ACTIVATION)
        return Taken(changed, len(activations) - changed)

    def _holds(self, shortlist: Shortlist) -> bool:
        """Whether what a snapshot has found out holds in this transaction."""
        is_of_one_moment = self._connection.sees_one_moment
        return is_of_one_moment and shortlist.version == self.expectations_version()

    def _tracked(self, iccids: pl.Series, *, is_dense: bool) -> set[int]:
        """Those of the SIMs, in order, that have a row or had one."""
        if not is_dense:
            return self.tracked_among(iccids.unique())
        between = self._numbers("tracked_between", first=iccids[0], last=iccids[-1])
        places = iccids.search_sorted(pl.Series(between, dtype=pl.Int64))
        return {
            iccid for iccid, place in zip(between, places, strict=True) if iccids[place] == iccid
        }
