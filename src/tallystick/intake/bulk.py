"""A file of facts into the store.

Checked in blocks, applied in slices, each one short transaction.
"""

from __future__ import annotations

import hashlib
import os
import time
from contextlib import nullcontext
from itertools import chain, repeat
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import msgspec
import polars as pl

from tallystick.core.errors import ChangeSetDecided, TooManyDoubts, TooManyRejects
from tallystick.core.identifiers import printable
from tallystick.core.ledger import BEFORE_THE_LEDGER
from tallystick.intake.checking import check_source
from tallystick.intake.doubt_kinds import NO_DOUBTS
from tallystick.intake.doubts import doubts_of_hardware, doubts_of_keys, doubts_of_sims
from tallystick.intake.kinds import Kind, KindName, kind_of, shortlisted_batch
from tallystick.intake.lanes import (
    CONNECTIONS_MAX,
    Slice,
    batch_of_lane,
    digest_of_lane,
    facts_of_lanes,
    take_side_by_side,
)
from tallystick.intake.mappings import ANY
from tallystick.intake.options import ImportOptions
from tallystick.intake.prefetch import Prefetch
from tallystick.intake.progress import NOBODY, Listeners, Work
from tallystick.intake.receipt import Receipt, Reject
from tallystick.intake.sims_changed import sims_changed_by
from tallystick.intake.sorting import stretches
from tallystick.intake.sources import file_of, is_read_once, open_source, to_be_read_again
from tallystick.store import LEDGERED_KINDS, ImportProgress, Lane, Touched, by_subscriber
from tallystick.store.acting import add_details
from tallystick.tracing import span

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tallystick.core.ledger import Origin
    from tallystick.core.moments import Moment
    from tallystick.intake.doubt_kinds import Doubts
    from tallystick.intake.lanes import Round, Slices
    from tallystick.intake.sources import Source
    from tallystick.store import Batch, Reader, Store, Writer

# Sorted together before they are applied: bounds memory, and each page is touched once.
BATCH_FACTS = 16_000_000
# A batch ends earlier where its facts take so much memory, as long names do.
BATCH_BYTES_MAX = 1 << 30
# Applied before it is asked whether somebody waits: live intake and other writers go first.
SLICE_FACTS = 32_768
SLICE_FACTS_OF_CLUSTER = 4 * SLICE_FACTS  # each statement about a slice costs something a shard
# In one transaction while nobody waits: each commit writes whole pages.
TRANSACTION_FACTS_MAX = 32 * SLICE_FACTS
# Sorted at once; the first of them are applied while the next are sorted.
STRETCH_FACTS = 32 * SLICE_FACTS
SLICES_AHEAD = 16  # ready before they are applied
ROUNDS_AHEAD = 2  # the same of rounds with a slice for each lane
SOURCE = "import"
"""What the ledger calls a file."""


class ReadBatch(NamedTuple):
    """Facts to be sorted together, in parts that are in order, and the doubts of their values."""

    parts: list[pl.DataFrame]
    doubts: Doubts


DEFAULT_OPTIONS = ImportOptions()


def import_file(
    store: Store,
    kind_name: KindName,
    path: str,
    *,
    options: ImportOptions = DEFAULT_OPTIONS,
    listeners: Listeners = NOBODY,
) -> Receipt:
    """Take one file of facts in; give what became of its lines.

    Bad lines are told to `listeners`, who may hear of progress from another thread, and never stop
    the good ones, unless there are more than the options allow. A file that was begun and not
    finished, by a crash or an interrupt, goes on behind the last slice that was committed. A file
    of expectations is one change set, and `options.origin` tells who brought it, when and what for.
    Raises `FileRefused` where the file as a whole cannot be read, `TooManyRejects` or
    `TooManyDoubts` before its first line is applied, and `ApprovalRequired` where an account asks
    for approval that the operator did not bring the file to.
    """
    kind = kind_of(kind_name, options.mapping.account)
    started = time.perf_counter()
    work = Work(listeners.on_progress, passes=2 if options.is_limited else 1)
    with (
        span("import", kind=kind.name) as traced,
        to_be_read_again(path) if options.is_limited else nullcontext() as spooled,
    ):
        if options.is_limited:
            with open_source(path, kind, spooled, options.mapping) as source:
                listeners.on_columns(source.columns)
                check_whole(store, source, kind, options, work, listeners.on_reject)
            work.begin_again()
            listeners = NOBODY  # all is told
        with open_source(path, kind, spooled, options.mapping) as source:
            listeners.on_columns(source.columns)
            digest = _digest(path, kind, options)
            origin = origin_of(path, kind, options.origin)
            lanes = _lanes_of(store, kind, digest, options.connections)
            file = _File(store, kind, digest, options.now, origin, lanes)
            file.receipt.notes = source.notes
            _take_in(source, file, work, listeners.on_reject)
        if traced is not None:
            traced.say(**_counts(file.receipt))
    file.receipt.seconds = time.perf_counter() - started
    tell_audit(kind, origin, file.receipt)
    return file.receipt


