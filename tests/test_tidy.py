"""Habits of the source, held by reading it: what stands where, and what must not stand anywhere."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tallystick.store.queries import HEADER, parse_queries

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "src" / "tallystick"
SQL = PACKAGE / "store" / "sql"

FUNCTION_LINES_MAX = 50
Function = ast.FunctionDef | ast.AsyncFunctionDef

# Files where an error of any kind may be caught, because it has nowhere further to go: the
# outermost shells, and what keeps background loops alive.
OUTERMOST = (
    "__main__.py",
    "background.py",
    "cli/__init__.py",
    "server.py",
    "thingspace/errors.py",
    "api/errors.py",
    "console/errors.py",
)
# Words of the transaction, which an engine's module says itself.
TRANSACTION_WORDS = re.compile(
    r"BEGIN(?: IMMEDIATE| ISOLATION LEVEL [A-Z ]+)?|COMMIT|ROLLBACK(?: TO \w+)?|SAVEPOINT \w+|RELEASE \w+"
)
ENGINE_MODULES = ("store/engines/sqlite.py", "store/engines/postgresql.py")


def modules(under: Path = PACKAGE) -> list[Path]:
    """The package's Python files."""
    found = sorted(under.rglob("*.py"))
    assert found
    return found


def where(path: Path, node: ast.AST | None = None) -> str:
    """A place, as an editor opens it."""
    return f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 1)}"


def within(path: Path, *names: str) -> bool:
    """Whether a file of the package is one of these, or in one of these folders."""
    relative = path.relative_to(PACKAGE).as_posix()
    return any(
        relative == name or (name.endswith("/") and relative.startswith(name)) for name in names
    )


@cache
def tree_of(path: Path) -> ast.Module:
    """A file's syntax."""
    return ast.parse(path.read_text("utf-8"))


def functions(path: Path) -> Iterator[Function]:
    """Every function and method of a file."""
    return (node for node in ast.walk(tree_of(path)) if isinstance(node, Function))


def docstrings(path: Path) -> set[int]:
    """The string nodes that are docstrings, or stand alone beneath a name like one."""
    return {
        id(node.value)
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }


def strings(path: Path) -> Iterator[tuple[ast.Constant, str]]:
    """Every string that the program uses, docstrings aside."""
    told = docstrings(path)
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in told:
            yield node, node.value


# Imports


