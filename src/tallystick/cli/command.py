"""The kinds of commands: how they end, and which of them the audit records."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import typer
from typer.core import TyperCommand

from tallystick.access.audit import users_name
from tallystick.cli.output import print_json, say
from tallystick.cli.stores import current_settings, store_of
from tallystick.clock import system_clock
from tallystick.core.acts import AS_CALLS, DONE, FAILED, WITHHELD, Act, Via, details_of, refused
from tallystick.core.errors import AccessRefused, OwnProposal, Refusal, StoreRefused
from tallystick.store.acting import act_under_way, acting

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tallystick.store import Store

EXIT_REFUSED = 1
EXIT_DIFFERENT = 1
"""What was compared is not the same."""
EXIT_SOME_REJECTED = 3
EXITS_DONE = (0, EXIT_SOME_REJECTED)
RIGHTS_REFUSED = (AccessRefused, OwnProposal)
"""Refusals of a right, which are recorded although nothing was changed."""


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