def tell_audit(kind: Kind, origin: Origin, receipt: Receipt) -> None:
    """Say of the act that an import is part of which file it was, and what became of its lines."""
    add_details(
        {
            "kind": kind.name,
            "file": origin.detail,
            "propose": receipt.is_proposed,
            **_counts(receipt),
        }
    )


def _counts(receipt: Receipt) -> dict[str, int]:
    return {name: getattr(receipt, name) for name in ("read", "accepted", "rejected")}


def check_whole(
    store: Store,
    source: Source,
    kind: Kind,
    options: ImportOptions,
    work: Work,
    on_reject: Callable[[Reject], None],
) -> None:
    """Read a file to its end, without a fact taken in.

    Raises `TooManyRejects` or `TooManyDoubts`.
    """
    receipt = Receipt()
    reject = reject_to(receipt, on_reject)
    for batch in read_batches(source, kind, work, reject, options.now):
        receipt.accepted += sum(map(len, batch.parts))
        receipt.doubts = receipt.doubts.and_also(batch.doubts)
        if options.max_doubts:
            doubts = whole_doubts(store, kind, batch.parts)
            receipt.doubts = receipt.doubts.and_also(doubts)
    refuse_too_many(source.name, options, receipt)


def refuse_too_many(name: str, options: ImportOptions, receipt: Receipt) -> None:
    """Hold a file, read whole, to the limits of its bad lines and its doubts.

    Raises `TooManyRejects` or `TooManyDoubts`.
    """
    limit, doubts_limit, doubts = options.max_rejects, options.max_doubts, receipt.doubts
    if limit and limit.is_passed(receipt.rejected, receipt.read):
        first = receipt.rejects[0]
        message = (
            f"{name}: nothing was taken in: {receipt.rejected:,} of {receipt.read:,} lines are "
            f"bad, more than --max-rejects {limit.text}; correct them (--rejects FILE writes them "
            f"all down), or allow more. The first is line {first.line}: {first.reason}"
        )
        raise TooManyRejects(message)
    if doubts_limit and doubts_limit.is_passed(doubts.in_all, receipt.read):
        message = (
            f"{name}: nothing was taken in: there are {doubts.in_all:,} doubts about "
            f"{receipt.read:,} lines, more than --max-doubts {doubts_limit.text}; correct the "
            f"file, or allow more. {'. '.join(doubts.sentences())}"
        )
        raise TooManyDoubts(message)


def whole_doubts(store: Store, kind: Kind, parts: Sequence[pl.DataFrame]) -> Doubts:
    """The doubts of a batch that more than single values show."""
    doubts = _hardware_doubts(store, kind, parts)
    for stretch in stretches(parts, kind.key, STRETCH_FACTS):
        doubts = doubts.and_also(_stretch_doubts(store, kind, stretch))
    return doubts


def _stretch_doubts(store: Store, kind: Kind, stretch: pl.DataFrame) -> Doubts:
    """The doubts of a stretch that the lines of one key show, and the SIMs in the store."""
    doubts = doubts_of_keys(kind, stretch)
    if not kind.awaits_sims:
        return doubts
    with store.snapshot() as reader:
        return doubts.and_also(doubts_of_sims(reader, kind, stretch))


