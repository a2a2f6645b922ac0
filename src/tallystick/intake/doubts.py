"""What is doubtful in facts that were taken in: in frames a column at a time, else one by one.

The doubts of a file are the sum over its parts, however it is cut: what a value alone shows is
counted block by block, what its neighbours show where all facts of one SIM are together, and what
the store shows in a snapshot.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

import polars as pl

from tallystick.core import suspicious_values as values
from tallystick.core.allowed import HARDWARE, Allowed
from tallystick.core.facts import Identity, Sim
from tallystick.core.identifiers import MDN_LEFT_OUT, Iccid, Imei, Tac
from tallystick.core.identities import Statement, Subscriber, statements_in
from tallystick.core.moments import Moment, wire
from tallystick.core.written_values import is_without_zone, unwrapped
from tallystick.intake import suspicious_columns as columns
from tallystick.intake.check_digits import checked_iccids
from tallystick.intake.doubt_kinds import (
    EXAMPLES_MAX,
    NO_DOUBT,
    NO_DOUBTS,
    Doubt,
    DoubtName,
    Doubts,
    doubt_of,
    only,
)
from tallystick.intake.suspicious_columns import IS_ONE_IMEI
from tallystick.store import LISTED, by_iccid, rows_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from tallystick.core.written_values import CheckDigit, Conventions
    from tallystick.intake.kinds import Kind
    from tallystick.store import Facts, Reader


class Rule(NamedTuple):
    """A doubt that a value alone shows: in which column, for one value and for a column of them."""

    name: DoubtName
    column: str
    holds: Callable[[int], bool]
    where: Callable[[pl.Series], pl.Series]
    text: Callable[[int], str]


class DoubtfulValue(NamedTuple):
    """A value for which a rule holds, and the line that has it."""

    rule: Rule
    line: int
    value: int


RULES = (
    Rule(
        DoubtName.ICCID_CHECK_DIGIT,
        "iccid",
        values.lacks_check_digit,
        columns.lacking_check_digits,
        Iccid.digits,
    ),
    Rule(
        DoubtName.PLACEHOLDER_IMEI,
        "imei",
        values.is_placeholder_imei,
        columns.placeholders,
        Imei.digits,
    ),
    Rule(
        DoubtName.STRIPPED_ZEROS,
        "imei",
        values.has_stripped_zeros,
        columns.stripped_zeros,
        Imei.digits,
    ),
)
# How the first column of a key prints in examples; IMSIs and MSISDNs in part.
PRINTED_KEYS: dict[str, Callable[[int], str]] = {
    "iccid": Iccid.digits,
    "tac": Tac.digits,
    "subscriber": lambda subscriber: Subscriber(subscriber).masked,
}
EXAMPLE_LENGTH_MAX = 40
IN_HARDWARE = pl.col("imei") // HARDWARE
CHANGES: tuple[CheckDigit, ...] = ("add", "strip")  # of the check digit, by the option's word


# What the text of a value shows, and the value does not


class DoubtfulText(NamedTuple):
    """A text that was read with a doubt."""

    name: DoubtName
    text: str


def doubtful_texts(
    kind: Kind, fact: tuple[Any, ...], texts: Mapping[str, str | None], conventions: Conventions
) -> Iterator[DoubtfulText]:
    """The doubtful ones of the texts, by column, that a fact was made of."""
    for column in kind.moments:
        text = unwrapped(texts.get(column.name) or "")
        if is_without_zone(text, conventions):
            yield DoubtfulText(DoubtName.WITHOUT_ZONE, text[:EXAMPLE_LENGTH_MAX])
    if isinstance(fact, Sim) and fact.mdn == MDN_LEFT_OUT:
        yield DoubtfulText(DoubtName.MDN_LEFT_OUT, (texts["mdn"] or "")[:EXAMPLE_LENGTH_MAX])


def doubts_of_texts(doubtful: Sequence[DoubtfulText]) -> Doubts:
    """Doubtful texts, each of a line of its own, as doubts."""
    if not doubtful:
        return NO_DOUBTS
    by_name = defaultdict[DoubtName, list[str]](list)
    for name, text in doubtful:
        by_name[name].append(text)
    return only({name: doubt_of(len(texts), texts) for name, texts in by_name.items()})


# What a value alone shows


def doubts_of_values(kind: Kind, facts: Facts, now: Moment) -> Doubts:
    """Doubts that the values of each fact show."""
    if isinstance(facts, pl.DataFrame):
        return _in_columns(facts, now)
    return _one_by_one(kind, facts, now)


def _in_columns(facts: pl.DataFrame, now: Moment) -> Doubts:
    by_column = {"imei": facts, "iccid": _with_iccids(facts)}
    by_name = {
        rule.name: _where(by_column[rule.column], rule)
        for rule in RULES
        if rule.column in facts.columns
    }
    if "activated_at" in facts.columns:
        by_name[DoubtName.SWAPPED_COLUMNS] = _swapped_in_columns(facts)
        activated_at = facts["activated_at"]
        by_name[DoubtName.IN_FUTURE] = _examples(activated_at, activated_at > now, _moment_text)
    if "iccid" in facts.columns:
        by_name[DoubtName.ICCID_ROUNDED] = _rounded_in_column(by_column["iccid"]["iccid"])
    return only(by_name)


def _swapped_in_columns(activations: pl.DataFrame) -> Doubt:
    """Activations whose IMSI and IMEI are probably each other's."""
    named_otherwise = activations.filter(pl.col("iccid") < 0)
    if named_otherwise.is_empty():
        return NO_DOUBT
    where = columns.swapped(named_otherwise)
    return _examples(named_otherwise["iccid"], where, _subscriber_text)


