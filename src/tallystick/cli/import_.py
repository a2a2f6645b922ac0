"""`tallystick import`."""

from __future__ import annotations

import csv
import glob
import os
import sys
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from tallystick.cli.files_bar import FilesBar, files_bar
from tallystick.cli.import_mapping import (
    CheckDigitChoice,
    mapping_asked,
    notes_lines,
    print_previews,
)
from tallystick.cli.ledger import Actor, Reason, Ticket, origin_told, trial_lines
from tallystick.cli.shared import (
    EXIT_SOME_REJECTED,
    AsJson,
    counted,
    current_settings,
    print_json,
    private,
    say,
    store_of,
)
from tallystick.clock import system_clock
from tallystick.core.errors import FileRefused, InvalidValue
from tallystick.core.identifiers import printable
from tallystick.intake import (
    CONNECTIONS_MAX,
    KINDS,
    STANDARD_INPUT,
    WORDINGS,
    ImportOptions,
    KindName,
    LinesLimit,
    ListedImport,
    Listeners,
    Receipt,
    Reject,
    RejectLines,
    members_of,
    propose_file,
    try_file,
    try_identities_file,
)
from tallystick.settings import Settings
from tallystick.store import Store
from tallystick.tracing import traced

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
EXIT_NOTHING_DONE = 1
ARCHIVE = ".zip"
UNATTRIBUTED = (
    "name a SIM by an IMSI or MSISDN that no identity tells of at that moment, and wait: import "
    "the identities, or see `tallystick coverage --list unattributed`"
)
KindArgument = Annotated[
    KindName, typer.Argument(metavar="KIND", help=f"What the files hold: {', '.join(KINDS)}.")
]
Files = Annotated[
    list[str],
    typer.Argument(
        metavar="FILE…",
        help="CSV (.tsv, .txt and .out too), NDJSON, JSON, Parquet or workbooks (.xlsx) by suffix, "
        ".gz and .zst too, .zip for each file in it; - is CSV on standard input.",
    ),
]
RejectsFile = Annotated[
    Path | None,
    typer.Option(
        "--rejects",
        help="Write refused lines here as CSV, with the reason; corrected, it can be imported.",
    ),
]

DryRun = Annotated[
    bool,
    typer.Option(
        "--dry-run",
        help="Change nothing, and say what expectations or identities would change, the report "
        "included.",
    ),
]
Propose = Annotated[
    bool,
    typer.Option(
        "--propose", help="Keep expectations as a proposal, for another person to approve."
    ),
]
MaxRejects = Annotated[
    str | None,
    typer.Option(
        metavar="N|P%",
        help="Check each file whole first, and refuse it whole if more lines are bad: a number, "
        "or a share like 0.5%.",
    ),
]
MaxDoubts = Annotated[
    str | None,
    typer.Option(
        metavar="N|P%",
        help="Check each file whole first, and refuse it whole if there are more doubts about its "
        "lines: a number, or a share like 0.5%. A line with two doubts counts twice.",
    ),
]