def _hardware_doubts(store: Store, kind: Kind, parts: Sequence[pl.DataFrame]) -> Doubts:
    if not kind.may_list:
        return NO_DOUBTS
    with store.snapshot() as reader:
        return doubts_of_hardware(reader, kind, pl.concat(parts))


def _take_in(source: Source, file: _File, work: Work, on_reject: Callable[[Reject], None]) -> None:
    """Read a file and apply it, both at once where it is large."""
    reject = reject_to(file.receipt, on_reject)
    with Prefetch(read_batches(source, file.kind, work, reject, file.now)) as batches:
        rounds = file.rounds(batches)
        if len(file.lanes) > 1:
            with Prefetch(rounds, ROUNDS_AHEAD) as ready:
                take_side_by_side(file.lanes, ready, work.taken)
        else:
            in_order = (part for (parts,) in rounds for part in parts)
            with Prefetch(in_order, SLICES_AHEAD) as slices:
                for taken in file.lanes[0].take_all(slices):
                    work.taken(taken)
    file.finish()
    work.done()


def _digest(path: str, kind: Kind, options: ImportOptions) -> bytes | None:
    """What tells one file from another: which one it is, and how it is read.

    What is read once is never the same.
    """
    if is_read_once(path):
        return None
    identity = f"{kind.name}\n{options.content or _place_and_state(path)}"
    if options.mapping != ANY:
        identity += f"\n{msgspec.json.encode(options.mapping, order='deterministic').decode()}"
    return hashlib.sha256(os.fsencode(identity)).digest()


def _place_and_state(path: str) -> str:
    """Where a file is, its size and its time of change."""
    state = file_of(path).stat()
    return f"{Path(path).resolve()}\n{state.st_size}\n{state.st_mtime_ns}"


def origin_of(path: str, kind: Kind, origin: Origin) -> Origin:
    """The origin of a file.

    Its name, which the origin may give already, and the digest of what is in it where that can be
    read more than once.
    """
    if not kind.is_ledgered:
        return origin._replace(source=SOURCE, detail=printable(Path(path).name))
    if is_read_once(path):
        return origin._replace(source=SOURCE, detail=printable(path))
    name = origin.detail or printable(path)
    with file_of(path).open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return origin._replace(source=SOURCE, detail=f"{name} sha256:{digest}")


def reject_to(receipt: Receipt, on_reject: Callable[[Reject], None]) -> Callable[[Reject], None]:
    """What counts a reject, and hands it on."""

    def take(reject: Reject) -> None:
        receipt.reject(reject)
        on_reject(reject)

    return take


def read_batches(
    source: Source, kind: Kind, work: Work, reject: Callable[[Reject], None], now: Moment
) -> Iterator[ReadBatch]:
    """Facts in batches, each in parts that are in order of SIM."""
    waiting, doubts = list[pl.DataFrame](), NO_DOUBTS
    for checked in check_source(source, kind, now):
        for refused in checked.rejects:
            reject(refused)
        waiting.append(checked.facts)
        doubts = doubts.and_also(checked.doubts)
        work.read(source.read_share(), len(checked.facts))
        if _is_full(waiting):
            yield ReadBatch(waiting, doubts)
            waiting, doubts = [], NO_DOUBTS
    if waiting:
        yield ReadBatch(waiting, doubts)


def _is_full(parts: Sequence[pl.DataFrame]) -> bool:
    """Whether no more facts are to be sorted together with these."""
    facts = sum(map(len, parts))
    facts_bytes = sum(part.estimated_size() for part in parts)
    return facts >= BATCH_FACTS or facts_bytes >= BATCH_BYTES_MAX


def _lanes_of(store: Store, kind: Kind, digest: bytes | None, connections: int) -> int:
    """In how many lanes a file is taken in: as many as were begun, or one for each connection."""
    if not kind.is_shortlisted or not store.takes_side_by_side():
        return 1
    if digest is None:
        return connections
    with store.snapshot() as reader:
        for lanes in range(1, CONNECTIONS_MAX + 1):
            each = [digest_of_lane(digest, Lane(number, lanes)) for number in range(lanes)]
            if any(map(reader.import_progress, each)):
                return lanes
    return connections


