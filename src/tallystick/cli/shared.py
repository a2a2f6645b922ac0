"""What the commands share: the store of the settings, output, progress, and refusals."""

from __future__ import annotations

import io
import os
import secrets
import sys
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO

import msgspec
import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from typer.core import TyperCommand

from tallystick.access import Access
from tallystick.access.audit import users_name
from tallystick.clock import system_clock
from tallystick.core.acts import AS_CALLS, DONE, FAILED, WITHHELD, Act, Via, details_of, refused
from tallystick.core.errors import AccessRefused, NoAccounts, OwnProposal, Refusal, StoreRefused
from tallystick.core.identifiers import printable
from tallystick.core.moments import parse_named
from tallystick.core.window import span_between
from tallystick.settings import Settings, read_settings
from tallystick.store import Store, open_store
from tallystick.store.acting import act_under_way, acting
from tallystick.thingspace.rows import wire_row

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from tallystick.core.window import Window
    from tallystick.store import Reader

EXIT_REFUSED = 1
EXIT_DIFFERENT = 1
"""What was compared is not the same."""
EXIT_SOME_REJECTED = 3
EXITS_DONE = (0, EXIT_SOME_REJECTED)
RIGHTS_REFUSED = (AccessRefused, OwnProposal)
"""Refusals of a right, which are recorded although nothing was changed."""
# Where a table goes to when it is not to a terminal: wide enough for every row in one line.
PLAIN_COLUMNS = 250

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


class Command(TyperCommand):
    """A command that tells a refusal in one line on standard error and exits with 1."""

    def invoke(self, ctx: Any) -> Any:  # noqa: ANN401 - Typer's own class for it is private
        """Run the command."""
        try:
            return self.run(ctx)
        except Refusal as refusal:
            if self._speaks_json(ctx):
                print_json({"error": {"code": refusal.code, "message": refusal.message}}, err=True)
            else:
                say(f"error: {refusal.message}", err=True)
            raise typer.Exit(EXIT_REFUSED) from refusal

    def run(self, ctx: Any) -> Any:  # noqa: ANN401 - the same
        """Do what the command is for. Raises `Refusal`."""
        return super().invoke(ctx)

    def _speaks_json(self, ctx: typer.Context) -> bool:
        as_json = any(
            ctx.params[each.name] for each in self.params if each.name and "--json" in each.opts
        )
        return as_json or ctx.params.get("format_") == "json"


class RecordedCommand(Command):
    """A command that is an act for the audit: the transaction that changes the store records it.

    `is_export` is of commands that change nothing and are recorded when they are done, those that
    may show their answer on a terminal only where they write a file; `is_long` is of commands that
    take several transactions.
    """

    is_export = False
    is_long = False

    def run(self, ctx: Any) -> Any:  # noqa: ANN401 - Typer's own class for it is private
        """Do what the command is for, as an act. Raises `Refusal`."""
        act = self._act(ctx)
        with acting(act):
            try:
                answer = super().run(ctx)
            except Refusal as refusal:
                self._end(act, refused(refusal.code), is_due=isinstance(refusal, RIGHTS_REFUSED))
                raise
            except typer.Exit as end:
                self._end(act, DONE if end.exit_code in EXITS_DONE else FAILED)
                raise
        self._end(act, DONE, is_due=self.is_export and _writes_a_file(ctx.params))
        return answer

    def _act(self, ctx: typer.Context) -> Act:
        parameters = {name: _plain(value) for name, value in ctx.params.items()}
        command = ".".join(ctx.command_path.split()[1:])
        return Act(
            system_clock(),
            Via.COMMAND,
            AS_CALLS.get(command, command),
            users_name(),
            self._subject(parameters),
            is_long=self.is_long,
            details=details_of(parameters),
        )

    def _subject(self, parameters: Mapping[str, object]) -> str:
        """What the command is about: its arguments, subscribers in part."""
        names = [each.name for each in self.params if each.param_type_name == "argument"]
        arguments = details_of({name: parameters[name] for name in names if name})
        return "/".join(_in_subject(value) for value in arguments.values() if value != WITHHELD)

    def _end(self, act: Act, outcome: str, *, is_due: bool = False) -> None:
        """Record how an act ended where that is due, or where a transaction has said it began.

        A store that cannot be written is a warning: what was done is done, a backup of a store on a
        full disk for one, and the exit status says so.
        """
        if not (is_due or (self.is_long and act.recorded_in)):
            return
        try:
            with store_of(current_settings()) as store, acting(None), store.transaction() as writer:
                writer.append_to_audit([act.entry(outcome)])
        except StoreRefused as refusal:
            say(f"warning: the audit does not say how this ended: {refusal.message}", err=True)


def record_export(store: Store) -> None:
    """Record as done what a command that goes on has exported; say so where that fails."""
    act = act_under_way()
    if act is None:
        return
    entry = replace(act, at=system_clock()).entry(DONE)
    try:
        with acting(None), store.transaction() as writer:
            writer.append_to_audit([entry])
    except Refusal as refusal:
        say(f"error: the audit has no record of this: {refusal.message}", err=True)


class ExportCommand(RecordedCommand):
    """A command that writes rows to a file."""

    is_export = True


class LongCommand(RecordedCommand):
    """A command that changes the store in several transactions."""

    is_long = True


def _in_subject(value: object) -> str:
    """An argument in the subject of a record, several values with commas between."""
    return ", ".join(str(each) for each in value) if isinstance(value, list) else str(value)


def _plain(value: object) -> object:
    """A parameter's value as the audit shows it."""
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return value if value is None or isinstance(value, bool | int) else str(value)


def _writes_a_file(parameters: Mapping[str, Any]) -> bool:
    """Whether an export leaves a file: all but those that may print a table do."""
    is_file_named = any(parameters.get(name) is not None for name in ("output", "dir_"))
    return is_file_named or "format_" not in parameters


Earliest = Annotated[
    str | None, typer.Option(help="Activations after this moment; all of them if none is named.")
]
Latest = Annotated[
    str | None, typer.Option(help="Activations before this moment; all of them if none is named.")
]
Accounts = Annotated[
    list[str] | None,
    typer.Option("--account", help="Of this account; all of them if none is named."),
]


def span_named(earliest: str | None, latest: str | None) -> Window:
    """The window that two options name, open where one is absent.

    Raises `InvalidValue` or `WindowRefused`.
    """
    return span_between(
        None if earliest is None else parse_named("--earliest", earliest),
        None if latest is None else parse_named("--latest", latest),
    )


def every_account(reader: Reader) -> Mapping[str, int]:
    """What whoever is at the command line sees: every account, by number.

    Raises `NoAccounts` where there is none.
    """
    if accounts := reader.accounts():
        return accounts
    message = "there are no accounts yet; take SIMs in with `tallystick import sims`"
    raise NoAccounts(message)


def current_settings() -> Settings:
    """The settings of this process: of its environment, and of the file of settings."""
    return read_settings(os.environ)


def store_of(settings: Settings) -> Store:
    """The store that the settings name; nothing is opened before it is used."""
    return open_store(settings.database, wire_row)


@contextmanager
def opened_access() -> Iterator[Access]:
    """Who may ask of the store that the settings name."""
    with store_of(current_settings()) as store:
        yield Access(store, system_clock, secrets.token_bytes)


def say(text: str, *, err: bool = False) -> None:
    """Print a text for people, without what a terminal would take for a command."""
    typer.echo(printable(text), err=err)


def counted(number: int, one: str, many: str) -> str:
    """So many of something, in words."""
    return f"{number:,} {one if number == 1 else many}"


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
