"""The ledger of expectations and identities: what change sets have put, and what stood before."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

import polars as pl

from tallystick.core.allowed import HARDWARE, Allowed
from tallystick.core.identifiers import BEFORE_ALL
from tallystick.core.ledger import BEHIND_ALL, ChangeSet, LedgerKind, Origin, Value
from tallystick.core.moments import Moment
from tallystick.store.facts import FactQuestions

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from tallystick.core.identifiers import Iccid
    from tallystick.core.ledger import State
    from tallystick.store.batches import Facts

KEY = ["iccid", "effective_from"]
FACT = [*KEY, "imei"]
ROW = [*FACT, "change_set_id"]
FEW_FACTS_MAX = 100  # are compared one by one, which begins at once; more of them as columns
# All that lies between the first and the last SIM is read while it is no more than this for each.
DENSE_EXPECTATIONS_A_SIM_MAX = 2
CROWD_PROBE = 16  # which the first so many-th of them are asked about beforehand
LISTED = "listed"  # the column of a frame that has the text of values with several members
FACT_COLUMNS = dict.fromkeys(FACT, pl.Int64)


class Ledgered(NamedTuple):
    """What the ledger keeps the changes of: dated values, and the queries about them.

    The first column of the key is a number of a SIM, in whose order changes of many go in parts.
    """

    kind: LedgerKind
    key: list[str]
    value: str
    put_in: str
    ended_in: str
    ended_of: str
    numbers_put_in_after: str
    numbers_ended_in_after: str

    @property
    def row(self) -> list[str]:
        """The columns of its values, with the change set that put them."""
        return [*self.key, self.value, "change_set_id"]


EXPECTATIONS = Ledgered(
    "expectations",
    KEY,
    "imei",
    "values_put_in",
    "values_ended_in",
    "ended_values_of",
    "sims_put_in_after",
    "sims_ended_in_after",
)
IDENTITIES = Ledgered(
    "identities",
    ["subscriber", "valid_from"],
    "iccid",
    "identities_put_in",
    "identities_ended_in",
    "ended_identities_of",
    "subscribers_put_in_after",
    "subscribers_ended_in_after",
)
LEDGERED = {each.kind: each for each in (EXPECTATIONS, IDENTITIES)}


class Changes(NamedTuple):
    """What facts change: as rows where they are few, as columns where they are many.

    `ended` are the values that end, and in which change set; `added` what stands in the end where
    there was nothing, `corrected` what stands where there was something else; `counts` how many
    each change set has added and corrected.
    """

    ended: Facts
    added: Facts
    corrected: Facts
    counts: dict[int, tuple[int, int]]

    def keys_of_change_sets(self) -> dict[int, list[tuple[int, int]]]:
        """SIM and moment of the changed expectations, by the change set that put them."""
        keys_of: defaultdict[int, list[tuple[int, int]]] = defaultdict(list)
        for facts in (self.added, self.corrected):
            if isinstance(facts, pl.DataFrame):
                for (change_set_id,), part in facts.group_by("change_set_id"):
                    keys_of[int(change_set_id)] += part.select(KEY).rows()
            else:
                for iccid, effective_from, _, change_set_id in facts:
                    keys_of[change_set_id].append((iccid, effective_from))
        return keys_of


class Effect(NamedTuple):
    """What a change set has done to each key.

    The value before and the one after, absent where there was none. Both have the columns of
    `Ledgered.row`, each key once.
    """

    before: pl.DataFrame
    after: pl.DataFrame

    def without(self, keys: pl.DataFrame) -> Effect:
        """The same without these keys."""
        return Effect(*(values.join(keys, on=keys.columns, how="anti") for values in self))


class LedgerPart(NamedTuple):
    """A range of SIMs, or subscribers, whose values are looked at, and whether none follow."""

    after: int
    up_to: int
    is_last: bool


WHOLE = LedgerPart(BEFORE_ALL, BEHIND_ALL, is_last=True)
"""All SIMs."""


class ProposedPart(NamedTuple):
    """The next values of a proposal, up to a SIM; None where they are the last."""

    values: pl.DataFrame
    up_to: int | None


def lists_in(facts: Facts) -> list[tuple[int, int, str]]:
    """SIM, value and text of those expectations that have several members."""
    if not isinstance(facts, pl.DataFrame):
        listed = ((iccid, value) for iccid, _, value, *_ in facts if isinstance(value, Allowed))
        return [(iccid, int(value), value.listed) for iccid, value in listed if value.listed]
    if LISTED not in facts.columns:
        return []
    has_list = facts.filter(pl.col(LISTED).is_not_null())
    return has_list.select("iccid", "imei", LISTED).unique().rows()


def _members_in(lists: Iterable[tuple[int, int, str]]) -> Iterator[tuple[int, int, int]]:
    """Hardware, SIM and value of each member of lists; a TAC has six zeros behind it."""
    for iccid, value, text in lists:
        for member in Allowed.read(value, text).members:
            yield member // HARDWARE, iccid, value


def columns_of(facts: Facts) -> pl.DataFrame:
    """Expectations as columns."""
    if isinstance(facts, pl.DataFrame):
        return facts.select(FACT)
    return pl.DataFrame(list(facts), schema=FACT_COLUMNS, orient="row")


def changes_of_many(facts: pl.DataFrame, known: pl.DataFrame) -> Changes:
    """What facts, in order and each with its change set, change of what is known of their SIMs."""
    old = known.select(*KEY, known_imei="imei", known_set="change_set_id")
    both = facts.join(old, on=KEY, how="left", maintain_order="left")
    before_imei, before_set = pl.col("known_imei"), pl.col("known_set")
    is_once = _is_each_key_once(facts)
    # Not looked at otherwise, for it costs half as much as writing them all.
    if not is_once:
        before_imei = pl.coalesce(pl.col("imei").shift(1).over(KEY), before_imei)
        before_set = pl.coalesce(pl.col("change_set_id").shift(1).over(KEY), before_set)
    rows = both.filter(pl.col("imei").ne_missing(before_imei)).with_columns(
        old_imei=before_imei, old_set=before_set
    )
    last = (rows if is_once else rows.unique(KEY, keep="last")).sort(KEY)
    # What a change set has put itself does not end in it.
    ended = rows.filter(pl.col("old_set") != pl.col("change_set_id")).sort("change_set_id", *KEY)
    is_new = pl.col("old_imei").is_null()
    counted = rows.group_by("change_set_id").agg(is_new.sum(), corrected=(~is_new).sum())
    return Changes(
        ended.select("change_set_id", *KEY, pl.col("old_set").alias("put_in"), "old_imei"),
        last.filter(pl.col("known_imei").is_null()).select(ROW),
        last.filter(pl.col("known_imei").is_not_null()).select(ROW),
        {number: (added, corrected) for number, added, corrected in counted.iter_rows()},
    )


def _is_each_key_once(facts: pl.DataFrame) -> bool:
    """Whether no key comes twice; that SIMs go up, as those of most files do, is seen at once."""
    return (
        bool((facts["iccid"].diff().drop_nulls() > 0).all())
        or not facts.select(KEY).is_duplicated().any()
    )


def changes_of_few(
    facts: Iterable[tuple[int, int, int, int]], known: Iterable[tuple[int, int, int, int]]
) -> Changes:
    """The same for rows, one by one."""
    there = {(iccid, since): (imei, number) for iccid, since, imei, number in known}
    now = dict(there)
    ended, counts = [], dict[int, tuple[int, int]]()
    for iccid, since, imei, number in facts:
        key, old = (iccid, since), now.get((iccid, since))
        if old is not None and old[0] == imei:
            continue
        now[key] = (imei, number)
        added, corrected = counts.get(number, (0, 0))
        counts[number] = (added + (old is None), corrected + (old is not None))
        if old is not None and old[1] != number:
            ended.append((number, iccid, since, old[1], old[0]))
    changed = [(*key, *value) for key, value in sorted(now.items()) if there.get(key) != value]
    added_rows = [row for row in changed if row[:2] not in there]
    return Changes(ended, added_rows, [row for row in changed if row[:2] in there], counts)


class LedgerQuestions(FactQuestions):
    """Which change sets there are, and what they did."""

    def change_set(self, change_set_id: int) -> ChangeSet | None:
        """What is known of a change set."""
        row = self._connection.row("change_set", change_set_id=change_set_id)
        return None if row is None else ChangeSet(*row)

    def change_sets(self, before: int, at_most: int, state: State | None = None) -> list[ChangeSet]:
        """Change sets that came before one, the last first.

        Only those in a state, if one is named.
        """
        if state is None:
            rows = self._connection.rows("change_sets_before", before=before, at_most=at_most)
        else:
            rows = self._connection.rows(
                "change_sets_in_state_before", before=before, at_most=at_most, state=state
            )
        return [ChangeSet(*row) for row in rows]

    def expecting_sims_after(self, after: int, at_most: int) -> list[int]:
        """The next SIMs of which anything is expected, in order."""
        return self._numbers("expecting_sims_after", after=after, at_most=at_most)

    def undoings(self) -> dict[int, int]:
        """What each change set took back that took one back."""
        return dict(self._connection.rows("undoings"))

    def proposed_undoing(self, change_set_id: int) -> int | None:
        """The change set that is proposed to take one back, if there is one."""
        return self._value(int, "proposed_undoing", change_set_id=change_set_id)

    def values_of(self, iccid: Iccid) -> list[Value]:
        """Every value that a SIM's expectations had, in the order in which they ended, and have."""
        former = self._connection.rows("former_values_of_sim", iccid=iccid)
        present = self._connection.rows("values_of_sim", iccid=iccid)
        rows = [*former, *((*row, None) for row in present)]
        lists = self.lists_of([iccid])
        return [
            Value(Moment(since), Allowed.read(value, lists.get((iccid, value))), put_in, ended_in)
            for since, value, put_in, ended_in in rows
        ]

    def proposed(self, change_set_id: int, part: LedgerPart = WHOLE) -> pl.DataFrame:
        """`iccid`, `effective_from` and `imei` of what a change set would put, in order of SIM."""
        return self._of_part("proposed_values", change_set_id, part).sort(KEY)

    def count_of_proposed(self, change_set_id: int) -> int:
        """How many expectations a change set would put."""
        return self._value(int, "count_of_proposed", change_set_id=change_set_id) or 0

    def proposed_part(self, change_set_id: int, after: int, at_most: int) -> ProposedPart:
        """Give about so many values of a proposal behind a SIM, those of each SIM together."""
        sims = self._sims_after("sims_proposed_after", change_set_id, after, at_most)
        part = _part_of(sims, after, at_most)
        values = self.proposed(change_set_id, part)
        return ProposedPart(values, None if part.is_last else part.up_to)

    def effect_part(self, change_set: ChangeSet, after: int, at_most: int) -> LedgerPart:
        """Give the SIMs behind one of which a change set has changed about so many values.

        Of identities they are subscribers.
        """
        return _part_of(self.changed_after(change_set, after, at_most), after, at_most)

    def changed_after(self, change_set: ChangeSet, after: int, at_most: int) -> list[int]:
        """Give at least so many SIMs, or all, behind one of which a change set has changed values.

        They come in order, one of which it has changed several as often. Of identities they are
        subscribers.
        """
        number, of = change_set.change_set_id, LEDGERED[change_set.kind]
        before = self._sims_after(of.numbers_ended_in_after, number, after, at_most)
        if change_set.undoes is None:
            behind = self._sims_after(of.numbers_put_in_after, number, after, at_most)
        else:
            undone = change_set.undoes
            behind = self._sims_after(of.numbers_ended_in_after, undone, after, at_most)
        return sorted([*before, *behind])

    def _sims_after(self, query: str, change_set_id: int, after: int, at_most: int) -> list[int]:
        return self._numbers(query, change_set_id=change_set_id, after=after, at_most=at_most)

    def _of_part(self, query: str, change_set_id: int, part: LedgerPart) -> pl.DataFrame:
        return self._connection.frame(
            query, change_set_id=change_set_id, after=part.after, up_to=part.up_to
        )

    def effect_of(self, change_set: ChangeSet, part: LedgerPart = WHOLE) -> Effect:
        """Give what a change set has done to the SIMs of a part.

        Of values that it had put and that have ended since, `after` knows nothing.
        """
        number, of = change_set.change_set_id, LEDGERED[change_set.kind]
        before = self._ended_in(of, number, part)
        if change_set.undoes is not None:
            return Effect(before, self._ended_in(of, change_set.undoes, part))
        return Effect(before, self._of_part(of.put_in, number, part).select(of.row))

    def _ended_in(self, of: Ledgered, change_set_id: int, part: LedgerPart) -> pl.DataFrame:
        """The values that ended in a change set; of several of one key the one that ended last."""
        ended = self._of_part(of.ended_in, change_set_id, part)
        return ended.sort("version").unique(of.key, keep="last").select(of.row)

    def ended_values_of(self, change_set: ChangeSet, part: LedgerPart = WHOLE) -> pl.DataFrame:
        """The values that a change set had put and that ended, by the columns of `Ledgered.row`."""
        of = LEDGERED[change_set.kind]
        return self._of_part(of.ended_of, change_set.change_set_id, part)

    def changed_since(
        self, change_set: ChangeSet, effect: Effect, part: LedgerPart = WHOLE
    ) -> pl.DataFrame:
        """The keys of what is no more as a change set had left it, in order."""
        of = LEDGERED[change_set.kind]
        if change_set.undoes is None:
            ended = self.ended_values_of(change_set, part)
            replaced = ended.join(effect.after, on=of.key, how="anti").select(of.key)
            return pl.concat([replaced, self._put_anew(of, effect)]).unique().sort(of.key)
        keys = pl.concat([effect.before.select(of.key), effect.after.select(of.key)]).unique()
        if keys.is_empty():
            return keys
        present = self.present_at(of, keys)
        apart = [
            effect.after.join(present, on=of.row, how="anti"),
            present.join(effect.after, on=of.row, how="anti"),
        ]
        return pl.concat([rows.select(of.key) for rows in apart]).unique().sort(of.key)

    def _put_anew(self, of: Ledgered, effect: Effect) -> pl.DataFrame:
        """The keys at which a change set had left nothing, and something stands by now."""
        removed = effect.before.join(effect.after, on=of.key, how="anti").select(of.key)
        return removed if removed.is_empty() else self.present_at(of, removed).select(of.key)

    def present_at(self, of: Ledgered, keys: pl.DataFrame) -> pl.DataFrame:
        """The values that stand at keys, by the columns of `Ledgered.row`."""
        numbers = keys[of.key[0]]
        if of is EXPECTATIONS:
            present = self.values_among(numbers)
        else:
            subscribers = self._connection.set_of(numbers.unique())
            present = self._connection.frame("identities_among", subscribers=subscribers)
        return present.join(keys, on=of.key, how="semi")

    def values_among(self, iccids: pl.Series) -> pl.DataFrame:
        """The present expectations of at least these SIMs, by the columns of `ROW`."""
        sims = iccids.unique().sort()
        is_crowd = self._values_between(sims[: len(sims) // CROWD_PROBE + 1]) is not None
        between = self._values_between(sims) if is_crowd else None
        if between is not None:
            return between
        return self._connection.frame("values_among", iccids=self._connection.set_of(sims))

    def changes_of(self, batches: Sequence[tuple[Facts, int]]) -> Changes:
        """What batches of expectations, each with its change set, would change in this order."""
        facts = sum(len(facts_put) for facts_put, _ in batches)
        if facts <= FEW_FACTS_MAX and not any(
            isinstance(facts_put, pl.DataFrame) for facts_put, _ in batches
        ):
            rows = [(*fact, number) for facts_put, number in batches for fact in facts_put]
            iccids = self._connection.set_of({row[0] for row in rows})
            return changes_of_few(rows, self._connection.rows("values_among", iccids=iccids))
        together = pl.concat(
            [
                columns_of(facts_put).with_columns(change_set_id=pl.lit(number, pl.Int64))
                for facts_put, number in batches
            ]
        )
        return changes_of_many(
            together, self.values_among(together["iccid"]) if facts else together
        )

    def _values_between(self, sims: pl.Series) -> pl.DataFrame | None:
        """What is expected of all that lie between some SIMs, in order.

        None where that is much more than of them.
        """
        if not self.asks_ranges_for(len(sims)):
            return None
        at_most = DENSE_EXPECTATIONS_A_SIM_MAX * len(sims) + 1
        between = self._connection.frame(
            "values_between", first=sims[0], last=sims[-1], at_most=at_most
        )
        return None if len(between) == at_most else between


def _part_of(sims: Sequence[int], after: int, at_most: int) -> LedgerPart:
    """The SIMs behind one up to the last of so many of these, which come in order."""
    if len(sims) < at_most:
        return LedgerPart(after, BEHIND_ALL, is_last=True)
    return LedgerPart(after, sims[at_most - 1], is_last=False)


class LedgerChanges(LedgerQuestions):
    """Expectations changed, and nothing overwritten without trace."""

    def begin_change_set(
        self,
        origin: Origin,
        state: State = "applying",
        undoes: int | None = None,
        kind: LedgerKind = "expectations",
    ) -> int:
        """A change set has come; give its number."""
        row = self._connection.row(
            "add_change_set",
            state=state,
            source=origin.source,
            detail=origin.detail,
            actor=origin.actor,
            ticket=origin.ticket,
            reason=origin.reason,
            brought_at=origin.at,
            decided_at=origin.at if state == "applied" else None,
            undoes=undoes,
            kind=kind,
        )
        assert row is not None  # noqa: S101 - it was put in
        return int(row[0])

    def end_change_set(self, change_set_id: int, at: Moment) -> None:
        """A change set is in force as a whole; one that has changed nothing is not kept."""
        self.decide_change_set(change_set_id, "applied", "", at)
        self.drop_if_empty(change_set_id)

    def drop_if_empty(self, change_set_id: int) -> None:
        """Do not keep a change set that has changed nothing."""
        self._connection.run("drop_empty_change_set", change_set_id=change_set_id)

    def decide_change_set(
        self, change_set_id: int, state: State, decided_by: str, decided_at: Moment
    ) -> None:
        """Somebody has decided about a change set."""
        self._connection.run(
            "decide_change_set",
            change_set_id=change_set_id,
            state=state,
            decided_by=decided_by,
            decided_at=decided_at,
        )

    def set_change_set_state(self, change_set_id: int, state: State) -> None:
        """A change set is in another state from now on."""
        self._connection.run("set_change_set_state", change_set_id=change_set_id, state=state)

    def propose(self, change_set_id: int, expectations: Facts) -> int:
        """Keep what a change set would put; of two values for one key the later counts.

        Give how many they are.
        """
        self._put_lists(expectations)
        rows = columns_of(expectations).unique(KEY, keep="last").sort(KEY)
        proposed = rows.select(pl.lit(change_set_id, pl.Int64).alias("change_set_id"), *FACT)
        self._put("propose_expectation", proposed)
        return len(rows)

    def drop_proposed(self, change_set_id: int) -> None:
        """Forget what a change set would have put."""
        self._connection.run("drop_proposed", change_set_id=change_set_id)

    def put_expectations(self, batches: Sequence[tuple[Facts, int]]) -> Changes:
        """Put batches of expectations in, one after the other, each with its change set.

        Give what they change.
        """
        for facts, _ in batches:
            self._put_lists(facts)
        changes = self.changes_of(batches)
        if changes.counts:
            self._connection.run("note_changed_expectations")
            self._keep(EXPECTATIONS, changes.ended)
            self._put("add_expectation", changes.added)
            self._put("put_expectation", changes.corrected)
            for number, (added, corrected) in changes.counts.items():
                self.count_changes(number, added=added, corrected=corrected)
        return changes

    def _put_lists(self, facts: Facts) -> None:
        """Keep the texts of values that have several members.

        They stay, for the ledger tells of former values.
        """
        lists = lists_in(facts)
        if lists:
            self.put_lists(lists)

    def put_lists(self, lists: Sequence[tuple[int, int, str]]) -> None:
        """Keep values that have several members: SIM, value and text of each."""
        self._connection.run_many("put_list", lists)
        self._connection.run_many("put_list_member", sorted(set(_members_in(lists))))

    def _put(self, query: str, facts: Facts) -> int:
        if isinstance(facts, pl.DataFrame):
            return self._connection.run_frame(query, facts)
        return self._connection.run_many(query, facts)

    def _keep(self, of: Ledgered, ended: Facts) -> None:
        """Keep values that end now, after the change has been noted."""
        if len(ended) == 0:
            return
        is_expectation = of is EXPECTATIONS
        version = self._value(
            int, "expectations_version" if is_expectation else "identities_version"
        )
        rows: Facts
        if isinstance(ended, pl.DataFrame):
            rows = ended.with_columns(version=pl.lit(version, pl.Int64))
        else:
            rows = [(*row, version) for row in ended]
        self._put("keep_former" if is_expectation else "keep_former_identity", rows)

    def count_changes(
        self, change_set_id: int, *, added: int = 0, corrected: int = 0, removed: int = 0
    ) -> None:
        """Count what a change set has changed."""
        self._connection.run(
            "count_changes",
            change_set_id=change_set_id,
            added=added,
            corrected=corrected,
            removed=removed,
        )

    def clear_expectations(self, iccids: Iterable[int], change_set_id: int) -> None:
        """Expect some SIMs nowhere any more, as a change set.

        It is not kept where they were not expected anyway.
        """
        present = self._connection.frame("values_among", iccids=self._connection.set_of(iccids))
        if not present.is_empty():
            self.take_back(Effect(present.clear(), present.select(ROW)), change_set_id)
        self.drop_if_empty(change_set_id)

    def take_back(
        self, effect: Effect, ended_in: int, of: Ledgered = EXPECTATIONS
    ) -> list[tuple[int, int]]:
        """Put what was there before an effect, which stands unchanged.

        Give the keys of all.
        """
        before, after = effect
        is_expectation = of is EXPECTATIONS
        added = after.join(before, on=of.key, how="anti")
        self._connection.run(
            "note_changed_expectations" if is_expectation else "note_changed_identities"
        )
        in_order = after.sort(of.key).select(*of.key, "change_set_id", of.value)
        self._keep(of, in_order.select(pl.lit(ended_in, pl.Int64).alias("ended_in"), pl.all()))
        self._connection.run_many(
            "remove_expectation" if is_expectation else "remove_identity",
            added.select(of.key).sort(of.key).rows(),
        )
        self._put("put_expectation" if is_expectation else "put_identity", before.sort(of.key))
        returned = before.join(after, on=of.key, how="anti")
        self.count_changes(
            ended_in, added=len(returned), corrected=len(before) - len(returned), removed=len(added)
        )
        return pl.concat([before.select(of.key), after.select(of.key)]).unique().rows()