Map = Annotated[
    str | None,
    typer.Option(
        "--map",
        metavar="NAME|FILE",
        help="Read the files by a mapping: one of `tallystick maps`, or a file that ends in .toml.",
    ),
]
Columns = Annotated[
    str | None,
    typer.Option(
        metavar="NAMES",
        help="The names of the columns, with commas between, where no line of the file names them; "
        "an empty name is passed over.",
    ),
]
Zone = Annotated[
    str | None,
    typer.Option(
        metavar="ZONE",
        help="The zone of moments that name none, like America/New_York. Without: UTC, which the "
        "receipt says.",
    ),
]
TimeFormats = Annotated[
    list[str] | None,
    typer.Option(
        "--time-format",
        metavar="FORMAT",
        help="How moments are written, like '%d/%m/%Y %H:%M'; tried before all others.",
    ),
]
Sheet = Annotated[
    str | None,
    typer.Option(
        metavar="NAME", help="The sheet of a workbook. Without: the first that is not hidden."
    ),
]
CheckDigits = Annotated[
    CheckDigitChoice | None,
    typer.Option(
        "--check-digit",
        help="Add or strip the check digit at the end of every ICCID, or keep them as they are.",
    ),
]
AccountOfAll = Annotated[
    str | None,
    typer.Option(
        "--account",
        metavar="NAME",
        help="The account of SIMs, or of groups, of which the file names none.",
    ),
]
Connections = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        min=1,
        max=CONNECTIONS_MAX,
        help="Take activations in over so many connections at once, on PostgreSQL. Without: one. "
        "A file that was begun goes on over as many as before.",
    ),
]
PreviewOnly = Annotated[
    bool,
    typer.Option(
        "--preview",
        help="Show how the first lines would be read, and take nothing in.",
    ),
]


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
    _require_ledgered(
        kind, dry_run=dry_run, propose=propose, has_origin=bool(ticket or reason or actor)
    )
    mapping = mapping_asked(
        kind, map_name, columns, zone, time_formats or (), sheet, check_digit, account
    )
    if preview:
        print_previews(kind, list(_expanded(files)), mapping, as_json=as_json)
        return
    origin = origin_told(actor, ticket, reason)
    settings = current_settings()
    options = ImportOptions(
        origin.at,
        origin=origin,
        mapping=mapping,
        connections=_connections(kind, connections, settings),
    )
    options = _limited(options, max_rejects, max_doubts)
    act = _try_one if dry_run else _propose_one if propose else _import_one
    asked = Asked(kind, options, settings)
    _import_all(list(_expanded(files)), asked, act, rejects, as_json=as_json)


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
        _make_missing(store, asked.settings)
        for path in paths:
            try:
                done[path] = act(store, path, asked, _Told(path, rejects_file, bar))
            except FileRefused as refusal:
                refused[path] = refusal
                continue
            total.add(done[path].receipt)
            if not as_json:
                with bar.aside():
                    _print(path, done[path])
    _print_end(done, total, refused, as_json=as_json)
    if refused or total.rejected:
        raise typer.Exit(
            EXIT_SOME_REJECTED if total.accepted or total.duplicate else EXIT_NOTHING_DONE
        )


def _make_missing(store: Store, settings: Settings) -> None:
    """Make a store where there is none, and say so: its volume may not have been mounted."""
    if store.is_empty():
        store.init(settings.time_zone)
        say(f"warning: {store.name}: there was no store here; made a new one", err=True)


def _connections(kind: KindName, asked: int | None, settings: Settings) -> int:
    """Over how many connections activations are taken in. Raises `BadParameter`."""
    if asked is None:
        return 1
    if not KINDS[kind].is_shortlisted:
        message = "goes with activations only; other facts are taken in over one connection"
        raise typer.BadParameter(message, param_hint="--connections")
    if settings.database.startswith("sqlite:"):
        message = "goes with a store on PostgreSQL only; SQLite has one writer at a time"
        raise typer.BadParameter(message, param_hint="--connections")
    return asked


def _limited(
    options: ImportOptions, max_rejects: str | None, max_doubts: str | None
) -> ImportOptions:
    """The options with the limits that were asked for."""
    rejects, doubts = _limit("--max-rejects", max_rejects), _limit("--max-doubts", max_doubts)
    return replace(options, max_rejects=rejects, max_doubts=doubts)


def _limit(option: str, text: str | None) -> LinesLimit | None:
    try:
        return None if text is None else LinesLimit.parse(text)
    except InvalidValue as refusal:
        raise typer.BadParameter(refusal.message, param_hint=option) from refusal


def _expanded(patterns: list[str]) -> Iterator[str]:
    """The files that quoted patterns name, in order; those in archives one by one.

    A name without a match stays, to be told of.
    """
    for pattern in patterns:
        is_one = pattern == STANDARD_INPUT or Path(pattern).exists()
        matches = [] if is_one else sorted(glob.glob(pattern))  # noqa: PTH207 - patterns may be absolute
        for path in matches or [pattern]:
            yield from _files_in(path)


def _files_in(path: str) -> list[str]:
    """The files of an archive; of any other path, and of what is no archive, itself."""
    if not path.lower().endswith(ARCHIVE) or not Path(path).is_file():
        return [path]
    try:
        return members_of(path)
    except FileRefused:
        return [path]  # to be told of with the others


