"""Expectations and identities that are not applied at once: tried dry, or kept as a proposal."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import polars as pl

from tallystick.core.errors import FileRefused
from tallystick.core.identifiers import Iccid, Imei
from tallystick.core.moments import LAST, Moment, wire
from tallystick.intake.bulk import (
    DEFAULT_OPTIONS,
    SLICE_FACTS,
    STRETCH_FACTS,
    import_file,
    origin_of,
    read_batches,
    refuse_too_many,
    reject_to,
    tell_audit,
    whole_doubts,
)
from tallystick.intake.doubts import doubts_of_call
from tallystick.intake.kinds import KINDS
from tallystick.intake.progress import NOBODY, Work, tell_nobody
from tallystick.intake.receipt import Receipt
from tallystick.intake.sorting import stretches
from tallystick.intake.sources import open_source

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator
    from datetime import tzinfo

    from tallystick.core.ledger import Origin
    from tallystick.intake.items import CheckedItems
    from tallystick.intake.kinds import Kind, KindName
    from tallystick.intake.options import ImportOptions
    from tallystick.intake.progress import Listeners
    from tallystick.store import Facts, KeptRow, Store, Tried

EXPECTATIONS = KINDS["expectations"]
PROPOSED_FACTS_MAX = 200_000  # of one file: a proposal is kept in one transaction


@dataclass
class Trial:
    """What facts would do: the receipt that they would get, and the rows that would come and go."""

    receipt: Receipt = field(default_factory=Receipt)
    added: int = 0
    corrected: int = 0
    opened: list[KeptRow] = field(default_factory=list)
    closed: list[KeptRow] = field(default_factory=list)

    def add(self, tried: Tried, facts: int, generations: Collection[str]) -> None:
        """Count what facts would do, with the rows that reports of these generations list."""
        self.added += tried.added
        self.corrected += tried.corrected
        self.receipt.accepted += tried.added + tried.corrected
        self.receipt.duplicate += facts - tried.added - tried.corrected
        self.opened += [row for row in tried.opened if row.generation in generations]
        self.closed += [row for row in tried.closed if row.generation in generations]

    def described(self, zone: tzinfo, place: str = "line") -> dict[str, Any]:
        """The trial for programs: the receipt, what would be added and corrected, and the rows."""
        return self.receipt.described(place) | {
            "added": self.added,
            "corrected": self.corrected,
            "opens": [described_row(row, zone) for row in self.opened],
            "closes": [described_row(row, zone) for row in self.closed],
        }


def described_row(row: KeptRow, zone: tzinfo) -> dict[str, str]:
    """A row of the report for programs."""
    return {
        "account": row.account,
        "iccid": str(Iccid(row.iccid)),
        "pre_imei": "" if row.pre_imei is None else str(Imei(row.pre_imei)),
        "post_imei": str(Imei(row.post_imei)),
        "activated_at": wire(Moment(row.activated_at), zone),
    }


def try_facts(store: Store, kind: Kind, items: CheckedItems, generations: Collection[str]) -> Trial:
    """What some checked expectations or identities would do."""
    started = time.perf_counter()
    facts, rejects, doubts = items
    trial = Trial(Receipt(rejected=len(rejects), rejects=list(rejects)))
    with store.transaction() as writer:
        trial.add(writer.try_ledgered(kind.fact, facts), len(facts), generations)
        trial.receipt.doubts = doubts.and_also(doubts_of_call(writer, kind, facts, LAST))
    trial.receipt.seconds = time.perf_counter() - started
    return trial


def try_file(
    store: Store,
    path: str,
    generations: Collection[str],
    options: ImportOptions = DEFAULT_OPTIONS,
    listeners: Listeners = NOBODY,
) -> Trial:
    """What a file of expectations would do, slice by slice, each undone before the next.

    Nothing of it stays. A slice holds whole SIMs, so that what it opens and closes is what the file
    would. Raises `FileRefused`.
    """
    started, trial = time.perf_counter(), Trial()
    work = Work(listeners.on_progress, passes=1)
    batches = _batches(store, EXPECTATIONS, path, options, trial.receipt, work, listeners)
    for facts in _slices_of_whole_sims(batches):
        with store.transaction() as writer:
            trial.add(writer.try_expectations(facts), len(facts), generations)
        work.taken(trial.receipt.accepted + trial.receipt.duplicate)
    refuse_too_many(path, options, trial.receipt)
    trial.receipt.seconds = time.perf_counter() - started
    return trial


def try_identities_file(
    store: Store,
    path: str,
    generations: Collection[str],
    options: ImportOptions = DEFAULT_OPTIONS,
    listeners: Listeners = NOBODY,
) -> Trial:
    """What a file of identities would do, tried as one: its lines may concern the same SIMs.

    Raises `FileRefused`, also where it has more lines than one transaction should.
    """
    started, receipt, kind = time.perf_counter(), Receipt(), KINDS["identities"]
    facts = _all_facts(store, kind, path, options, receipt, listeners)
    if len(facts) > PROPOSED_FACTS_MAX:
        message = (
            f"{path}: a dry run may have {PROPOSED_FACTS_MAX:,} lines of {kind.name}, not "
            f"{len(facts):,}; try it in several files"
        )
        raise FileRefused(message)
    receipt.accepted, trial = 0, Trial(receipt)
    with store.transaction() as writer:
        trial.add(writer.try_ledgered(kind.fact, facts), len(facts), generations)
    trial.receipt.seconds = time.perf_counter() - started
    return trial


def _batches(
    store: Store,
    kind: Kind,
    path: str,
    options: ImportOptions,
    receipt: Receipt,
    work: Work,
    listeners: Listeners,
) -> Iterator[list[pl.DataFrame]]:
    """The good lines of a file, batch by batch; the receipt tells of all others, and of doubts."""
    with open_source(path, kind, mapping=options.mapping) as source:
        listeners.on_columns(source.columns)
        receipt.notes = source.notes
        reject = reject_to(receipt, listeners.on_reject)
        for batch in read_batches(source, kind, work, reject, options.now):
            doubts = batch.doubts.and_also(whole_doubts(store, kind, batch.parts))
            receipt.doubts = receipt.doubts.and_also(doubts)
            yield batch.parts


def _all_facts(
    store: Store,
    kind: Kind,
    path: str,
    options: ImportOptions,
    receipt: Receipt,
    listeners: Listeners,
) -> pl.DataFrame:
    """The good lines of a whole file, which the receipt counts as accepted.

    Raises `FileRefused`, also where it has more rejects or doubts than it may have.
    """
    work = Work(listeners.on_progress, passes=1)
    batches = _batches(store, kind, path, options, receipt, work, listeners)
    parts = [part for batch in batches for part in batch]
    facts = pl.concat(parts) if parts else pl.DataFrame(schema=kind.fact_columns)
    receipt.accepted = len(facts)
    refuse_too_many(path, options, receipt)
    return facts


def _slices_of_whole_sims(batches: Iterable[list[pl.DataFrame]]) -> Iterator[pl.DataFrame]:
    """Facts in order of SIM, slice by slice, those of one SIM of a batch in the same."""
    for parts in batches:
        for stretch in stretches(parts, EXPECTATIONS.key, STRETCH_FACTS):
            yield from _whole_sims(stretch)


def _whole_sims(stretch: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """Facts in order of SIM in parts of about a slice, those of one SIM in the same."""
    start = 0
    while start < len(stretch):
        last = stretch["iccid"][min(start + SLICE_FACTS, len(stretch)) - 1]
        end = int(stretch["iccid"].search_sorted(last, side="right"))
        yield stretch[start:end]
        start = end


def propose_file(
    store: Store,
    path: str,
    options: ImportOptions = DEFAULT_OPTIONS,
    listeners: Listeners = NOBODY,
) -> tuple[int | None, Receipt]:
    """Keep the good lines of a file of expectations as a proposal.

    Give its number, None where there was none. Raises `FileRefused`, also where it has more lines
    than a proposal may.
    """
    started, receipt = time.perf_counter(), Receipt()
    facts = _all_facts(store, EXPECTATIONS, path, options, receipt, listeners)
    if len(facts) > PROPOSED_FACTS_MAX:
        message = (
            f"{path}: a proposal may have {PROPOSED_FACTS_MAX:,} lines, not {len(facts):,}; "
            "propose it in several files"
        )
        raise FileRefused(message)
    number = (
        propose_facts(store, facts, origin_of(path, EXPECTATIONS, options.origin))
        if len(facts)
        else None
    )
    receipt.seconds = time.perf_counter() - started
    return number, receipt


def take_file_in(
    store: Store,
    kind_name: KindName,
    path: str,
    options: ImportOptions,
    listeners: Listeners,
) -> Receipt:
    """Take one file of facts in, as `import_file` does, or keep it whole as a proposal.

    It is proposed where it would change what is expected of a SIM whose account asks for approval,
    unless the operator has brought it. Raises what `import_file` and `propose_file` do.
    """
    may_ask = kind_name == EXPECTATIONS.name and not options.origin.is_operators
    is_proposed = may_ask and _needs_approval(store, path, options)
    if not is_proposed:
        return import_file(store, kind_name, path, options=options, listeners=listeners)
    number, receipt = propose_file(store, path, options, listeners)
    receipt.change_set_id, receipt.is_proposed = number or 0, True
    tell_audit(EXPECTATIONS, options.origin, receipt)
    return receipt


def _needs_approval(store: Store, path: str, options: ImportOptions) -> bool:
    """Whether a line of a file would change what an account asks approval of.

    The file is read for that once more, and only where an account asks for approval at all.
    """
    with store.snapshot() as reader:
        if not reader.asking_accounts():
            return False
    work = Work(tell_nobody, passes=1)
    with open_source(path, EXPECTATIONS, mapping=options.mapping) as source:
        batches = read_batches(source, EXPECTATIONS, work, tell_nobody, options.now)
        return any(_asks(store, part) for batch in batches for part in batch.parts)


def _asks(store: Store, expectations: pl.DataFrame) -> bool:
    with store.snapshot() as reader:
        return bool(reader.asking_for(expectations))


def propose_facts(store: Store, facts: Facts, origin: Origin) -> int:
    """Keep checked expectations as a proposal; give its number."""
    with store.transaction() as writer:
        number = writer.begin_change_set(origin, "proposed")
        writer.propose(number, facts)
    return number
