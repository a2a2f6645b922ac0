"""Habits of the source, held by reading it: what stands where, and what must not stand anywhere."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
from contextlib import suppress
from functools import cache
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tallystick.store.queries import HEADER, PLACE_OF_PART, parse_sql

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "src" / "tallystick"
SQL = PACKAGE / "store" / "sql"
FOLDERS = (".ci", "benchmarks", "deploy", "docs", "requirements", "src", "tests")

COLUMNS_MAX = 100
# The longest function of today; the number may only go down.
FUNCTION_LINES_MAX = 46
# Lines of SQL that are longer than COLUMNS_MAX, migrations aside. The number may only go down.
LONG_SQL_LINES = 57
# Names of variables that say nothing about what they hold, and how often each is given to one.
# A number may only go down; lower it here when a name has become a better one.
EMPTY_NAMES = {"told": 5, "found": 1, "some": 0}
Function = ast.FunctionDef | ast.AsyncFunctionDef

# Files where an error of any kind may be caught, because it has nowhere further to go: the
# outermost shells, and what keeps background loops alive.
OUTERMOST = (
    "__main__.py",
    "background.py",
    "cli/__init__.py",
    "server.py",
    "wiring.py",
    "thingspace/errors.py",
    "api/errors.py",
    "console/errors.py",
)
# Words of the transaction, which an engine's module says itself.
TRANSACTION_WORDS = re.compile(
    r"BEGIN(?: IMMEDIATE| ISOLATION LEVEL [A-Z ]+)?|COMMIT"
    r"|ROLLBACK(?: TO \w+)?|SAVEPOINT \w+|RELEASE \w+"
)
ENGINE_MODULES = ("store/engines/sqlite.py", "store/engines/postgresql_connection.py")


def modules(under: Path = PACKAGE) -> list[Path]:
    """The package's Python files."""
    files = sorted(under.rglob("*.py"))
    assert files
    return files


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
    unused = docstrings(path)
    for node in ast.walk(tree_of(path)):
        if (
            isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and id(node) not in unused
        ):
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
    assert "Contracts: 5 kept, 0 broken." in linted.stdout


CLOCK_AND_IO = {
    "asyncio", "io", "locale", "logging", "multiprocessing", "os", "pathlib", "random", "secrets",
    "select", "shutil", "socket", "sqlite3", "subprocess", "sys", "tempfile", "threading", "time",
    "urllib", "uuid",
}  # fmt: skip


def test_the_core_has_neither_clock_nor_input_nor_output() -> None:
    violations = []
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
                violations += [f"{where(path, node)} calls {name}" for name in names]
                continue
            else:
                continue
            violations += [f"{where(path, node)} imports {name}" for name in names & CLOCK_AND_IO]
    assert violations == []


# SQL

SQL_VERB = re.compile(
    r"\s*(?:SELECT|INSERT|UPDATE|DELETE|CREATE|ALTER|DROP|WITH|REPLACE|PRAGMA|VACUUM|ATTACH"
    r"|BEGIN|COMMIT|ROLLBACK|SAVEPOINT|RELEASE)\b(?:\s+[\w(*]|$)"
    r"|\s*(?:select\s.+\sfrom\s|insert\s+into\s|update\s+\w+\s+set\s|delete\s+from\s"
    r"|(?:create|drop|alter)\s+(?:table|index)\s)",
    re.DOTALL,
)
HTTP_METHODS = re.compile(r"DELETE(?: /.*)?")


def test_sql_stands_in_sql_files_only() -> None:
    violations = [
        f"{where(path, node)} {text[:50]!r}"
        for path in modules()
        for node, text in strings(path)
        if SQL_VERB.match(text)
        and not HTTP_METHODS.fullmatch(text)
        and not (within(path, *ENGINE_MODULES) and TRANSACTION_WORDS.fullmatch(text))
    ]
    assert violations == []


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
    return {name for file in files for name in parse_sql(file.read_text("utf-8")).queries}


def parts_in(files: list[Path]) -> set[str]:
    """The names of the parts of queries in some files."""
    return {name for file in files for name in parse_sql(file.read_text("utf-8")).parts}


