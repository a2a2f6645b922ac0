"""Rewrite the parts of the reference that follow from the code: `make docs`.

A generated part stands between `<!-- generated: name -->` and `<!-- end: name -->`; the rest of a
page is written by hand and left as it is. `tests/test_docs.py` fails while a part is out of date.
"""

from __future__ import annotations

import inspect
import re
import textwrap
from dataclasses import fields
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import typer

from tallystick.api import errors as api_errors
from tallystick.cli import app
from tallystick.cli.man import value_named
from tallystick.core.errors import Refusal
from tallystick.core.reasons import RULES, Code
from tallystick.intake import KINDS, Mapping, presets
from tallystick.operations.metrics import METRICS, PREFIX
from tallystick.settings import Settings, text_of, variable
from tallystick.store.queries import migrations_for
from tallystick.thingspace.errors import ANSWERS, UNEXPECTED, Answer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

REFERENCE = Path(__file__).parent / "reference"
PROGRAM = "tallystick"
COLUMNS_MAX = 100  # of a line of prose
UNEXPECTED_WHEN = "The server failed; its log says more."
HTTP_ERRORS = {
    405: "No such method here.",
    406: "None of the forms that Accept names is known.",
    413: "The body is too large.",
    415: "The Content-Type is not known.",
}
TABLE = re.compile(r"((?:^--[^\n]*\n)*)^CREATE TABLE (\w+) \(\n(.*?)^\)", re.MULTILINE | re.DOTALL)
ADDED = re.compile(r"((?:^--[^\n]*\n)+)^ALTER TABLE (\w+) ADD COLUMN ([^\n]+);$", re.MULTILINE)
COLUMN = re.compile(
    r"^    (?P<name>[a-z]\w*) (?P<kind>INTEGER|TEXT|BLOB)(?P<rule>[^\n]*?)"
    r",?\s*(?:-- (?P<about>.*))?$"
)
FIELD = re.compile(r'^    (\w+): [^\n]*\n    """(.*?)"""', re.MULTILINE | re.DOTALL)
KEY = re.compile(r"^    (?:PRIMARY KEY|UNIQUE) \(.*\)")


def commands() -> str:
    """Every command with its arguments and options."""
    return "\n\n".join(_command(path, command) for path, command in command_tree() if path[1:])


def command_tree() -> list[tuple[tuple[str, ...], Any]]:
    """Every command and group of commands by the words that call it, the program itself first."""
    return list(_tree((PROGRAM,), typer.main.get_command(app)))


def _tree(
    path: tuple[str, ...],
    command: Any,  # noqa: ANN401 - Typer's private class
) -> Iterator[tuple[tuple[str, ...], Any]]:
    yield path, command
    for name, below in getattr(command, "commands", {}).items():
        yield from _tree((*path, name), below)


def _command(path: Sequence[str], command: Any) -> str:  # noqa: ANN401 - the same
    parts = [f"### {' '.join(path)}", _prose(command.help)]
    arguments = [each for each in command.params if each.param_type_name == "argument"]
    options = [each for each in command.params if each.param_type_name == "option"]
    if arguments:
        rows = ((f"`{_argument(each)}`", _sentence(each.help)) for each in arguments)
        parts.append(_table(("Argument", "Meaning"), rows))
    if options:
        rows = ((f"`{_option(each)}`", _sentence(each.help) + _remarks(each)) for each in options)
        parts.append(_table(("Option", "Meaning"), rows))
    return "\n\n".join(parts)


def _argument(parameter: Any) -> str:  # noqa: ANN401 - the same
    return str(parameter.metavar or parameter.name.upper())


def _option(parameter: Any) -> str:  # noqa: ANN401 - the same
    flags = "`, `".join(parameter.opts + parameter.secondary_opts)
    return flags if parameter.is_flag else f"{flags} {value_named(parameter)}"