def _subscriber_text(subscriber: int) -> str:
    return Subscriber(subscriber).masked


def _rounded_in_column(iccids: pl.Series) -> Doubt:
    """The ICCIDs that a spreadsheet rounded, with how many others stand beside them."""
    in_zeros = columns.ending_in_zeros(iccids)
    if not values.are_rounded(int(in_zeros.sum() or 0), len(iccids)):
        candidates = iccids.filter(in_zeros)
        return _examples(candidates, columns.lacking_check_digits(candidates), Iccid.digits)
    return _examples(iccids, in_zeros, Iccid.digits)


def _with_iccids(facts: pl.DataFrame) -> pl.DataFrame:
    """Those of some facts that name the SIM by its ICCID."""
    named = by_iccid(facts) if "iccid" in facts.columns else facts
    assert isinstance(named, pl.DataFrame)  # noqa: S101 - as it was given
    return named


def _where(facts: pl.DataFrame, rule: Rule) -> Doubt:
    """The facts for which a rule holds; those of values with several members one by one."""
    column = facts[rule.column]
    doubt = _examples(column, rule.where(column), rule.text)
    if rule.column != "imei" or LISTED not in facts.columns or not facts[LISTED].count():
        return doubt
    listed = facts.filter(pl.col(LISTED).is_not_null()).select("imei", LISTED).rows()
    lists = [(Allowed.read(*row),) for row in listed]
    return doubt.and_also(_of_rule(rule, _doubtful_values([(rule, 0)], lists, may_list=True)))


def _examples(column: pl.Series, where: pl.Series, text: Callable[[int], str]) -> Doubt:
    count = int(where.sum() or 0)
    if not count:
        return NO_DOUBT
    first = column.filter(where).unique().bottom_k(EXAMPLES_MAX)
    return doubt_of(count, map(text, first))


def _moment_text(moment: int) -> str:
    return wire(Moment(moment), UTC)


def _one_by_one(kind: Kind, facts: Sequence[Any], now: Moment) -> Doubts:
    names = tuple(kind.fact_columns)
    rules = _rules_of(names)
    doubtful = _doubtful_values(rules, facts, may_list=kind.may_list)
    by_name = {rule.name: _of_rule(rule, doubtful) for rule, _ in rules} if doubtful else {}
    if "activated_at" in names:
        swapped = [
            fact[0] for fact in facts if fact[0] < 0 and values.are_swapped(fact[0], fact[2])
        ]
        if swapped:
            examples = map(_subscriber_text, swapped)
            by_name[DoubtName.SWAPPED_COLUMNS] = doubt_of(len(swapped), examples)
        place = names.index("activated_at")
        late = [fact[place] for fact in facts if values.is_in_future(fact[place], now)]
        if late:
            by_name[DoubtName.IN_FUTURE] = doubt_of(len(late), map(_moment_text, late))
    if "iccid" in names:
        place = names.index("iccid")
        rounded = _rounded_among([fact[place] for fact in facts if fact[place] >= 0])
        if rounded:
            by_name[DoubtName.ICCID_ROUNDED] = doubt_of(len(rounded), map(Iccid.digits, rounded))
    return only(by_name)