@pytest.mark.parametrize("file", query_files(), ids=lambda file: str(file.relative_to(SQL)))
def test_each_query_has_a_name_and_a_comment_that_says_what_it_answers(file: Path) -> None:
    lines = file.read_text("utf-8").splitlines()
    headers = [number for number, line in enumerate(lines) if re.search("-- (name|part)", line)]
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
    common = [
        name
        for file in SQL.glob("*.sql")
        for names in parse_sql(file.read_text("utf-8"))
        for name in names
    ]
    assert sorted(common) == sorted(set(common))


def test_each_part_of_a_query_is_there_and_stands_somewhere() -> None:
    common = sorted(SQL.glob("*.sql"))
    named = {
        place[3]
        for file in query_files()
        for place in PLACE_OF_PART.finditer(file.read_text("utf-8"))
    }
    assert named == parts_in(common)
    assert parts_in(query_files()) == parts_in(common), "a part that one engine alone has"


# The modules that put topics together; they ask queries of any topic.
ABOVE_TOPICS = {"writer", "kept", "neighbours", "refresh"}


@pytest.mark.parametrize("file", query_files(), ids=lambda file: str(file.relative_to(SQL)))
def test_each_query_stands_in_the_file_of_the_module_that_asks_it(file: Path) -> None:
    if file.name == "connection.sql":
        return  # what an engine asks for itself
    askers = [
        path for path in modules(PACKAGE / "store") if path.stem in {file.stem, *ABOVE_TOPICS}
    ]
    asked = {text for path in askers for _, text in strings(path)}
    assert names_in([file]) - asked == set()


def test_each_query_is_asked_somewhere() -> None:
    asked = {text for path in modules(PACKAGE / "store") for _, text in strings(path)}
    assert names_in(query_files()) - asked == set()


def askers() -> dict[str, int]:
    """Every function of the store that takes the name of a query, and which argument that is."""
    positions: dict[str, int] = {}
    for path in modules(PACKAGE / "store"):
        for function in functions(path):
            names = [
                argument.arg
                for argument in (*function.args.posonlyargs, *function.args.args)
                if argument.arg not in {"self", "cls"}
            ]
            if "query" in names:
                position = positions.setdefault(function.name, names.index("query"))
                assert position == names.index("query"), f"{where(path, function)}: another place"
    return positions


def literals_of(node: ast.expr, tables: dict[str, ast.Dict]) -> set[str]:
    """The names that an argument can be.

    It is written out as one, as a choice of two, or as what a dictionary of the module has.
    """
    if isinstance(node, ast.IfExp):
        return literals_of(node.body, tables) | literals_of(node.orelse, tables)
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return {node.value}
    if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name):
        table = tables.get(node.value.id)
        values = [] if table is None else table.values
        return {name for value in values for name in literals_of(value, tables)}
    return set()


def dictionaries_of(tree: ast.Module) -> dict[str, ast.Dict]:
    """The dictionaries that a module writes out, by name."""
    return {
        target.id: node.value
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Dict)
        for target in node.targets
        if isinstance(target, ast.Name)
    }


def queries_asked() -> Iterator[tuple[str, str]]:
    """Every place that asks for a query by a literal name, and the name."""
    positions = askers()
    for path in modules(PACKAGE / "store"):
        tables = dictionaries_of(tree_of(path))
        for node in ast.walk(tree_of(path)):
            if not isinstance(node, ast.Call):
                continue
            asker = getattr(node.func, "attr", getattr(node.func, "id", ""))
            position = positions.get(asker, len(node.args))
            arguments = node.args[position : position + 1]
            arguments += [keyword.value for keyword in node.keywords if keyword.arg == "query"]
            for argument in arguments:
                yield from ((where(path, node), name) for name in literals_of(argument, tables))


def test_each_query_that_is_asked_is_there() -> None:
    existing = names_in(query_files())
    missing = [f"{place} asks {name}" for place, name in queries_asked() if name not in existing]
    assert missing == []


