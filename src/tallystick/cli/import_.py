"""`tallystick import`."""

from __future__ import annotations

import csv
import glob
import sys
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tallystick.access import system_clock
from tallystick.cli.files_bar import FilesBar, files_bar
from tallystick.cli.shared import EXIT_SOME_REJECTED, AsJson, current_settings, print_json, store_of
from tallystick.core.errors import FileRefused, InvalidValue
from tallystick.intake import KINDS, STANDARD_INPUT, Gates, KindName, Receipt, Reject, RejectsLimit, import_file
from tallystick.intake.sources import REASON

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tallystick.store import Store

EXIT_NOTHING_DONE = 1
LARGE_SHARE = 0.05  # of a file's lines: from here on a doubt is warned of, not only counted

DOUBTS = {  # how each count reads, and what to look at where it is large
    "unknown_sims": (
        "of unknown SIMs",
        "are of SIMs unknown to the device database, and wait for them: import the SIMs, or check the ICCIDs",
    ),
    "stripped_zeros": (
        "with an IMEI that seems to lack its leading zero",
        "have an IMEI that seems to lack its leading zero: check that the column imei was exported as text",
    ),
    "in_future": (
        "in the future",
        "happen in the future: check the time zone of activated_at, and the clock of this machine",
    ),
}

KindArgument = Annotated[KindName, typer.Argument(metavar="KIND", help=f"What the files hold: {', '.join(KINDS)}.")]
Files = Annotated[
    list[str],
    typer.Argument(
        metavar="FILE…", help="CSV, NDJSON or Parquet by suffix, .gz and .zst too; - is CSV on standard input."
    ),
]
RejectsFile = Annotated[
    Path | None,
    typer.Option("--rejects", help="Write refused lines here as CSV, with the reason; corrected, it can be imported."),
]

MaxRejects = Annotated[
    str | None,
    typer.Option(
        metavar="N|P%",
        help="Check each file whole first, and refuse it whole if more lines are bad: a number, or a share like 0.5%.",
    ),
]


def import_(
    kind: KindArgument,
    files: Files,
    rejects: RejectsFile = None,
    max_rejects: MaxRejects = None,
    as_json: AsJson = False,
) -> None:
    """Take facts in from files. Exit status: 0 all taken, 3 some lines rejected, 1 nothing done."""
    gates = Gates(system_clock(), None if max_rejects is None else _limit(max_rejects))
    settings = current_settings()
    paths = list(_expanded(files))
    total, receipts, refused = Receipt(), dict[str, Receipt](), dict[str, FileRefused]()
    with store_of(settings) as store, _rejects_to(rejects, kind, paths) as rejects_file, files_bar(paths) as bar:
        if store.is_empty():
            store.init(settings.time_zone)
        for path in paths:
            try:
                receipts[path] = _import_one(store, kind, path, gates, rejects_file, bar)
            except FileRefused as refusal:
                refused[path] = refusal
                continue
            total.add(receipts[path])
            if not as_json:
                with bar.aside():
                    _print(path, receipts[path])
    _print_end(receipts, total, refused, as_json=as_json)
    if refused or total.rejected:
        raise typer.Exit(EXIT_SOME_REJECTED if total.accepted or total.duplicate else EXIT_NOTHING_DONE)


def _limit(text: str) -> RejectsLimit:
    try:
        return RejectsLimit.parse(text)
    except InvalidValue as refusal:
        raise typer.BadParameter(refusal.message, param_hint="--max-rejects") from refusal


def _expanded(patterns: list[str]) -> Iterator[str]:
    """The files that quoted patterns name, in order; a name without a match stays, to be told of."""
    for pattern in patterns:
        if pattern == STANDARD_INPUT or Path(pattern).exists():
            yield pattern
        else:
            yield from sorted(glob.glob(pattern)) or [pattern]  # noqa: PTH207 - patterns may be absolute


def _import_one(
    store: Store, kind: KindName, path: str, gates: Gates, rejects_file: _Rejects | None, bar: FilesBar
) -> Receipt:
    bar.begin(path)
    try:
        if rejects_file is None:
            return import_file(store, kind, path, gates=gates, on_progress=bar.show)
        return import_file(
            store,
            kind,
            path,
            gates=gates,
            on_progress=bar.show,
            on_columns=partial(rejects_file.begin, path),
            on_reject=rejects_file.write,
        )
    finally:
        bar.end()


class _Rejects:
    """A CSV file of refused lines with their reasons.

    It has the columns of the first file that was read. Where more files follow, which may have others, it has all
    columns of the kind, and its reasons name the file.
    """

    def __init__(self, write_row: Callable[[list[str]], Any], kind: KindName, *, several: bool) -> None:
        self._write_row = write_row
        self._more = KINDS[kind].column_names if several else ()
        self._several = several
        self._header: tuple[str, ...] = ()
        self._columns: tuple[str, ...] = ()
        self._where = ""

    def begin(self, path: str, columns: tuple[str, ...]) -> None:
        """A file with these columns follows."""
        self._columns = columns
        self._where = f"{path}, line" if self._several else "line"
        if not self._header:
            self._header = tuple(dict.fromkeys(column for column in (*columns, *self._more) if column != REASON))
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
    with path.open("w", encoding="utf-8", newline="") as file:
        yield _Rejects(csv.writer(file, lineterminator="\n").writerow, kind, several=len(files) > 1)


def _print(path: str, receipt: Receipt) -> None:
    """Tell of one file: its counts, its first rejects, and what to look at."""
    _print_counts(path, receipt)
    for reject in receipt.rejects:
        typer.echo(f"{path}:{reject.line}: {reject.reason}", err=True)
    if receipt.rejected > len(receipt.rejects):
        typer.echo(f"{path}: and {receipt.rejected - len(receipt.rejects):,} more rejected lines", err=True)
    for doubt, count in receipt.doubts._asdict().items():
        if count and count >= LARGE_SHARE * receipt.read:
            _, warning = DOUBTS[doubt]
            typer.echo(f"warning: {path}: {100 * count / receipt.read:.0f} % of the lines {warning}", err=True)


def _print_counts(name: str, receipt: Receipt) -> None:
    counts = f"{receipt.accepted:,} accepted, {receipt.duplicate:,} duplicate, {receipt.rejected:,} rejected"
    typer.echo(f"{name}: {receipt.read:,} read: {counts} in {receipt.seconds:.1f} s")
    doubtful = [f"{count:,} {DOUBTS[doubt][0]}" for doubt, count in receipt.doubts._asdict().items() if count]
    if doubtful:
        typer.echo(f"  taken, but doubtful: {', '.join(doubtful)}")
    if receipt.accounts_made:
        typer.echo(f"  new accounts: {', '.join(receipt.accounts_made)}")


def _print_end(receipts: dict[str, Receipt], total: Receipt, refused: dict[str, FileRefused], *, as_json: bool) -> None:
    if as_json:
        files = {path: receipt.described() for path, receipt in receipts.items()}
        refusals = {
            path: {"error": {"code": refusal.code, "message": refusal.message}} for path, refusal in refused.items()
        }
        print_json(total.described() | {"files": files | refusals})
        return
    if len(receipts) > 1:
        _print_counts("in all", total)
    for refusal in refused.values():
        typer.echo(f"error: {refusal.message}", err=True)
    sys.stdout.flush()