def _rounded_among(iccids: Sequence[int]) -> list[int]:
    """The same of ICCIDs that are no column."""
    in_zeros = [iccid for iccid in iccids if values.ends_in_zeros(iccid)]
    if values.are_rounded(len(in_zeros), len(iccids)):
        return in_zeros
    return [iccid for iccid in in_zeros if values.lacks_check_digit(iccid)]


@cache
def _rules_of(columns: tuple[str, ...]) -> list[tuple[Rule, int]]:
    """The rules for facts of these columns, each with the place of its column."""
    return [(rule, columns.index(rule.column)) for rule in RULES if rule.column in columns]


def _doubtful_values(
    rules: Sequence[tuple[Rule, int]], facts: Sequence[tuple[Any, ...]], *, may_list: bool
) -> list[DoubtfulValue]:
    """The values of facts for which rules hold; those that `may_list` are looked at one by one."""
    return [
        DoubtfulValue(rule, line, value)
        for line, fact in enumerate(facts)
        for rule, place in rules
        for value in (_members_of(fact[place]) if may_list else fact[place : place + 1])
        if rule.holds(value)
    ]


def _members_of(value: int) -> Sequence[int]:
    """The IMEIs and TACs of an expectation's value; any other value is its only member."""
    return value.members if isinstance(value, Allowed) else (value,)


def _of_rule(rule: Rule, doubtful: Iterable[DoubtfulValue]) -> Doubt:
    """The lines for which a rule holds; several values of one line count as one."""
    of_rule = [value for value in doubtful if value.rule is rule]
    lines = {value.line for value in of_rule}
    return doubt_of(len(lines), (rule.text(value.value) for value in of_rule))


# What the facts of one key show


def doubts_of_keys(kind: Kind, facts: Facts) -> Doubts:
    """Keys with several values, among facts of which all of one key are at hand."""
    if not kind.told_apart_by:
        return NO_DOUBTS
    if isinstance(facts, pl.DataFrame):
        return only({DoubtName.SEVERAL_VALUES: _several_in_columns(kind, _keyed(kind, facts))})
    return only({DoubtName.SEVERAL_VALUES: _several_one_by_one(kind, facts)})


def _keyed(kind: Kind, facts: pl.DataFrame) -> pl.DataFrame:
    """Facts with the columns of their key; of identities, what they say of each number."""
    if kind.fact is not Identity:
        return facts
    subscribers = {"imsi": Subscriber.IMSI_MAX, "msisdn": Subscriber.MSISDN_MAX}
    statements = (
        facts.filter(pl.col(name).is_not_null()).select(
            (first - 2 * pl.col(name)).alias("subscriber"), "valid_from", "iccid"
        )
        for name, first in subscribers.items()
    )
    return pl.concat(statements)


def _several_in_columns(kind: Kind, facts: pl.DataFrame) -> Doubt:
    key, name = list(kind.told_apart_by), kind.told_apart_by[0]
    again = _repeated(facts.select(key))
    if again.is_empty():
        return NO_DOUBT
    repeated = facts.join(again, on=key, how="semi")
    rest = [each for each in facts.columns if each not in key]
    contradicted = (
        repeated.group_by(key)
        .agg(pl.struct(rest).n_unique().alias("values"), pl.len().alias("lines"))
        .filter(pl.col("values") > 1)
    )
    first = contradicted[name].unique().bottom_k(EXAMPLES_MAX)
    return doubt_of(int(contradicted["lines"].sum()), map(PRINTED_KEYS[name], first))


def _repeated(keys: pl.DataFrame) -> pl.DataFrame:
    """Those of some keys that stand there several times; mostly there is none.

    In order, they stand behind each other: to group all keys takes several times as long.
    """
    in_order = keys.sort(keys.columns)
    is_as_before = pl.all_horizontal(pl.all() == pl.all().shift(1)).fill_null(value=False)
    return in_order.filter(is_as_before).unique()