def test_nearly_every_query_is_seen_to_be_asked() -> None:
    """Else the test above looks at the wrong calls. Names that are composed are not literals."""
    existing = names_in(query_files())
    assert {"_value", "_numbers", "_put", "frame", "rows", "stream"} <= set(askers())
    assert "rows_listed_by_imei" in {name for _, name in queries_asked()}
    assert len(existing - {name for _, name in queries_asked()}) <= len(existing) / 9


@pytest.mark.parametrize("folder", engines(), ids=lambda folder: folder.name)
def test_what_an_engine_has_of_its_own_overrides_a_common_query_or_stands_in_its_connection(
    folder: Path,
) -> None:
    common = names_in(sorted(SQL.glob("*.sql")))
    with_own = [each for each in engines() if each.name != "citus"]  # which has PostgreSQL's
    everywhere = set.intersection(*(names_in(sorted(each.glob("*.sql"))) for each in with_own))
    for file in sorted(folder.glob("*.sql")):
        own = names_in([file])
        if file.name == "connection.sql":
            assert own & common == set(), "an override in connection.sql"
        else:
            assert own - common - everywhere == set(), (
                f"no query of that name elsewhere: {file.name}"
            )


# Functions


def lines_of(function: Function) -> int:
    """How many lines a function has, from its `def` to its end."""
    return (function.end_lineno or function.lineno) - function.lineno + 1


def test_no_function_is_longer_than_the_longest_of_today() -> None:
    lengths = {
        f"{where(path, function)} {function.name}": lines_of(function)
        for path in modules()
        for function in functions(path)
    }
    too_long = [place for place, lines in lengths.items() if lines > FUNCTION_LINES_MAX]
    assert too_long == []


def test_errors_are_caught_by_name() -> None:
    violations = []
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
                violations.append(where(path, node))
    assert violations == []


def _passes_on(handler: ast.ExceptHandler) -> bool:
    """Whether a handler ends by raising what it caught: it tidies up and hides nothing."""
    last = handler.body[-1]
    return isinstance(last, ast.Raise) and last.exc is None


def public_definitions(tree: ast.Module) -> Iterator[Function | ast.ClassDef]:
    """Public functions and classes, and public methods of public classes; no inner functions."""
    bodies: list[ast.Module | ast.ClassDef] = [tree]
    while bodies:
        for node in bodies.pop().body:
            if isinstance(node, Function | ast.ClassDef) and not node.name.startswith("_"):
                yield node
                if isinstance(node, ast.ClassDef):
                    bodies.append(node)


def test_each_public_name_says_in_a_sentence_what_it_is() -> None:
    violations = []
    for path in modules():
        for node in (tree_of(path), *public_definitions(tree_of(path))):
            first = (ast.get_docstring(node) or "").split("\n")[0]
            # A module may also put the question that it answers.
            if not first.endswith((".", "?") if isinstance(node, ast.Module) else "."):
                violations.append(
                    f"{where(path, node)} {getattr(node, 'name', 'the module')}: {first!r}"
                )
    assert violations == []


# Lines

FENCE = re.compile(r"^ *```")


def prose_of(page: Path) -> Iterator[tuple[int, str]]:
    """The lines of a page that are neither code nor rows of a table nor headings, numbered."""
    in_code = False
    for number, line in enumerate(page.read_text("utf-8").splitlines(), 1):
        if FENCE.match(line):
            in_code = not in_code
        elif not in_code and not line.lstrip().startswith(("|", "#")):
            yield number, line


def cannot_be_broken(line: str) -> bool:
    """Whether a line is one word, one piece of code or one link, apart from a bullet before it."""
    return re.fullmatch(r"\s*(?:[-*] )?(?:\S+|`[^`]+`\S*|\[[^]]*\]\([^)]*\)\S*)", line) is not None


def test_prose_is_at_most_a_hundred_columns_wide() -> None:
    """So that a change of a page can be read line by line."""
    pages = [path for path in tracked_files() if path.suffix == ".md"]
    assert len(pages) > 40
    too_wide = [
        f"{page.relative_to(ROOT)}:{number}"
        for page in pages
        for number, line in prose_of(page)
        if len(line) > COLUMNS_MAX and not cannot_be_broken(line)
    ]
    assert too_wide == []