def test_imports_go_downwards_only() -> None:
    """`pyproject.toml` draws the floors; import-linter holds them."""
    linted = subprocess.run(
        [
            sys.executable,
            "-c",
            "from importlinter.cli import lint_imports_command; lint_imports_command()",
            "--no-cache",
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert linted.returncode == 0, linted.stdout + linted.stderr
    assert "Contracts: 4 kept, 0 broken." in linted.stdout


CLOCK_AND_IO = {
    "asyncio", "io", "locale", "logging", "multiprocessing", "os", "pathlib", "random", "secrets", "select", "shutil",
    "socket", "sqlite3", "subprocess", "sys", "tempfile", "threading", "time", "urllib", "uuid",
}  # fmt: skip


def test_the_core_has_neither_clock_nor_input_nor_output() -> None:
    found = []
    for path in modules(PACKAGE / "core"):
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.Import):
                names = {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                names = {(node.module or "").partition(".")[0]}
            elif isinstance(node, ast.Call):
                called = (
                    node.func.attr
                    if isinstance(node.func, ast.Attribute)
                    else getattr(node.func, "id", "")
                )
                names = {called} & {
                    "now",
                    "utcnow",
                    "today",
                    "open",
                    "print",
                    "input",
                    "exec",
                    "eval",
                    "__import__",
                }
                found += [f"{where(path, node)} calls {name}" for name in names]
                continue
            else:
                continue
            found += [f"{where(path, node)} imports {name}" for name in names & CLOCK_AND_IO]
    assert found == []


# SQL

SQL_VERB = re.compile(
    r"\s*(?:SELECT|INSERT|UPDATE|DELETE|CREATE|ALTER|DROP|WITH|REPLACE|PRAGMA|VACUUM|ATTACH|BEGIN|COMMIT|ROLLBACK|SAVEPOINT|RELEASE)\b(?:\s+[\w(*]|$)"
    r"|\s*(?:select\s.+\sfrom\s|insert\s+into\s|update\s+\w+\s+set\s|delete\s+from\s|(?:create|drop|alter)\s+(?:table|index)\s)",
    re.DOTALL,
)
HTTP_METHODS = re.compile(r"DELETE(?: /.*)?")


def test_sql_stands_in_sql_files_only() -> None:
    found = [
        f"{where(path, node)} {text[:50]!r}"
        for path in modules()
        for node, text in strings(path)
        if SQL_VERB.match(text)
        and not HTTP_METHODS.fullmatch(text)
        and not (within(path, *ENGINE_MODULES) and TRANSACTION_WORDS.fullmatch(text))
    ]
    assert found == []


def test_the_pattern_for_sql_knows_sql() -> None:
    for text in (
        "SELECT 1",
        " \nSELECT\n  a",
        "WITH x AS (",
        "select a from b",
        "insert into t values",
        "BEGIN",
        "DROP TABLE t",
    ):
        assert SQL_VERB.match(text), text
    for text in (
        "Select one.",
        "Create or upgrade the store.",
        "update",
        "With care",
        "deleted",
        "SELECTED rows",
    ):
        assert not SQL_VERB.match(text), text


def engines() -> list[Path]:
    """The folders of what must differ by engine."""
    return sorted(
        folder for folder in SQL.iterdir() if folder.is_dir() and folder.name != "migrations"
    )


def query_files() -> list[Path]:
    """Every file of named queries."""
    return sorted(
        [*SQL.glob("*.sql"), *(file for folder in engines() for file in folder.glob("*.sql"))]
    )


def names_in(files: list[Path]) -> set[str]:
    """The names of the queries in some files."""
    return {name for file in files for name in parse_queries(file.read_text("utf-8"))}


@pytest.mark.parametrize("file", query_files(), ids=lambda file: str(file.relative_to(SQL)))
def test_each_query_has_a_name_and_a_comment_that_says_what_it_answers(file: Path) -> None:
    lines = file.read_text("utf-8").splitlines()
    headers = [number for number, line in enumerate(lines) if "-- name" in line]
    assert headers
    for number in headers:
        assert HEADER.match(lines[number]), f"{where(file)}{number + 1}: {lines[number]}"
        assert re.match(r"-- [A-Z].*", lines[number + 1]), f"no comment behind {lines[number]}"
        comment = []
        for line in lines[number + 1 :]:
            if not line.startswith("--"):
                break
            comment.append(line)
        assert re.search(r"[.?]$", comment[-1]), f"the comment of {lines[number]} is no sentence"


def test_each_query_stands_once_among_those_of_every_engine() -> None:
    common = [name for file in SQL.glob("*.sql") for name in parse_queries(file.read_text("utf-8"))]
    assert sorted(common) == sorted(set(common))


def test_each_query_is_asked_somewhere() -> None:
    asked = {text for path in modules(PACKAGE / "store") for _, text in strings(path)}
    assert names_in(query_files()) - asked == set()


def test_each_query_that_is_asked_is_there() -> None:
    asking = {"rows", "row", "run", "run_many", "run_frame", "_wires", "_take"}
    there = names_in(query_files())
    asked = 0
    for path in modules(PACKAGE / "store"):
        for node in ast.walk(tree_of(path)):
            if not (
                isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args
            ):
                continue
            name = node.args[1 if node.func.attr == "_value" and len(node.args) > 1 else 0]
            if (
                node.func.attr in {*asking, "_value"}
                and isinstance(name, ast.Constant)
                and isinstance(name.value, str)
            ):
                asked += 1
                assert name.value in there, f"{where(path, node)} asks {name.value}"
    assert asked > 20


@pytest.mark.parametrize("folder", engines(), ids=lambda folder: folder.name)
def test_what_an_engine_has_of_its_own_overrides_a_common_query_or_stands_in_its_connection(
    folder: Path,
) -> None:
    common = names_in(sorted(SQL.glob("*.sql")))
    everywhere = set.intersection(*(names_in(sorted(each.glob("*.sql"))) for each in engines()))
    for file in sorted(folder.glob("*.sql")):
        own = names_in([file])
        if file.name == "connection.sql":
            assert own & common == set(), "an override in connection.sql"
        else:
            assert own - common - everywhere == set(), (
                f"no query of that name elsewhere: {file.name}"
            )


# Functions


def test_functions_are_shorter_than_fifty_lines() -> None:
    found = [
        f"{where(path, function)} {function.name}: {lines} lines"
        for path in modules()
        for function in functions(path)
        if (lines := (function.end_lineno or 0) - function.lineno + 1) >= FUNCTION_LINES_MAX
    ]
    assert found == []


def test_errors_are_caught_by_name() -> None:
    found = []
    for path in modules():
        for node in ast.walk(tree_of(path)):
            if not isinstance(node, ast.ExceptHandler) or within(path, *OUTERMOST):
                continue
            kinds = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
            broad = [
                kind
                for kind in kinds
                if kind is None or getattr(kind, "id", "") in {"Exception", "BaseException"}
            ]
            if broad and not _passes_on(node):
                found.append(where(path, node))
    assert found == []


def _passes_on(handler: ast.ExceptHandler) -> bool:
    """Whether the last thing a handler does is to raise what it caught: it tidies up and hides nothing."""
    last = handler.body[-1]
    return isinstance(last, ast.Raise) and last.exc is None


def public_definitions(tree: ast.Module) -> Iterator[Function | ast.ClassDef]:
    """Public functions and classes, and the public methods of public classes; not functions within functions."""
    bodies: list[ast.Module | ast.ClassDef] = [tree]
    while bodies:
        for node in bodies.pop().body:
            if isinstance(node, Function | ast.ClassDef) and not node.name.startswith("_"):
                yield node
                if isinstance(node, ast.ClassDef):
                    bodies.append(node)


def test_each_public_name_says_in_a_sentence_what_it_is() -> None:
    found = []
    for path in modules():
        for node in (tree_of(path), *public_definitions(tree_of(path))):
            first = (ast.get_docstring(node) or "").split("\n")[0]
            # A module may also put the question that it answers.
            if not first.endswith((".", "?") if isinstance(node, ast.Module) else "."):
                found.append(
                    f"{where(path, node)} {getattr(node, 'name', 'the module')}: {first!r}"
                )
    assert found == []


# Words

WIRE_WORDS = (
    "accountName", "groupName", "groupDescription", "newGroupName", "newGroupDescription", "deviceIds", "deviceId",
    "devicesToAdd", "devicesToRemove", "simOtaDate", "preImei", "postImei", "activationDate", "lastActivationDate",
    "errorCode", "errorMessage", "sessionToken", "oldPassword", "newPassword", "hasMoreData", "uploadType",
    "deviceSku", "emailAddress", "requestId", "maxNumberOfDevices", "largestDeviceIdSeen", "isDefaultGroup",
    "extendedAttributes", "groupNames", "UnifiedWebService", "imeiiccidmismatch",
)  # fmt: skip


def test_verizons_words_stand_in_its_own_room_only() -> None:
    wire_word = re.compile(rf"\b(?:{'|'.join(WIRE_WORDS)})\b")
    found = [
        f"{path.relative_to(ROOT)}:{number} {word[0]}"
        for path in sorted([*PACKAGE.rglob("*.py"), *PACKAGE.rglob("*.sql")])
        if not within(path, "thingspace/")
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
        for word in wire_word.finditer(line)
    ]
    assert found == []


def test_they_do_stand_there() -> None:
    """The test above would hold of misspelt words too."""
    room = "\n".join(path.read_text("utf-8") for path in (PACKAGE / "thingspace").rglob("*.py"))
    assert {"accountName", "preImei", "postImei"} & set(re.findall(r"\w+", room))


def tracked_files() -> list[Path]:
    """What is, or is about to be, in the repository; what lies around of it where there is none."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],  # noqa: S607 - git is found on the PATH
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    names = (
        listed.stdout.split("\0") if listed.returncode == 0 else [str(path) for path in modules()]
    )
    return [ROOT / name for name in names if name and (ROOT / name).is_file()]


def lines_of_text() -> Iterator[tuple[str, str]]:
    """Every line of every text file in the repository, with its place."""
    for path in tracked_files():
        try:
            text = path.read_text("utf-8")
        except UnicodeDecodeError:
            continue
        for number, line in enumerate(text.splitlines(), 1):
            yield f"{path.relative_to(ROOT)}:{number}", line


def test_nothing_is_left_to_be_done_in_the_source() -> None:
    mark = re.compile(rf"\b(?:{'TO' + 'DO'}|{'FIX' + 'ME'}|{'X' * 3}|{'HA' + 'CK'})\b")
    found = [place for place, line in lines_of_text() if mark.search(line)]
    assert found == []


# Put together here, so that this file does not hold what it looks for.
MACHINE = [
    "/" + "work/",
    "/" + "root/",
    "/" + r"home/\w",
    "/" + r"Users/\w",
    "/" + "tmp/w/",
    "/" + r"mnt/\w",
    r"C:" + r"\\\\Users",
]
REGISTRIES = [
    "py" + r"pi\.org",
    "python" + r"hosted\.",
    "npm" + r"js\.(?:org|com)",
    "proxy" + r"\.golang",
    "crates" + r"\.io",
    "arti" + "factory",
    "--(?:extra-)?" + "index" + "-url",
    "trusted" + "-host",
]


@pytest.mark.parametrize("pattern", [*MACHINE, *REGISTRIES])
def test_no_file_knows_this_machine_or_a_registry(pattern: str) -> None:
    search = re.compile(rf"(?<![\w.~-]){pattern}" if pattern.startswith("/") else pattern).search
    found = [place for place, line in lines_of_text() if search(line)]
    assert found == []


def test_the_repository_was_read() -> None:
    names = {path.relative_to(ROOT).as_posix() for path in tracked_files()}
    assert "src/tallystick/core/pairing.py" in names
    assert len(list(lines_of_text())) > 1000
