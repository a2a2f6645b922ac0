"""`tallystick import`."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import NamedTuple

import typer

from tallystick.cli.command import EXIT_SOME_REJECTED
from tallystick.cli.files_bar import FilesBar, files_bar
from tallystick.cli.import_options import (
    AccountOfAll,
    CheckDigits,
    Columns,
    Connections,
    DryRun,
    Files,
    KindArgument,
    Map,
    MaxDoubts,
    MaxRejects,
    PreviewOnly,
    Propose,
    RejectsFile,
    Sheet,
    TimeFormats,
    Zone,
    connections_asked,
    expanded,
    is_there,
    limited,
    mapping_asked,
    refuse_unmatched,
    require_ledgered,
)
from tallystick.cli.import_output import Done, print_end, print_file, print_previews
from tallystick.cli.ledger import Actor, Reason, Ticket, origin_of, trial_lines
from tallystick.cli.output import AsJson, private, say
from tallystick.cli.stores import current_settings, store_of
from tallystick.clock import system_clock
from tallystick.core.errors import FileRefused
from tallystick.core.identifiers import printable
from tallystick.intake import (
    ImportOptions,
    KindName,
    ListedImport,
    Listeners,
    Mapping,
    Preview,
    Receipt,
    Reject,
    RejectLines,
    preview_file,
    propose_file,
    try_file,
    try_identities_file,
)
from tallystick.settings import Settings
from tallystick.store import Store
from tallystick.tracing import traced

EXIT_NOTHING_DONE = 1


def import_(
    kind: KindArgument,
    files: Files,
    rejects: RejectsFile = None,
    max_rejects: MaxRejects = None,
    max_doubts: MaxDoubts = None,
    dry_run: DryRun = False,
    propose: Propose = False,
    ticket: Ticket = "",
    reason: Reason = "",
    actor: Actor = None,
    map_name: Map = None,
    columns: Columns = None,
    zone: Zone = None,
    time_formats: TimeFormats = None,
    sheet: Sheet = None,
    check_digit: CheckDigits = None,
    account: AccountOfAll = None,
    preview: PreviewOnly = False,
    connections: Connections = None,
    as_json: AsJson = False,
) -> None:
    """Take facts in from files. Exit status: 0 all taken, 3 some lines rejected, 1 nothing done."""
    require_ledgered(
        kind, dry_run=dry_run, propose=propose, has_origin=bool(ticket or reason or actor)
    )
    mapping = mapping_asked(
        kind, map_name, columns, zone, time_formats or (), sheet, check_digit, account
    )
    if preview:
        _preview_all(kind, list(expanded(files)), mapping, as_json=as_json)
        return
    origin = origin_of(actor, ticket, reason)
    settings = current_settings()
    options = ImportOptions(
        origin.at,
        origin=origin,
        mapping=mapping,
        connections=connections_asked(kind, connections, settings),
    )
    options = limited(options, max_rejects, max_doubts)
    act = _act_asked(dry_run=dry_run, propose=propose)
    asked = Asked(kind, options, settings)
    _import_all(list(expanded(files)), asked, act, rejects, as_json=as_json)


def _act_asked(*, dry_run: bool, propose: bool) -> Act:
    if dry_run:
        return _try_one
    return _propose_one if propose else _import_one


def _preview_all(kind: KindName, paths: Sequence[str], mapping: Mapping, *, as_json: bool) -> None:
    """Show how files would be read. Raises `Exit` where one cannot be."""
    previews: dict[str, Preview] = {}
    refused: dict[str, FileRefused] = {}
    with store_of(current_settings()) as store:
        for path in paths:
            try:
                refuse_unmatched(path)
                previews[path] = _preview(store, kind, path, mapping)
            except FileRefused as refusal:
                refused[path] = refusal
    print_previews(previews, refused, as_json=as_json)
    if refused:
        raise typer.Exit(EXIT_NOTHING_DONE)


def _preview(store: Store, kind: KindName, path: str, mapping: Mapping) -> Preview:
    with nullcontext() if store.is_empty() else store.snapshot() as reader:
        return preview_file(kind, path, mapping, system_clock(), reader)


def _import_all(
    paths: list[str], asked: Asked, act: Act, rejects: Path | None, *, as_json: bool
) -> None:
    """Do with each file what is asked, and tell of it. Raises `Exit` where lines were refused."""
    total, done, refused = Receipt(), dict[str, Done](), dict[str, FileRefused]()
    with (
        traced(is_on=asked.settings.traces),
        store_of(asked.settings) as store,
        _rejects_to(rejects, asked.kind, paths) as rejects_file,
        files_bar(paths) as bar,
    ):
        if any(map(is_there, paths)):
            _make_missing(store, asked.settings)
        for path in paths:
            try:
                refuse_unmatched(path)
                done[path] = act(store, path, asked, _FileListeners(path, rejects_file, bar))
            except FileRefused as refusal:
                refused[path] = refusal
                continue
            total.add(done[path].receipt)
            if not as_json:
                with bar.aside():
                    print_file(path, done[path])
    print_end(done, total, refused, as_json=as_json)
    if refused or total.rejected:
        raise typer.Exit(
            EXIT_SOME_REJECTED if total.accepted or total.duplicate else EXIT_NOTHING_DONE
        )


def _make_missing(store: Store, settings: Settings) -> None:
    """Make a store where there is none, and say so: its volume may not have been mounted."""
    if store.is_empty():
        store.init(settings.time_zone)
        say(f"warning: {store.name}: there was no store here; made a new one", err=True)


class Asked(NamedTuple):
    """What the command was asked for, the same for each file."""

    kind: KindName
    options: ImportOptions
    settings: Settings


class _FileListeners:
    """Who hears of a file while it is read: the bar, and the file of rejects if there is one."""

    def __init__(self, path: str, rejects_file: RejectLines | None, bar: FilesBar) -> None:
        self._path = path
        self._rejects_file = rejects_file
        self._bar = bar

    @contextmanager
    def heard(self) -> Iterator[Listeners]:
        """The calls that a reader of the file makes."""
        self._bar.begin(self._path)
        try:
            yield Listeners(self._bar.show, self._begin, self._reject)
        finally:
            self._bar.end()

    def _begin(self, columns: tuple[str, ...]) -> None:
        if self._rejects_file:
            self._rejects_file.begin(self._path, columns)

    def _reject(self, reject: Reject) -> None:
        if self._rejects_file:
            self._rejects_file.write(reject)


Act = Callable[[Store, str, Asked, _FileListeners], Done]
"""What is done with one file."""


def _import_one(store: Store, path: str, asked: Asked, listener: _FileListeners) -> Done:
    actor = asked.options.origin.actor
    listed = ListedImport(store, system_clock, asked.kind, printable(path), actor)
    with listener.heard() as listeners:
        receipt = listed.run(path, asked.options, listeners)
    return Done(receipt, receipt.described())


def _try_one(store: Store, path: str, asked: Asked, listener: _FileListeners) -> Done:
    with listener.heard() as listeners:
        try_one = try_file if asked.kind == "expectations" else try_identities_file
        trial = try_one(store, path, asked.settings.generations, asked.options, listeners)
    zone = asked.settings.zone
    return Done(trial.receipt, trial.described(zone), list(trial_lines(trial, zone)))


def _propose_one(store: Store, path: str, asked: Asked, listener: _FileListeners) -> Done:
    with listener.heard() as listeners:
        number, receipt = propose_file(store, path, asked.options, listeners)
    lines = [f"  proposed as change set {number}"] if number else []
    return Done(receipt, receipt.described() | {"change_set_id": number}, lines)


@contextmanager
def _rejects_to(
    path: Path | None, kind: KindName, files: list[str]
) -> Iterator[RejectLines | None]:
    if path is None:
        yield None
        return
    if path.exists() and any(Path(each).exists() and path.samefile(each) for each in files):
        message = f"{path} is one of the files to be read, and would be written over"
        raise typer.BadParameter(message, param_hint="--rejects")
    with os.fdopen(private(path), "w", encoding="utf-8", newline="") as file:
        yield RejectLines(
            csv.writer(file, lineterminator="\n").writerow, kind, several=len(files) > 1
        )