def test_sql_is_at_most_a_hundred_columns_wide() -> None:
    """Migrations aside: stores were made with them, and SQLite keeps their text."""
    too_wide = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in query_files()
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
        if len(line) > COLUMNS_MAX
    ]
    assert len(too_wide) <= LONG_SQL_LINES, f"lower LONG_SQL_LINES, or break {too_wide}"


def variables(path: Path) -> Iterator[tuple[ast.AST, str]]:
    """Every name that a file gives to a variable or a parameter, and where."""
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.arg):
            yield node, node.arg
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node, node.id


@pytest.mark.parametrize("name", EMPTY_NAMES)
def test_variables_say_what_they_hold(name: str) -> None:
    places = [
        where(path, node)
        for path in modules()
        for node, variable in variables(path)
        if variable == name
    ]
    assert len(places) <= EMPTY_NAMES[name], f"lower the number of {name}, or rename in {places}"


# Words

WIRE_WORDS = (
    "accountName", "groupName", "groupDescription", "newGroupName", "newGroupDescription",
    "deviceIds", "deviceId", "devicesToAdd", "devicesToRemove", "simOtaDate", "preImei", "postImei",
    "activationDate", "lastActivationDate", "errorCode", "errorMessage", "sessionToken",
    "oldPassword", "newPassword", "hasMoreData", "uploadType", "deviceSku", "emailAddress",
    "requestId", "maxNumberOfDevices", "largestDeviceIdSeen", "isDefaultGroup",
    "extendedAttributes", "groupNames", "UnifiedWebService", "imeiiccidmismatch",
)  # fmt: skip


def test_verizons_words_stand_in_its_own_room_only() -> None:
    wire_word = re.compile(rf"\b(?:{'|'.join(WIRE_WORDS)})\b")
    violations = [
        f"{path.relative_to(ROOT)}:{number} {word[0]}"
        for path in sorted([*PACKAGE.rglob("*.py"), *PACKAGE.rglob("*.sql")])
        if not within(path, "thingspace/")
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
        for word in wire_word.finditer(line)
    ]
    assert violations == []


def test_they_do_stand_there() -> None:
    """The test above would hold of misspelt words too."""
    room = "\n".join(path.read_text("utf-8") for path in (PACKAGE / "thingspace").rglob("*.py"))
    assert {"accountName", "preImei", "postImei"} & set(re.findall(r"\w+", room))


def tracked_files() -> list[Path]:
    """What is, or is about to be, in the repository; what lies there where git cannot say."""
    git = shutil.which("git")
    if git:
        command = [git, "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
        listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        if listed.returncode == 0:
            names = filter(None, listed.stdout.split("\0"))
            return [ROOT / name for name in names if (ROOT / name).is_file()]
    inside = chain.from_iterable((ROOT / folder).rglob("*") for folder in FOLDERS)
    return [
        path
        for path in chain(ROOT.glob("[!.]*"), inside)
        if path.is_file() and "__pycache__" not in path.parts
    ]


@cache
def texts() -> dict[str, str]:
    """Every text file in the repository, by its path."""
    contents = {}
    for path in tracked_files():
        with suppress(UnicodeDecodeError):
            contents[path.relative_to(ROOT).as_posix()] = path.read_text("utf-8")
    return contents


def places_of(pattern: str) -> list[str]:
    """Every place in the repository where a pattern is found within a line."""
    return [
        f"{path}:{text.count(chr(10), 0, match.start()) + 1}"
        for path, text in texts().items()
        for match in re.finditer(pattern, text)
    ]


def test_nothing_is_left_to_be_done_in_the_source() -> None:
    assert places_of(rf"\b(?:{'TO' + 'DO'}|{'FIX' + 'ME'}|{'X' * 3}|{'HA' + 'CK'})\b") == []


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
    whole = rf"(?<![\w.~-]){pattern}" if pattern.startswith("/") else pattern
    assert places_of(whole) == []


def test_the_repository_was_read() -> None:
    names = {path.relative_to(ROOT).as_posix() for path in tracked_files()}
    assert "src/tallystick/core/pairing.py" in names
    assert len(texts()) > 300
    assert places_of("def places_of")
