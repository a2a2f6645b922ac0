"""What commands print and write: sentences, JSON, tables, bars, and files."""

from __future__ import annotations

import io
import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, BinaryIO

import msgspec
import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from tallystick.core.identifiers import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

# Where a table goes to when it is not to a terminal: wide enough for every row in one line.
PLAIN_COLUMNS = 250

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


def say(text: str, *, err: bool = False) -> None:
    """Print a text for people, without what a terminal would take for a command."""
    typer.echo(printable(text), err=err)


def print_done(sentence: str, answer: object, *, as_json: bool) -> None:
    """Say what was done: a sentence for people, or how it is now for programs."""
    if as_json:
        print_json(answer)
    else:
        say(sentence)


def print_json(value: object, *, err: bool = False) -> None:
    """Print one line of JSON."""
    typer.echo(msgspec.json.encode(value).decode(), err=err)


def print_table(
    columns: Sequence[str], rows: Iterable[Sequence[str]], file: BinaryIO | None = None
) -> None:
    """Print a table for people: as wide as the terminal, or as it needs where it goes elsewhere."""
    table = Table(*columns, box=None, pad_edge=False, header_style="bold")
    for row in rows:
        table.add_row(*map(printable, row))
    text = io.TextIOWrapper(file or sys.stdout.buffer, "utf-8")
    console = Console(file=text, highlight=False, markup=False)
    if not console.is_terminal:
        console.width = PLAIN_COLUMNS
    console.print(table)
    text.detach()  # which flushes, and leaves the file open


@contextmanager
def progress(label: str) -> Iterator[Callable[[int, int], None]]:
    """Show a bar on standard error, if that is a terminal; give what moves it: done, in all."""
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeElapsedColumn(),
    )
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as bar:
        task = bar.add_task(label, total=None)
        yield lambda done, steps: bar.update(task, completed=done, total=steps)


def private(path: Path) -> int:
    """Open a file to be written, for its owner alone where it is made anew; give its descriptor.

    What is written may hold phone numbers, and where SIMs are.
    """
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)


@contextmanager
def writing(path: Path | None) -> Iterator[BinaryIO]:
    """The file to write an answer to, or standard output."""
    if path is None:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    try:
        file = os.fdopen(private(path), "wb")
    except OSError as error:
        message = printable(f"cannot write {path}: {error.strerror}")
        raise typer.BadParameter(message) from error
    with file:
        yield file