def _remarks(parameter: Any) -> str:  # noqa: ANN401 - Typer's private class
    remarks = []
    if parameter.required:
        remarks.append("Required.")
    if parameter.multiple:
        remarks.append("May stand several times.")
    if parameter.min is not None and parameter.max is not None:
        remarks.append(f"From {parameter.min} to {parameter.max}.")
    elif parameter.min is not None:
        remarks.append(f"{parameter.min} at least.")
    if isinstance(parameter.default, Enum):
        remarks.append(f"Default: `{parameter.default.value}`.")
    return "".join(f" {remark}" for remark in remarks)


def settings() -> str:
    """Every setting with its variable and default."""
    rows = (
        (
            f"`{variable(each.name)}`",
            f"`{text_of(each.default)}`",
            _sentence(each.metadata["about"]),
        )
        for each in fields(Settings)
    )
    return _table(("Variable", "Default", "Meaning"), rows)


def metrics() -> str:
    """Every metric."""
    rows = (
        (f"`{PREFIX}{each.name}`", each.kind, ", ".join(each.labels), each.about)
        for each in METRICS
    )
    return _table(("Metric", "Kind", "Labels", "Meaning"), rows)


def refusals() -> str:
    """Every code of our own."""
    return _table(
        ("Code", "Meaning"), ((f"`{each.code}`", _first_line(each)) for each in _family(Refusal))
    )


def _family(kind: type[Refusal]) -> Iterator[type[Refusal]]:
    """A refusal and those below it, each code once; those of a shell have no code of their own."""
    if "code" in vars(kind):
        yield kind
    for below in kind.__subclasses__():
        yield from _family(below)


def wire_errors() -> str:
    """Every error of the ThingSpace shell, as it reads."""
    rows = [
        _wire_row(answer, _first_line(kind))
        for kind, answer in ANSWERS.items()
        if kind is not Refusal
    ]
    rows.append(_wire_row(ANSWERS[Refusal], "Whatever else is wrong with the request."))
    rows.append(_wire_row(UNEXPECTED, UNEXPECTED_WHEN))
    return _table(("Status", "Code", "When", "Headers"), rows)


def _wire_row(answer: Answer, when: str) -> tuple[str, ...]:
    headers = ", ".join(f"`{name}: {value}`" for name, value in answer.headers.items())
    return answer.status.split()[0], f"`{wire_code(answer)}`", when, headers


def wire_code(answer: Answer) -> str:
    """The code in an answer, whichever of the three shapes it has."""
    body = msgspec.json.decode(msgspec.json.encode(answer.body("")))
    return str(body.get("errorCode") or body.get("error") or body["fault"]["code"])


def api_refusals() -> str:
    """Every status of our own API, and the codes that have it."""
    rows = [
        (str(status), f"`{kind.code}`", _first_line(kind))
        for kind, status in api_errors.STATUS.items()
    ]
    rows += [
        (str(status), f"`{code}`", HTTP_ERRORS[status])
        for status, code in api_errors.HTTP_CODES.items()
    ]
    rows.append(("500", "`failed`", UNEXPECTED_WHEN))
    return _table(("Status", "Code", "When"), rows)


def _first_line(kind: type) -> str:
    return _sentence((kind.__doc__ or "").split("\n")[0])


def causes() -> str:
    """Every rule by which a cause is guessed, in their order."""
    rows = ((f"`{rule.cause}`", _codes(rule.needs), _codes(rule.without)) for rule in RULES)
    return _table(("Likely cause", "There is", "There is no"), rows)


def _codes(codes: frozenset[Code]) -> str:
    return ", ".join(f"`{code}`" for code in Code if code in codes)


def schema() -> str:
    """Every table of the store with its columns, those that a later migration added last."""
    text = "\n".join(text for _, text in migrations_for("sqlite"))
    added: dict[str, str] = {}
    for comment, table, column in ADDED.findall(text):
        added[table] = added.get(table, "") + f"    {column}, -- {_about(comment)}\n"
    return "\n\n".join(
        _schema_table(comment, name, body + added.get(name, ""))
        for comment, name, body in TABLE.findall(text)
    )