def _require_ledgered(kind: KindName, *, dry_run: bool, propose: bool, has_origin: bool) -> None:
    """Only expectations and identities have a ledger. Raises `BadParameter`."""
    if dry_run and propose:
        message = "goes without --propose: what is only tried is not proposed"
        raise typer.BadParameter(message, param_hint="--dry-run")
    if propose and kind == "identities":
        message = "goes with expectations only; identities are tried with --dry-run"
        raise typer.BadParameter(message, param_hint="--propose")
    if not KINDS[kind].is_ledgered and (dry_run or propose or has_origin):
        message = "go with expectations and identities only, whose changes are told in the ledger"
        raise typer.BadParameter(
            message, param_hint="--dry-run, --propose, --ticket, --reason and --as"
        )


class Asked(NamedTuple):
    """What the command was asked for, the same for each file."""

    kind: KindName
    options: ImportOptions
    settings: Settings


class Done(NamedTuple):
    """What became of a file.

    Its receipt, and what else there is to tell, for programs and for people.
    """

    receipt: Receipt
    described: dict[str, Any]
    lines: Sequence[str] = ()


class _Told:
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


Act = Callable[[Store, str, Asked, _Told], Done]
"""What is done with one file."""


def _import_one(store: Store, path: str, asked: Asked, listener: _Told) -> Done:
    actor = asked.options.origin.actor
    listed = ListedImport(store, system_clock, asked.kind, printable(path), actor)
    with listener.heard() as listeners:
        receipt = listed.run(path, asked.options, listeners)
    return Done(receipt, receipt.described())


def _try_one(store: Store, path: str, asked: Asked, listener: _Told) -> Done:
    with listener.heard() as listeners:
        try_one = try_file if asked.kind == "expectations" else try_identities_file
        generations, calls = asked.settings.generations, listeners._asdict()
        trial = try_one(store, path, generations, options=asked.options, **calls)
    zone = asked.settings.zone
    return Done(trial.receipt, trial.described(zone), list(trial_lines(trial, zone)))


def _propose_one(store: Store, path: str, asked: Asked, listener: _Told) -> Done:
    with listener.heard() as listeners:
        calls = listeners._asdict()
        number, receipt = propose_file(store, path, options=asked.options, **calls)
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


def _print(path: str, done: Done) -> None:
    """Tell of one file: its counts, its first rejects, and what to look at."""
    receipt = done.receipt
    _print_counts(path, receipt)
    if receipt.notes:
        for line in notes_lines(receipt.notes):
            say(line)
    for line in done.lines:
        say(line)
    for reject in receipt.rejects:
        say(f"{path}:{reject.line}: {reject.reason}", err=True)
    if receipt.rejected > len(receipt.rejects):
        say(
            f"{path}: and {receipt.rejected - len(receipt.rejects):,} more rejected lines", err=True
        )
    for sentence in receipt.doubts.sentences():
        say(f"doubt: {path}: {sentence}", err=True)
    if receipt.unattributed:
        say(
            f"warning: {path}: {receipt.unattributed:,} activations {UNATTRIBUTED}",
            err=True,
        )


def _print_counts(name: str, receipt: Receipt) -> None:
    counts = (
        f"{receipt.accepted:,} accepted, {receipt.duplicate:,} duplicate, "
        f"{receipt.rejected:,} rejected"
    )
    say(f"{name}: {receipt.read:,} read: {counts} in {receipt.seconds:.1f} s")
    if receipt.doubts.by_name:
        doubtful = (
            f"{doubt.count:,} {WORDINGS[name].of}" for name, doubt in receipt.doubts.by_name.items()
        )
        say(f"  taken, but doubtful: {', '.join(doubtful)}")
    if receipt.unattributed:
        waiting = counted(receipt.unattributed, "activation waits", "activations wait")
        say(f"  {waiting} until the SIM of their IMSI or MSISDN is known")
    if receipt.accounts_made:
        say(f"  new accounts: {', '.join(receipt.accounts_made)}")


def _print_end(
    done: dict[str, Done], total: Receipt, refused: dict[str, FileRefused], *, as_json: bool
) -> None:
    if as_json:
        files = {printable(path): each.described for path, each in done.items()}
        refusals = {
            printable(path): {
                "error": {"code": refusal.code, "message": printable(refusal.message)}
            }
            for path, refusal in refused.items()
        }
        print_json(total.described() | {"files": files | refusals})
        return
    if len(done) > 1:
        _print_counts("in all", total)
    for refusal in refused.values():
        say(f"error: {refusal.message}", err=True)
    sys.stdout.flush()
