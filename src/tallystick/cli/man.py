"""`tallystick man`: the manual page, made from the commands themselves."""

from __future__ import annotations

from enum import Enum
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin

import typer

if TYPE_CHECKING:
    from collections.abc import Iterator

PLACEHOLDERS = {str: "TEXT", int: "NUMBER", Path: "PATH"}
HEAD = '.TH TALLYSTICK 1 "" "tallystick {version}" "User Commands"'
ENVIRONMENT = (
    "Settings are variables that begin with TALLYSTICK_, or stand in tallystick.toml;"
    " `tallystick settings` lists them."
)
EXIT = "0 done, 1 refused or failed, 2 wrong usage, 3 some lines were rejected, 130 interrupted."


def man(ctx: typer.Context) -> None:
    """Print the manual page in roff, for `man -l -` or a file tallystick.1."""
    program: Any = ctx.find_root().command
    typer.echo("\n".join(_page(program)))


def _page(program: Any) -> Iterator[str]:  # noqa: ANN401 - Typer's own class for it is private
    yield HEAD.format(version=version("tallystick"))
    yield from (".SH NAME", rf"tallystick \- {_text(program.help)}")
    yield from (".SH SYNOPSIS", r"\fBtallystick\fR \fICOMMAND\fR [\fIOPTION\fR]...")
    yield ".SH COMMANDS"
    for path, command in _commands(("tallystick",), program):
        yield from _section(path, command)
    yield from (".SH ENVIRONMENT", _text(ENVIRONMENT), ".SH EXIT STATUS", _text(EXIT))


def _commands(
    path: tuple[str, ...],
    command: Any,  # noqa: ANN401 - the same
) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command that can be called, with the words that call it."""
    below = getattr(command, "commands", {})
    if not below:
        yield path, command
    for name, each in below.items():
        yield from _commands((*path, name), each)


def _section(path: tuple[str, ...], command: Any) -> Iterator[str]:  # noqa: ANN401 - the same
    arguments = [each for each in command.params if each.param_type_name == "argument"]
    named = " ".join(rf"\fI{_text(each.metavar or each.name.upper())}\fR" for each in arguments)
    yield from (rf".SS \fB{_text(' '.join(path))}\fR {named}".rstrip(), _text(command.help))
    for each in command.params:
        if each.param_type_name == "option":
            flags = r"\fR, \fB".join(_text(flag) for flag in each.opts + each.secondary_opts)
            value = "" if each.is_flag else rf" \fI{_text(value_named(each))}\fR"
            yield from (".TP", rf"\fB{flags}\fR{value}", _text(each.help))


def value_named(option: Any) -> str:  # noqa: ANN401 - the same
    """What stands for the value of an option: its name, its choices, or what kind it is of."""
    return str(option.metavar or _placeholder(option.type_descriptor.annotation))


def _placeholder(annotation: Any) -> str:  # noqa: ANN401 - any type
    if get_origin(annotation) is list:
        return _placeholder(get_args(annotation)[0])
    if get_origin(annotation) is Literal:
        return "|".join(get_args(annotation))
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return "|".join(str(each.value) for each in annotation)
    return PLACEHOLDERS.get(annotation) or str(annotation.__name__).upper()


def _text(text: str | None) -> str:
    """A text in one line of ASCII, with nothing in it that roff would read as a request."""
    line = " ".join((text or "").split()).replace("\\", r"\e").replace("-", r"\-")
    line = "".join(letter if letter.isascii() else rf"\[u{ord(letter):04X}]" for letter in line)
    return rf"\&{line}" if line.startswith((".", "'")) else line