class _File:
    """A file's way into the store, in one lane or several."""

    def __init__(
        self,
        store: Store,
        kind: Kind,
        digest: bytes | None,
        now: Moment,
        origin: Origin,
        lanes: int,
    ) -> None:
        self.kind = kind
        self.now = now
        self._store = store
        self._is_by_sim = kind.is_shortlisted and store.takes_side_by_side()
        self._slice_facts = SLICE_FACTS_OF_CLUSTER if store.is_spread() else SLICE_FACTS
        self.receipt = Receipt()
        self.lanes = [
            _Taking(store, kind, digest, origin, Lane(number, lanes)) for number in range(lanes)
        ]

    def rounds(self, batches: Iterator[ReadBatch]) -> Iterator[Round]:
        """The facts of each batch, in order of SIM and then of their lines, shortlisted.

        The first round of each stretch has the doubts of the whole of it.
        """
        for batch in batches:
            doubts = batch.doubts.and_also(_hardware_doubts(self._store, self.kind, batch.parts))
            for stretch in stretches(batch.parts, self.kind.key, STRETCH_FACTS):
                doubts = doubts.and_also(_stretch_doubts(self._store, self.kind, stretch))
                for facts in stretch.iter_slices(self._slice_facts * len(self.lanes)):
                    yield self._round(facts, doubts)
                    doubts = NO_DOUBTS

    def _round(self, facts: pl.DataFrame, doubts: Doubts) -> Round:
        """Facts behind those that an import which was cut off has taken, by lane."""
        of_lanes = facts_of_lanes(facts, len(self.lanes)) if self._is_by_sim else [[facts]]
        left = [
            [lane.left_of(part) for part in parts]
            for lane, parts in zip(self.lanes, of_lanes, strict=True)
        ]
        whole = pl.concat([part for parts in left for part, _ in parts])
        batch = shortlisted_batch(self._store, self.kind, whole)
        coming = chain([doubts], repeat(NO_DOUBTS))
        return [
            [self._slice(lane, batch, part, end, next(coming)) for part, end in parts]
            for lane, parts in zip(self.lanes, left, strict=True)
        ]

    def _slice(
        self, lane: _Taking, whole: Batch, facts: pl.DataFrame, end: int, doubts: Doubts
    ) -> Slice:
        sims = sims_changed_by(self._store, self.kind, facts)
        if not self._is_by_sim or by_subscriber(facts[:1]):
            return Slice(whole._replace(facts=facts), doubts, end, sims=sims)
        touched = Touched(lane.lane) if sims is None else Touched(sims, lane.keys)
        return Slice(batch_of_lane(facts, lane.lane, whole), doubts, end, touched, sims)

    def finish(self) -> None:
        """The file has been taken in whole."""
        for lane in self.lanes:
            self.receipt.add(lane.receipt)
        if any(lane.has_notes for lane in self.lanes):
            with self._store.transaction() as writer:
                for lane in self.lanes:
                    self.receipt.change_set_id = lane.end(writer)


