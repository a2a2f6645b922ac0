"""A file of facts into the store: checked in blocks, applied in slices, each one short transaction."""

from __future__ import annotations

import hashlib
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import polars as pl

from tallystick.intake.ahead import ahead
from tallystick.intake.checking import check
from tallystick.intake.kinds import KINDS, Kind, KindName
from tallystick.intake.receipt import Receipt, Reject
from tallystick.intake.sources import STANDARD_INPUT, open_source

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tallystick.intake.sources import Source
    from tallystick.store import Store

BATCH_FACTS = 16_000_000  # sorted together before they are applied: bounds memory, and each page is touched once
SLICE_FACTS = 65_536  # one transaction: short enough that live intake and other writers are not kept waiting


class Progress(NamedTuple):
    """How far a file has come: bytes read of how many (None: not known), and facts taken."""

    bytes_read: int
    bytes_in_all: int | None
    facts: int


def _nothing(_: object) -> None:
    """Report to nobody."""


def import_file(
    store: Store,
    kind_name: KindName,
    path: str,
    *,
    on_progress: Callable[[Progress], None] = _nothing,
    on_columns: Callable[[tuple[str, ...]], None] = _nothing,
    on_reject: Callable[[Reject], None] = _nothing,
) -> Receipt:
    """Take one file of facts in; give what became of its lines.

    Bad lines are handed to `on_reject` and never stop the good ones. A file that was begun and not finished,
    by a crash or an interrupt, goes on behind the last slice that was committed. Raises `FileRefused` where
    the file as a whole cannot be read.
    """
    kind = KINDS[kind_name]
    started = time.perf_counter()
    with open_source(path, kind) as source:
        on_columns(source.columns)
        taking = _Taking(store, kind, _digest(path, kind))
        for facts in ahead(_batches(source, kind, _reject_to(taking.receipt, on_reject))):
            for taken in taking.take(facts):
                on_progress(Progress(source.read_bytes(), source.size_bytes, taken))
    taking.finish()
    taking.receipt.seconds = time.perf_counter() - started
    return taking.receipt


def _digest(path: str, kind: Kind) -> bytes | None:
    """What tells one file from another: its place, size and time of change. Standard input is never the same."""
    if path == STANDARD_INPUT:
        return None
    state = Path(path).stat()
    identity = f"{kind.name}\n{Path(path).resolve()}\n{state.st_size}\n{state.st_mtime_ns}"
    return hashlib.sha256(identity.encode()).digest()


def _reject_to(receipt: Receipt, on_reject: Callable[[Reject], None]) -> Callable[[Reject], None]:
    def take(reject: Reject) -> None:
        receipt.reject(reject)
        on_reject(reject)

    return take


def _batches(source: Source, kind: Kind, reject: Callable[[Reject], None]) -> Iterator[pl.DataFrame]:
    """Facts in batches, each sorted by SIM; facts of one SIM stay in the order of their lines."""
    waiting: list[pl.DataFrame] = []
    for block in source.blocks:
        checked = check(block, kind)
        for refused in checked.rejects:
            reject(refused)
        waiting.append(checked.facts)
        if sum(map(len, waiting)) >= BATCH_FACTS:
            yield pl.concat(waiting).sort("iccid", maintain_order=True)
            waiting = []
    if waiting:
        yield pl.concat(waiting).sort("iccid", maintain_order=True)


class _Taking:
    """One file's way into the store, slice by slice."""

    def __init__(self, store: Store, kind: Kind, digest: bytes | None) -> None:
        self._store = store
        self._kind = kind
        self._digest = digest
        self._seen = 0
        with store.snapshot() as reader:
            begun = reader.import_progress(digest) if digest else None
        self._taken, accepted, duplicate = begun or (0, 0, 0)
        self.receipt = Receipt(accepted=accepted, duplicate=duplicate)

    def take(self, facts: pl.DataFrame) -> Iterator[int]:
        """Take a batch in; after each slice, give how many facts of the file are in the store."""
        for part in facts.iter_slices(SLICE_FACTS):
            begun = self._taken - self._seen  # a program of another slice may have taken a part of this one
            self._seen += len(part)
            if self._seen > self._taken:
                self._take_slice(part.slice(max(begun, 0)))
            yield self._seen

    def _take_slice(self, part: pl.DataFrame) -> None:
        receipt = self.receipt
        with self._store.transaction() as writer:
            taken = writer.take(self._kind.fact, part)
            receipt.accepted += taken.accepted
            receipt.duplicate += taken.duplicate
            if self._digest:
                writer.note_import_progress(self._digest, self._seen, receipt.accepted, receipt.duplicate)
        receipt.accounts_made.extend(taken.accounts_made)

    def finish(self) -> None:
        """The file has been taken in whole."""
        if self._digest:
            with self._store.transaction() as writer:
                writer.forget_import(self._digest)