def _schema_table(comment: str, name: str, body: str) -> str:
    lines = body.splitlines()
    rows = [
        (f"`{column['name']}`", f"{column['kind']}{column['rule']}", column["about"] or "")
        for column in map(COLUMN.match, lines)
        if column
    ]
    keys = [f"`{line.strip().rstrip(',')}`" for line in lines if KEY.match(line)]
    parts = [
        f"### {name}",
        _prose(_about(comment)),
        _table(("Column", "Type", "Meaning"), rows),
        ", ".join(keys),
    ]
    return "\n\n".join(part for part in parts if part)


def _about(comment: str) -> str:
    """The text of a comment in SQL, of one line or several."""
    return " ".join(line.removeprefix("--").strip() for line in comment.splitlines())


def _prose(text: str | None) -> str:
    """A paragraph of whole sentences, in lines of a page's width."""
    return textwrap.fill(
        _sentence(text), COLUMNS_MAX, break_long_words=False, break_on_hyphens=False
    )


def _sentence(text: str | None) -> str:
    text = " ".join((text or "").split())
    return text if not text or text.endswith(".") else f"{text}."


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(
        "| " + " | ".join(cell.replace("|", r"\|") for cell in line) + " |" for line in lines
    )


def mapping_fields() -> str:
    """Every field of a mapping, from what the code says of it."""
    source = inspect.getsource(Mapping)
    abouts = dict(FIELD.findall(source))
    rows = ((f"`{name}`", _sentence(abouts[name])) for name in Mapping.__struct_fields__)
    return _table(("Field", "Meaning"), rows)


def mapping_presets() -> str:
    """Every mapping that comes with Tallystick."""
    rows = (
        (f"`{name}`", ", ".join(f"`{kind}`" for kind in mapping.kinds), _sentence(mapping.about))
        for name, mapping in presets().items()
    )
    return _table(("Mapping", "Kinds", "Reads"), rows)


def aliases() -> str:
    """The other names that the columns of each kind are known by."""
    rows = [
        (f"`{kind.name}`", f"`{column.name}`", _names(column.also))
        for kind in KINDS.values()
        for column in kind.columns
        if column.also and kind.name != "types"
    ]
    return _table(("Kind", "Column", "Also called, the best first"), rows)


def _names(also: Sequence[str | tuple[str, ...]]) -> str:
    return ", ".join(
        f"`{each}`" if isinstance(each, str) else " and ".join(f"`{name}`" for name in each)
        for each in also
    )


PARTS: dict[str, tuple[str, Callable[[], str]]] = {
    "commands": ("cli.md", commands),
    "settings": ("settings.md", settings),
    "metrics": ("metrics.md", metrics),
    "refusals": ("errors.md", refusals),
    "wire errors": ("errors.md", wire_errors),
    "api refusals": ("errors.md", api_refusals),
    "causes": ("reasons.md", causes),
    "schema": ("store-schema.md", schema),
    "mapping fields": ("mappings.md", mapping_fields),
    "mappings": ("mappings.md", mapping_presets),
    "aliases": ("import-files.md", aliases),
}
"""The generated parts by name: the page that each stands on, and what makes it."""


def renewed(text: str, name: str, content: str) -> str:
    """The text of a page with one generated part as it should be.

    Raises `ValueError` where the markers of that part are missing.
    """
    begin, end = f"<!-- generated: {name} -->", f"<!-- end: {name} -->"
    before, opened, rest = text.partition(begin)
    _, closed, after = rest.partition(end)
    if not (opened and closed):
        message = f"the markers of {name} are missing"
        raise ValueError(message)
    return f"{before}{begin}\n\n{content}\n\n{end}{after}"


def main() -> None:
    """Rewrite every generated part."""
    for name, (page, make) in PARTS.items():
        path = REFERENCE / page
        path.write_text(renewed(path.read_text("utf-8"), name, make()), "utf-8")


if __name__ == "__main__":
    main()