class _Taking:
    """One lane's way into the store, slice by slice."""

    def __init__(
        self, store: Store, kind: Kind, digest: bytes | None, origin: Origin, lane: Lane
    ) -> None:
        self.lane = lane
        self._kind = kind
        self._store = store
        self._digest = digest_of_lane(digest, lane) if digest else None
        self._origin = origin
        self._looked = self._seen = 0
        begun = self._begun() or ImportProgress(0, 0, 0, BEFORE_THE_LEDGER)
        self._taken, self._change_set_id = begun.facts_taken, begun.change_set_id
        self.receipt = Receipt(accepted=begun.accepted, duplicate=begun.duplicate)

    def _begun(self) -> ImportProgress | None:
        """How far the lane has come; not at all, if what it had brought was undone since."""
        with self._store.snapshot() as reader:
            begun = reader.import_progress(self._digest) if self._digest else None
            if begun and begun.change_set_id and not _is_open(reader, begun.change_set_id):
                return None
        return begun

    def left_of(self, facts: pl.DataFrame) -> tuple[pl.DataFrame, int]:
        """The next facts of the lane without those that are taken, and which fact they end with."""
        begun = max(self._taken - self._looked, 0)
        self._looked += len(facts)
        return facts[begun:], self._looked

    def take_all(self, slices: Slices) -> Iterator[int]:
        """Take slices in.

        After each transaction, give how many facts of the lane are in the store.
        """
        part = next(slices, None)
        while part is not None:
            accounts_made: list[str] = []
            with self._store.transaction(touched=part.touched, sims=part.sims) as writer:
                other = self._take_some(writer, part, slices, accounts_made)
            self.receipt.accounts_made += accounts_made
            yield self._seen
            part = other or next(slices, None)

    def _take_some(
        self, writer: Writer, part: Slice, slices: Slices, accounts_made: list[str]
    ) -> Slice | None:
        """Take in a slice, and those after it for as long as nobody has to wait for that.

        Give the one behind if it touches something else.
        """
        end = self._seen + TRANSACTION_FACTS_MAX
        following: Slice | None = part
        while following is not None and following.concerns == part.concerns:
            accounts_made += self._take(writer, following)
            go_on = self._seen < end and slices.is_ready() and not self._store.is_awaited()
            following = next(slices, None) if go_on else None
        if self._digest and self._seen > self._taken:
            receipt = self.receipt
            progress = ImportProgress(
                self._seen, receipt.accepted, receipt.duplicate, self._change_set_id
            )
            writer.note_import_progress(self._digest, progress)
        return following

    def _take(self, writer: Writer, part: Slice) -> tuple[str, ...]:
        self._seen = part.end
        self.receipt.doubts = self.receipt.doubts.and_also(part.doubts)
        if len(part.batch.facts) == 0:
            return ()
        if self._kind.is_ledgered:
            facts = part.batch.facts
            taken = writer.take_ledgered(
                self._kind.fact,
                facts,
                self._change_set(writer),
                is_by_one_hand=not self._origin.is_operators,
            )
        else:
            taken = writer.take(self._kind.fact, *part.batch._replace(origin=self._origin))
        if self._kind.is_shortlisted:
            self.receipt.unattributed += writer.count_unattributed(part.batch.facts)
        self.receipt.accepted += taken.accepted
        self.receipt.duplicate += taken.duplicate
        return taken.accounts_made

    def _change_set(self, writer: Writer) -> int:
        """The file's change set, begun with its first facts.

        Raises `ChangeSetDecided` if it was undone meanwhile.
        """
        if not self._change_set_id:
            kind = LEDGERED_KINDS[self._kind.fact]
            self._change_set_id = writer.begin_change_set(self._origin, kind=kind)
        elif not _is_open(writer, self._change_set_id):
            message = (
                f"change set {self._change_set_id} was undone while its file was still being "
                "taken in"
            )
            raise ChangeSetDecided(message)
        return self._change_set_id

    @property
    def keys(self) -> frozenset[bytes]:
        """What the note of how far the lane has come is found by, if there is one."""
        return frozenset() if self._digest is None else frozenset({self._digest})

    @property
    def has_notes(self) -> bool:
        """Whether the store has noted how far the lane has come, or its change set."""
        return bool(self._digest or self._change_set_id)

    def end(self, writer: Writer) -> int:
        """The lane has been taken in whole; give its change set, 0 where it changed nothing."""
        if self._digest:
            writer.forget_import(self._digest)
        if not (self._change_set_id and _is_open(writer, self._change_set_id)):
            return 0
        writer.end_change_set(self._change_set_id, self._origin.at)
        return self._change_set_id if writer.change_set(self._change_set_id) else 0


def _is_open(reader: Reader, change_set_id: int) -> bool:
    change_set = reader.change_set(change_set_id)
    return change_set is not None and change_set.state == "applying"