def _several_one_by_one(kind: Kind, facts: Sequence[Any]) -> Doubt:
    names, keyed = list(kind.fact_columns), facts
    if kind.fact is Identity:
        names = list(Statement._fields)
        keyed = [statement for fact in facts for statement in statements_in(fact)]
    places = [names.index(name) for name in kind.told_apart_by]
    alike = defaultdict[tuple[Any, ...], list[tuple[Any, ...]]](list)
    for fact in keyed:
        alike[tuple(fact[place] for place in places)].append(tuple(fact))
    several = {key: of_key for key, of_key in alike.items() if len(set(of_key)) > 1}
    text = PRINTED_KEYS[kind.told_apart_by[0]]
    return doubt_of(sum(map(len, several.values())), (text(key[0]) for key in several))


# What the store shows


def doubts_of_sims(reader: Reader, kind: Kind, facts: Facts) -> Doubts:
    """Facts of SIMs that are not loaded, and how many a check digit more or less would load."""
    facts = by_iccid(facts) if kind.awaits_sims else ()
    if not len(facts):
        return NO_DOUBTS
    if not isinstance(facts, pl.DataFrame):
        if all_are_loaded(reader, kind, [facts]):
            return NO_DOUBTS
        facts = pl.DataFrame({"iccid": [int(fact[0]) for fact in facts]})
    unloaded = reader.unloaded_in(facts["iccid"].unique().sort())
    if unloaded.is_empty():
        return NO_DOUBTS
    lines = facts["iccid"].filter(facts["iccid"].is_in(unloaded.implode()))
    doubt = doubt_of(len(lines), map(Iccid.digits, unloaded[:EXAMPLES_MAX]))
    if not reader.reaches_all():  # the other numbers may lie on any machine of a cluster
        return Doubts({DoubtName.UNKNOWN_SIMS: doubt}, dict.fromkeys(CHANGES, 0))
    known_with: dict[str, int] = {
        rule: _lines_known_as(reader, lines, checked_iccids(unloaded, rule), unloaded)
        for rule in CHANGES
    }
    return Doubts({DoubtName.UNKNOWN_SIMS: doubt}, known_with)


def _lines_known_as(reader: Reader, lines: pl.Series, others: pl.Series, own: pl.Series) -> int:
    """How many lines name SIMs that are loaded under another number."""
    asked = others.drop_nulls().unique().sort()
    loaded = asked.filter(~asked.is_in(reader.unloaded_in(asked).implode()))
    known = own.filter(others.is_in(loaded.implode()).fill_null(value=False))
    return int(lines.is_in(known.implode()).sum())


def doubts_of_hardware(reader: Reader, kind: Kind, facts: Facts) -> Doubts:
    """Expectations of hardware where another SIM is expected too, by the last of each SIM.

    The other SIM may lie on any machine of a cluster: while one is away, nobody looks for it.
    """
    if not kind.may_list or not len(facts) or not reader.reaches_all():
        return NO_DOUBTS
    rows = facts if isinstance(facts, pl.DataFrame) else _expectations_in(facts)
    of_one = rows.filter(IS_ONE_IMEI).select("iccid", "imei", hardware=IN_HARDWARE)
    shared = _shared_pairs(reader, of_one.select("hardware", "iccid"))
    if shared.is_empty():
        return NO_DOUBTS
    in_shared = _of_hardware(of_one, shared["hardware"])
    sims = shared["iccid"].unique().sort()
    last = _last_values(reader, rows, sims)
    still = _with_several_sims(last.sort("hardware"))
    claims = _of_hardware(last, still)
    lines = in_shared.join(claims, on=["hardware", "iccid"], how="semi")
    first = lines["imei"].unique().bottom_k(EXAMPLES_MAX)
    return only({DoubtName.SHARED_HARDWARE: doubt_of(len(lines), map(Imei.digits, first))})


def _shared_pairs(reader: Reader, pairs: pl.DataFrame) -> pl.DataFrame:
    """The pairs of hardware and SIM, given and in the store, whose hardware several SIMs have.

    Only hardware of the given pairs is meant. Mostly there is none, or little.
    """
    # To sort on several threads takes twice the processor's time.
    hardware = pairs["hardware"].sort(multithreaded=False)
    if hardware.is_empty():
        return pairs
    again = hardware.filter(hardware == hardware.shift(1)).unique()
    within = _with_several_sims(_of_hardware(pairs, again).sort("hardware"))
    claims = reader.claims_on(hardware.unique().sort())
    shared = pl.concat([within, _claimed_besides(pairs, within, claims)])
    return _of_hardware(pl.concat([pairs, claims]), shared)


