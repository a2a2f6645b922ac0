"""`tallystick import`."""

from __future__ import annotations

import csv
import glob
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from tallystick.cli.shared import AsJson, current_settings, print_json, store_of
from tallystick.core.errors import FileRefused
from tallystick.intake import KINDS, KindName, Receipt, Reject, import_file
from tallystick.intake import Progress as FileProgress
from tallystick.intake.sources import REASON, STANDARD_INPUT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tallystick.store import Store

EXIT_NOTHING_DONE = 1
EXIT_SOME_REJECTED = 3

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


def import_(kind: KindArgument, files: Files, rejects: RejectsFile = None, as_json: AsJson = False) -> None:
    """Take facts in from files. Exit status: 0 all taken, 3 some lines rejected, 1 nothing done."""
    settings = current_settings()
    total, receipts, refused = Receipt(), dict[str, Receipt](), dict[str, str]()
    with store_of(settings) as store, _rejects_to(rejects) as rejects_file, _bar() as bar:
        if store.is_empty():
            store.init(settings.time_zone)
        for path in _expanded(files):
            try:
                receipts[path] = _import_one(store, kind, path, rejects_file, bar)
            except FileRefused as refusal:
                refused[path] = refusal.message
                continue
            total.add(receipts[path])
            if not as_json:
                _print(path, receipts[path])
    _print_end(receipts, total, refused, as_json=as_json)
    if refused or total.rejected:
        raise typer.Exit(EXIT_SOME_REJECTED if total.accepted or total.duplicate else EXIT_NOTHING_DONE)


def _expanded(patterns: list[str]) -> Iterator[str]:
    """The files that quoted patterns name, in order; a name without a match stays, to be told of."""
    for pattern in patterns:
        if pattern == STANDARD_INPUT or Path(pattern).exists():
            yield pattern
        else:
            yield from sorted(glob.glob(pattern)) or [pattern]  # noqa: PTH207 - patterns may be absolute


def _import_one(store: Store, kind: KindName, path: str, rejects_file: _Rejects | None, bar: Progress) -> Receipt:
    task = bar.add_task(path, total=None, facts=0)

    def show(progress: FileProgress) -> None:
        bar.update(task, completed=progress.bytes_read, total=progress.bytes_in_all, facts=progress.facts)

    if rejects_file is None:
        return import_file(store, kind, path, on_progress=show)
    return import_file(store, kind, path, on_progress=show, on_columns=rejects_file.begin, on_reject=rejects_file.write)


def _bar() -> Progress:
    """One line a file on standard error, if that is a terminal."""
    console = Console(stderr=True)
    columns = TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[facts]:,} facts")
    return Progress(*columns, TimeRemainingColumn(), console=console, disable=not console.is_terminal)


class _Rejects:
    """A CSV file of refused lines: the columns of the first file that was read, and the reason."""

    def __init__(self, write_row: Callable[[list[str]], Any]) -> None:
        self._write_row = write_row
        self._header: tuple[str, ...] = ()
        self._columns: tuple[str, ...] = ()

    def begin(self, columns: tuple[str, ...]) -> None:
        """A file with these columns follows."""
        self._columns = tuple(column for column in columns if column != REASON)
        if not self._header:
            self._header = self._columns
            self._write_row([*self._header, REASON])

    def write(self, reject: Reject) -> None:
        """Write one refused line; values go under the header's columns by name."""
        values = dict(zip(self._columns, reject.values, strict=False))
        self._write_row([*(values.get(column, "") for column in self._header), f"line {reject.line}: {reject.reason}"])


@contextmanager
def _rejects_to(path: Path | None) -> Iterator[_Rejects | None]:
    if path is None:
        yield None
        return
    with path.open("w", encoding="utf-8", newline="") as file:
        yield _Rejects(csv.writer(file, lineterminator="\n").writerow)


def _print(path: str, receipt: Receipt) -> None:
    counts = f"{receipt.accepted:,} accepted, {receipt.duplicate:,} duplicate, {receipt.rejected:,} rejected"
    typer.echo(f"{path}: {receipt.read:,} read: {counts} in {receipt.seconds:.1f} s")
    if receipt.accounts_made:
        typer.echo(f"  new accounts: {', '.join(receipt.accounts_made)}")
    for reject in receipt.rejects:
        typer.echo(f"{path}:{reject.line}: {reject.reason}", err=True)
    if receipt.rejected > len(receipt.rejects):
        typer.echo(f"{path}: and {receipt.rejected - len(receipt.rejects):,} more rejected lines", err=True)


def _print_end(receipts: dict[str, Receipt], total: Receipt, refused: dict[str, str], *, as_json: bool) -> None:
    if as_json:
        files = {path: receipt.described() for path, receipt in receipts.items()}
        refusals = {
            path: {"error": {"code": FileRefused.code, "message": message}} for path, message in refused.items()
        }
        print_json(total.described() | {"files": files | refusals})
        return
    if len(receipts) > 1:
        _print("in all", total)
    for message in refused.values():
        typer.echo(f"error: {message}", err=True)
    sys.stdout.flush()
