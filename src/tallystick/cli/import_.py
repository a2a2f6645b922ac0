"""`tallystick import`."""

from __future__ import annotations

import csv
import glob
import os
import sys
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from tallystick.cli.files_bar import FilesBar, files_bar
from tallystick.cli.ledger import Actor, Reason, Ticket, origin_told, trial_lines
from tallystick.cli.shared import (
    EXIT_SOME_REJECTED,
    AsJson,
    current_settings,
    print_json,
    private,
    say,
    store_of,
)
from tallystick.core.errors import FileRefused, InvalidValue
from tallystick.core.identifiers import printable
from tallystick.intake import (
    KINDS,
    STANDARD_INPUT,
    WORDINGS,
    ImportOptions,
    KindName,
    LinesLimit,
    Receipt,
    Reject,
    import_file,
    propose_file,
    try_file,
)
from tallystick.intake.sources import REASON
from tallystick.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tallystick.store import Store

EXIT_NOTHING_DONE = 1
KindArgument = Annotated[
    KindName, typer.Argument(metavar="KIND", help=f"What the files hold: {', '.join(KINDS)}.")
]
Files = Annotated[
    list[str],
    typer.Argument(
        metavar="FILE…",
        help="CSV, NDJSON or Parquet by suffix, .gz and .zst too; - is CSV on standard input.",
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
        help="Change nothing, and say what expectations would change, the report included.",
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
    as_json: AsJson = False,
) -> None:
    """Take facts in from files. Exit status: 0 all taken, 3 some lines rejected, 1 nothing done."""
    _require_expectations(
        kind, dry_run=dry_run, propose=propose, told=bool(ticket or reason or actor)
    )
    origin = origin_told(actor, ticket, reason)
    options = _limited(ImportOptions(origin.at, origin=origin), max_rejects, max_doubts)
    settings = current_settings()
    act = _try_one if dry_run else _propose_one if propose else _import_one
    paths = list(_expanded(files))
    total, done, refused = Receipt(), dict[str, Done](), dict[str, FileRefused]()
    with (
        store_of(settings) as store,
        _rejects_to(rejects, kind, paths) as rejects_file,
        files_bar(paths) as bar,
    ):
        _make_missing(store, settings)
        for path in paths:
            try:
                done[path] = act(
                    store, path, Asked(kind, options, settings), _Told(path, rejects_file, bar)
                )
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
    """The files that quoted patterns name, in order.

    A name without a match stays, to be told of.
    """
    for pattern in patterns:
        if pattern == STANDARD_INPUT or Path(pattern).exists():
            yield pattern
        else:
            yield from sorted(glob.glob(pattern)) or [pattern]  # noqa: PTH207 - patterns may be absolute


def _require_expectations(kind: KindName, *, dry_run: bool, propose: bool, told: bool) -> None:
    """Only expectations have a ledger. Raises `BadParameter`."""
    if dry_run and propose:
        message = "goes without --propose: what is only tried is not proposed"
        raise typer.BadParameter(message, param_hint="--dry-run")
    if kind != "expectations" and (dry_run or propose or told):
        message = "go with expectations only, whose changes are told in the ledger"
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

    def __init__(self, path: str, rejects_file: _Rejects | None, bar: FilesBar) -> None:
        self._path = path
        self._rejects_file = rejects_file
        self._bar = bar

    @contextmanager
    def heard(self) -> Iterator[dict[str, Any]]:
        """The calls that a reader of the file makes, by name."""
        self._bar.begin(self._path)
        try:
            yield {
                "on_progress": self._bar.show,
                "on_columns": self._begin,
                "on_reject": self._reject,
            }
        finally:
            self._bar.end()

    def _begin(self, columns: tuple[str, ...]) -> None:
        if self._rejects_file:
            self._rejects_file.begin(self._path, columns)

    def _reject(self, reject: Reject) -> None:
        if self._rejects_file:
            self._rejects_file.write(reject)


def _import_one(store: Store, path: str, asked: Asked, told: _Told) -> Done:
    with told.heard() as calls:
        receipt = import_file(store, asked.kind, path, options=asked.options, **calls)
    return Done(receipt, receipt.described())


def _try_one(store: Store, path: str, asked: Asked, told: _Told) -> Done:
    with told.heard() as calls:
        trial = try_file(store, path, asked.settings.generations, options=asked.options, **calls)
    zone = asked.settings.zone
    return Done(trial.receipt, trial.described(zone), list(trial_lines(trial, zone)))


def _propose_one(store: Store, path: str, asked: Asked, told: _Told) -> Done:
    with told.heard() as calls:
        number, receipt = propose_file(store, path, options=asked.options, **calls)
    lines = [f"  proposed as change set {number}"] if number else []
    return Done(receipt, receipt.described() | {"change_set_id": number}, lines)


class _Rejects:
    """A CSV file of refused lines with their reasons.

    It has the columns of the first file that was read. Where more files follow, which may have
    others, it has all columns of the kind, and its reasons name the file.
    """

    def __init__(
        self, write_row: Callable[[list[str]], Any], kind: KindName, *, several: bool
    ) -> None:
        self._write_row = write_row
        self._more = KINDS[kind].column_names if several else ()
        self._several = several
        self._header: tuple[str, ...] = ()
        self._columns: tuple[str, ...] = ()
        self._where = ""

    def begin(self, path: str, columns: tuple[str, ...]) -> None:
        """A file with these columns follows."""
        self._columns = columns
        self._where = f"{printable(path)}, line" if self._several else "line"
        if not self._header:
            self._header = tuple(
                dict.fromkeys(column for column in (*columns, *self._more) if column != REASON)
            )
            self._write_row([*self._header, REASON])

    def write(self, reject: Reject) -> None:
        """Write one refused line; values go under the header's columns by name."""
        values = dict(zip(self._columns, reject.values, strict=False))
        reason = f"{self._where} {reject.line}: {reject.reason}"
        self._write_row([*(values.get(column, "") for column in self._header), reason])


@contextmanager
def _rejects_to(path: Path | None, kind: KindName, files: list[str]) -> Iterator[_Rejects | None]:
    if path is None:
        yield None
        return
    if path.exists() and any(Path(each).exists() and path.samefile(each) for each in files):
        message = f"{path} is one of the files to be read, and would be written over"
        raise typer.BadParameter(message, param_hint="--rejects")
    with os.fdopen(private(path), "w", encoding="utf-8", newline="") as file:
        yield _Rejects(csv.writer(file, lineterminator="\n").writerow, kind, several=len(files) > 1)


def _print(path: str, done: Done) -> None:
    """Tell of one file: its counts, its first rejects, and what to look at."""
    receipt = done.receipt
    _print_counts(path, receipt)
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