def _claimed_besides(pairs: pl.DataFrame, within: pl.Series, claims: pl.DataFrame) -> pl.Series:
    """The hardware of pairs in which the store expects another SIM.

    What is shared `within` the pairs is known already. It is left out, because a join of hardware
    with many SIMs on both sides has as many rows as both numbers multiplied.
    """
    if claims.is_empty():
        return within.clear()
    hardware = pl.col("hardware")
    alone = pairs.filter(~hardware.is_in(within.implode())).sort("hardware")
    once = alone.filter((hardware != hardware.shift(1)).fill_null(value=True))
    both = once.join(claims.sort("hardware"), on="hardware", suffix="_in_store")
    return both.filter(pl.col("iccid") != pl.col("iccid_in_store"))["hardware"].unique()


def _with_several_sims(pairs: pl.DataFrame) -> pl.Series:
    """The hardware that comes with different SIMs, of pairs in order of hardware.

    Somewhere among its pairs one SIM follows another.
    """
    hardware, iccid = pl.col("hardware"), pl.col("iccid")
    is_other_sim = (hardware == hardware.shift(1)) & (iccid != iccid.shift(1))
    return pairs.filter(is_other_sim)["hardware"].unique()


def _of_hardware(pairs: pl.DataFrame, hardware: pl.Series) -> pl.DataFrame:
    """The rows of some hardware, mostly few among many."""
    if hardware.is_empty():
        return pairs.clear()
    return pairs.filter(pl.col("hardware").is_in(hardware.implode()))


def _last_values(reader: Reader, rows: pl.DataFrame, sims: pl.Series) -> pl.DataFrame:
    """`hardware` and `iccid` of the last expectation of SIMs, once some rows are taken in."""
    columns = ["iccid", "effective_from", "imei"]
    both = [reader.values_among(sims).select(columns), rows.select(columns)]
    last = (
        pl.concat([each.filter(pl.col("iccid").is_in(sims.implode())) for each in both])
        .sort("effective_from", maintain_order=True)
        .unique("iccid", keep="last", maintain_order=True)
    )
    return last.filter(IS_ONE_IMEI).select("iccid", hardware=IN_HARDWARE)


def _expectations_in(facts: Sequence[Any]) -> pl.DataFrame:
    rows = [(int(iccid), int(since), int(value)) for iccid, since, value in rows_of(facts)]
    schema = ["iccid", "effective_from", "imei"]
    return pl.DataFrame(rows, schema=dict.fromkeys(schema, pl.Int64), orient="row")


def all_are_loaded(reader: Reader, kind: Kind, batches: Sequence[Facts]) -> bool:
    """Whether all SIMs of a few facts are loaded, which is one question for several calls.

    Of many facts it is not asked: their receipts find it out one by one.
    """
    if not kind.awaits_sims or any(isinstance(facts, pl.DataFrame) for facts in batches):
        return False
    iccids = {fact[0] for facts in batches for fact in by_iccid(facts)}
    return len(reader.loaded_sims(iccids)) == len(iccids)


def doubts_of_call(reader: Reader | None, kind: Kind, facts: Facts, now: Moment) -> Doubts:
    """All doubts of facts that came in one call, which are all at hand.

    Without a reader, those that the store shows are left out.
    """
    doubts = doubts_of_facts(kind, facts, now)
    return doubts if reader is None else doubts.and_also(doubts_of_store(reader, kind, facts))


def doubts_of_facts(kind: Kind, facts: Facts, now: Moment) -> Doubts:
    """The doubts that facts show which came together."""
    return doubts_of_values(kind, facts, now).and_also(doubts_of_keys(kind, facts))


def doubts_of_store(
    reader: Reader, kind: Kind, facts: Facts, *, are_loaded: bool = False
) -> Doubts:
    """The doubts of facts that the store shows.

    With `are_loaded` their SIMs are known to be loaded.
    """
    doubts = NO_DOUBTS if are_loaded else doubts_of_sims(reader, kind, facts)
    return doubts.and_also(doubts_of_hardware(reader, kind, facts))
