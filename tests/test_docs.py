"""The documentation cannot lie: what it must name is there, and what it names exists."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tomllib
from dataclasses import replace
from functools import cache
from importlib import metadata
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import falcon.inspect
import pytest
from typer.testing import CliRunner

from docs import generate
from tallystick.cli import app as cli
from tallystick.core.errors import Refusal
from tallystick.core.reasons import Code
from tallystick.intake import KINDS, Kind
from tallystick.settings import Settings, variable
from tallystick.store.queries import migrations_for
from tallystick.thingspace.errors import ANSWERS, UNEXPECTED
from tallystick.wiring import wired_app

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src/tallystick"
DOCS = ROOT / "docs"
REFERENCE = DOCS / "reference"
ROOM_README = ROOT / "src/tallystick/thingspace/README.md"
PAGES = [
    ROOT / "README.md",
    ROOT / "ARCHITECTURE.md",
    ROOT / "CHANGELOG.md",
    ROOT / "SECURITY.md",
    ROOM_README,
    *sorted(DOCS.rglob("*.md")),
]

FENCE = re.compile(r"^ *```(\w*)\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
CALL = re.compile(r"\btallystick ([^|;&)\n]+)")
SPAN = re.compile(r"`(tallystick [^`]+)`")
MAKE = re.compile(r"\bmake ([a-z]+)\b")
SECONDS = re.compile(r" in [0-9.]+ s$")
PACKAGE = re.compile(r"[A-Za-z0-9_.-]+")
ROW_OF_PACKAGES = re.compile(r"^\| ((?:`[\w.-]+`(?:, )?)+) \|", re.MULTILINE)
LINK_TO_DECISION = re.compile(r"\[([^\]]*)\]\((?:[\w./]*/)?(\d{4})-[^)]*\)")
MODULE = re.compile(r"`([\w.-][\w./-]*(?:\.py|\.sql|/))`")
NAME_IN_CODE = re.compile(r"`([A-Za-z_]\w+(?:\.[A-Za-z_]\w+)*)`")
# Only data, which the standard library reads.
NEVER_IMPORTED = {"tzdata"}
ANY_PATH_OF_A_MACHINE = re.compile(r"(?<![\w.])/(?:home|root|tmp|work|usr|opt|Users|mnt|srv)/")
HOST = re.compile(r"https?://([\w.-]+)")
HOSTS = {"127.0.0.1", "listener.example", "tally.example", "keepachangelog.com", "semver.org"}
HOSTS |= {"litestream.io"}
PLACEHOLDERS = {"COMMAND", "--help", "--install-completion", "--show-completion", "--version"}

# Named already, and not there before other branches are merged. Remove with them.
STILL_TO_COME = {
    "access/",
    "background.py",
    "core/row_events.py",
    "http/gate.py",
    "intake/sources/",
    "store/kept.py",
}
NAMES_STILL_TO_COME: set[str] = set()

DECIDED = {
    "null, empty text and empty list mean absent": r"`null`.*`\"\"`.*`\[\]`",
    "unknown fields are ignored": r"[Uu]nknown fields",
    "kinds in any case": r"kind.*case",
    "ids are whole, never a prefix": r"whole|prefix",
    "the union of all ids": r"[Uu]nion",
    "devices with account and group: the intersection": r"[Ii]ntersect",
    "ten thousand ids": r"10,000",
    "the body's limit": r"2 MiB.*413|413.*2 MiB",
    "the offset wins over the Z": r"offset.*wins",
    "the earliest moment, in its own offset": r"2017-11-01",
    "three calendar months, clamped": r"calendar months",
    "hardware is fourteen digits": r"14 digits|first 14",
    "one answer for unknown and foreign accounts": r"AccountNotFound",
    "one answer for every failed login": r"Password\.Invalid",
    "no listener's password is given back": r"`password` is not in the answer",
    "only public listeners, over TLS": r"TALLYSTICK_CALLBACK_PRIVATE_ADDRESSES",
    "callbacks arrive at least once": r"at least once",
    "a second login leaves the first session": r"second login",
}
"""What the contract leaves open and Tallystick has decided, and how the room's README says it."""


def words(page: Path) -> str:
    """The text of a page."""
    return page.read_text("utf-8")


def documented_section(page: str, heading: str) -> str:
    """The text of a page from a heading to the next one."""
    _, found, rest = words(REFERENCE / page).partition(f"\n### {heading}\n")
    assert found, f"{page} has no heading {heading}"
    return rest.split("\n### ")[0].split("\n## ")[0]


def described_parameters(command: Any) -> Iterator[str]:  # noqa: ANN401 - Typer's private class
    """Arguments and options as the page is to name them."""
    for parameter in command.params:
        if parameter.param_type_name == "option":
            yield from (*parameter.opts, *parameter.secondary_opts)
        else:
            yield parameter.metavar or parameter.name.upper()


COMMANDS = {path[1:]: command for path, command in generate.command_tree()}


@pytest.mark.parametrize("name", generate.PARTS)
def test_the_generated_part_is_what_the_code_says(name: str) -> None:
    """`make docs` rewrites it."""
    page, make = generate.PARTS[name]
    text = words(REFERENCE / page)
    assert generate.renewed(text, name, make()) == text, (
        f"docs/reference/{page} is out of date: run `make docs`"
    )


@pytest.mark.parametrize("path", [path for path in COMMANDS if path], ids=" ".join)
def test_every_command_and_option_is_documented(path: tuple[str, ...]) -> None:
    """In a section of its own."""
    section = documented_section("cli.md", " ".join(("tallystick", *path)))
    for name in described_parameters(COMMANDS[path]):
        assert re.search(rf"`{re.escape(name.replace('|', chr(92) + '|'))}[ `]", section), (
            f"{name} is not documented"
        )


def test_the_options_of_the_program_itself_are_documented() -> None:
    """Shell completion."""
    for name in described_parameters(COMMANDS[()]):
        assert name in words(REFERENCE / "cli.md")


@pytest.mark.parametrize("setting", Settings.__dataclass_fields__)
def test_every_setting_is_documented(setting: str) -> None:
    """By its variable, and by what it takes."""
    page = words(REFERENCE / "settings.md")
    assert f"`{variable(setting)}`" in page
    assert re.search(rf"^\| {setting} \|", page, re.MULTILINE), (
        f"settings.md does not say what {setting} takes"
    )


def test_every_code_of_ours_is_documented() -> None:
    """Refusals of the core, and those that a shell adds."""
    page = words(REFERENCE / "errors.md")
    kinds = [Refusal]
    for kind in kinds:
        kinds.extend(kind.__subclasses__())
        assert f"| `{kind.code}` |" in page


def test_every_code_of_a_reason_is_documented() -> None:
    """In the table of reasons."""
    for code in Code:
        assert f"\n| `{code}` |" in words(REFERENCE / "reasons.md")


def test_every_code_of_thingspace_is_documented_with_its_status() -> None:
    """Every line of the table of answers."""
    page = words(REFERENCE / "errors.md")
    for answer in (*ANSWERS.values(), UNEXPECTED):
        assert f"| {answer.status.split()[0]} | `{generate.wire_code(answer)}` |" in page


def test_every_route_is_documented(tmp_path: Path) -> None:
    """With its method, in the table of routes."""
    app = wired_app(replace(Settings(), database=f"sqlite:///{tmp_path}/never-made.db"))
    served = {
        (method.method, route.path)
        for route in falcon.inspect.inspect_routes(app)
        for method in route.methods
        if not method.internal
    }
    listed = set(
        re.findall(r"^\| ([A-Z]+) \| `([^`]+)` \|", words(REFERENCE / "http.md"), re.MULTILINE)
    )
    assert served == listed


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.name)
def test_every_column_of_an_import_file_is_documented(kind: Kind) -> None:
    """In the rows of the table that follow the kind's name."""
    page = words(REFERENCE / "import-files.md")
    rows = page.partition(f"| `{kind.name}` |")[2].split("\n| `")[0]
    for column in kind.columns:
        needed = "refused" if column.required else r"(?!refused)"
        assert re.search(rf"`{column.name}` \| \w+ \| {needed}", rows), (
            f"{column.name} of {kind.name}"
        )


def test_every_column_that_a_migration_added_is_explained_in_full() -> None:
    """The whole comment above it, however many lines that has."""
    page = words(REFERENCE / "store-schema.md")
    for _, text in migrations_for("sqlite"):
        comment: list[str] = []
        for line in text.splitlines():
            if line.startswith("-- "):
                comment.append(line.removeprefix("-- "))
                continue
            if line.startswith("ALTER TABLE"):
                assert f"| {' '.join(comment)} |" in page
            comment = []


def test_every_table_of_the_store_is_documented() -> None:
    """However its migration is laid out."""
    for _, text in migrations_for("sqlite"):
        for table in re.findall(r"CREATE TABLE (\w+)", text):
            documented_section("store-schema.md", table)


@pytest.mark.parametrize("form", DECIDED.values(), ids=DECIDED)
def test_every_decision_about_the_contract_stands_in_the_readme_of_the_room(form: str) -> None:
    """Where somebody who writes a client looks for it."""
    decided = words(ROOM_README).partition("## Decided")[2].partition("\n## ")[0]
    assert re.search(form, " ".join(decided.split()))


def names_of_packages(requirements: Iterable[str]) -> list[str]:
    """The packages that requirements name, without versions and extras."""
    return [name[0] for name in map(PACKAGE.match, requirements) if name]


def packages_listed(heading: str) -> list[str]:
    """The packages in the table below a heading of dependencies.md."""
    section = words(DOCS / "explanation/dependencies.md").partition(f"\n## {heading}\n")[2]
    cells = ROW_OF_PACKAGES.findall(section.partition("\n## ")[0])
    return [name.strip("`") for cell in cells for name in cell.split(", ")]


def test_every_dependency_has_its_reason_and_every_reason_its_dependency() -> None:
    """A row of a table for each, those for development and building included; none twice."""
    project = tomllib.loads(words(ROOT / "pyproject.toml"))
    to_run = names_of_packages(project["project"]["dependencies"])
    extras = project["project"]["optional-dependencies"]
    for_traces = names_of_packages(extras.pop("traces"))
    to_develop = names_of_packages(chain(project["build-system"]["requires"], *extras.values()))
    assert sorted(packages_listed("For traces")) == sorted(for_traces)
    assert sorted(packages_listed("To run")) == sorted(to_run)
    assert sorted(packages_listed("To develop")) == sorted(to_develop)


def test_every_dependency_of_the_program_is_imported_by_it() -> None:
    """What nothing uses is not installed at every user's."""
    project = tomllib.loads(words(ROOT / "pyproject.toml"))
    distributions = metadata.packages_distributions()
    imported = {
        distribution.lower()
        for path in SOURCE.rglob("*.py")
        for module in re.findall(r"^ *(?:import|from) (\w+)", words(path), re.MULTILINE)
        for distribution in distributions.get(module, [])
    }
    needed = set(names_of_packages(project["project"]["dependencies"]))
    assert needed - imported == NEVER_IMPORTED


def test_every_decision_is_in_the_index_and_numbered() -> None:
    """Numbers count up from 1 without a gap."""
    pages = sorted(page.name for page in (DOCS / "decisions").glob("0*.md"))
    assert [int(name[:4]) for name in pages] == list(range(1, len(pages) + 1))
    assert re.findall(r"\]\((0[^)]+)\)", words(DOCS / "decisions/index.md")) == pages


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_link_to_a_decision_names_the_decision_that_it_leads_to(page: Path) -> None:
    """Where its text has a number at all."""
    for text, number in LINK_TO_DECISION.findall(words(page)):
        assert set(re.findall(r"\b\d{4}\b", text)) <= {number}, f"[{text}] leads to {number}"


def existing_below(*folders: Path) -> set[str]:
    """Every path below some folders as a page may write it: files by name, folders with a slash."""
    return {
        f"{path.relative_to(folder)}{'/' if path.is_dir() else ''}"
        for folder in folders
        for path in folder.rglob("*")
    }


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_module_that_a_page_names_exists(page: Path) -> None:
    """Written from the root of the project, from the package, or from the page's own folder.

    Queries may be named from their folder too. What has changed is history, and may be gone.
    """
    if page.name == "CHANGELOG.md":
        return
    named = set(MODULE.findall(FENCE.sub("", words(page))))
    folders = [SOURCE, SOURCE / "store/sql"]
    folders += [page.parent] if page == ROOM_README else []
    from_root = {name for name in named if (ROOT / name).exists()}
    assert named - from_root - existing_below(*folders) - STILL_TO_COME == set()


def test_every_room_of_the_package_is_named_where_the_house_is_drawn() -> None:
    """In the readme's table and in ARCHITECTURE's, which name nothing else there."""
    rooms = {
        path.stem
        for path in SOURCE.iterdir()
        if path.suffix == ".py" or next(path.glob("*.py"), None)
    }
    rooms.discard("__init__")
    rooms.discard("__main__")
    for page in ("README.md", "ARCHITECTURE.md"):
        table = words(ROOT / page).partition("| Room |")[2].partition("\n\n")[0]
        first_cells = re.findall(r"^\| (`[^|]*) \|", table, re.MULTILINE)
        named = set(MODULE.findall(" ".join(first_cells)))
        assert {Path(name).stem for name in named - STILL_TO_COME} <= rooms
        assert rooms <= {Path(name).stem for name in named}


@pytest.mark.parametrize(
    "page",
    [ROOT / "ARCHITECTURE.md", *sorted((DOCS / "decisions").glob("0*.md"))],
    ids=lambda page: page.stem,
)
def test_every_name_of_the_code_that_a_page_about_it_mentions_is_in_the_code(page: Path) -> None:
    """Functions, classes, tables, queries and columns: a name that is gone is noticed."""
    mentioned = NAME_IN_CODE.findall(FENCE.sub("", words(page)))
    names = {name for name in mentioned if not (ROOT / name).exists()}
    parts = {part for name in names for part in name.split(".")}
    assert parts - names_in_the_code() - NAMES_STILL_TO_COME == set()


@cache
def names_in_the_code() -> set[str]:
    """Every word of the program, of its queries, and of what the tests share."""
    files = [*SOURCE.rglob("*.py"), *SOURCE.rglob("*.sql"), ROOT / "pyproject.toml"]
    files += (ROOT / "tests").glob("*.py")
    return set(re.findall(r"\w+", "\n".join(words(path) for path in files)))


def test_every_page_is_reached_from_the_index() -> None:
    """No page is lost."""
    index = words(DOCS / "index.md")
    for page in DOCS.rglob("*.md"):
        if page.parent.name != "decisions" and page.name != "index.md":
            assert f"({page.relative_to(DOCS)})" in index


def anchors(page: Path) -> set[str]:
    """Headings as links name them."""
    headings = (re.sub(r"[^\w -]", "", heading).strip() for heading in HEADING.findall(words(page)))
    return {heading.lower().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_within_the_project_resolves(page: Path) -> None:
    """To a file that is there, and to a heading that it has."""
    for link in LINK.findall(FENCE.sub("", words(page))):
        if "://" in link:
            continue
        target, _, anchor = link.partition("#")
        linked = (page.parent / target).resolve() if target else page
        assert linked.exists(), f"{page.name} links to {link}"
        assert linked.is_relative_to(ROOT)
        if anchor and linked.suffix == ".md":
            assert anchor in anchors(linked), f"{page.name} links to {link}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_call_of_tallystick_uses_only_what_there_is(page: Path) -> None:
    """Commands and options, in blocks of code and in the text."""
    blocks = [
        code.replace("\\\n", " ")
        for language, code in FENCE.findall(words(page))
        if language == "sh"
    ]
    calls = [call for block in blocks for call in CALL.findall(re.sub(r"\s#.*", "", block))]
    calls += [call.removeprefix("tallystick ") for call in SPAN.findall(words(page))]
    for call in calls:
        used = shlex.split(call)
        depth = next(depth for depth in range(len(used), -1, -1) if tuple(used[:depth]) in COMMANDS)
        if used[0] not in PLACEHOLDERS:
            assert depth, f"there is no command tallystick {call}"
        known = {*PLACEHOLDERS, *described_parameters(COMMANDS[tuple(used[:depth])])}
        for word in used[depth:]:
            if word.startswith("--"):
                assert word.partition("=")[0] in known, f"tallystick {call}: there is no {word}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_target_of_make_that_is_named_exists(page: Path) -> None:
    """In blocks of code and in the text."""
    code = "\n".join(code for language, code in FENCE.findall(words(page)) if language == "sh")
    spans = "\n".join(re.findall(r"`(make [^`]+)`", words(page)))
    targets = set(re.findall(r"^([a-z]+):", words(ROOT / "Makefile"), re.MULTILINE))
    assert {*MAKE.findall(code), *MAKE.findall(spans)} <= targets


def test_the_readme_begins_with_the_two_commands() -> None:
    """Before anything else that is to be typed."""
    _, first = FENCE.findall(words(ROOT / "README.md"))[0]
    assert [line.split("#")[0].strip() for line in first.splitlines()] == ["make demo", "make test"]


def test_the_example_files_of_the_readme_give_the_answer_that_it_shows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All kinds, taken in and asked for by the commands that are shown."""
    monkeypatch.chdir(tmp_path)
    blocks = FENCE.findall(words(ROOT / "README.md"))
    for kind, code in zip(
        KINDS, (code for language, code in blocks if language == "csv"), strict=True
    ):
        assert set(KINDS[kind].fact_columns) == set(code.split()[0].split(","))
        Path(f"{kind}.csv").write_text(code, "utf-8")
    shown = next(
        code for language, code in blocks if language == "sh" and "tallystick init" in code
    )
    calls = [line.split()[1:] for line in shown.splitlines() if line.startswith("tallystick ")]
    results = [CliRunner().invoke(cli, call) for call in calls]
    assert [result.exit_code for result in results] == [0] * len(calls)
    table = [line.rstrip() for line in results[-1].output.splitlines()]
    assert table == next(code for _, code in blocks if code.startswith("account  ")).splitlines()
    body = CliRunner().invoke(cli, [*calls[-1], "--format", "json"]).stdout
    assert body == next(code for language, code in blocks if language == "json").strip()
    explained = CliRunner().invoke(cli, [*calls[-1], "--format", "json", "--reasons"]).stdout
    assert explained in words(DOCS / "howto/find-out-why-a-row-is-there.md").splitlines()


def test_the_tutorial_prints_what_it_shows(tmp_path: Path) -> None:
    """From the first SIM on, in one go."""
    _, _, lesson = words(DOCS / "tutorials/first-report.md").partition("\n## 2.")
    blocks = FENCE.findall(lesson)
    script = "\n".join(code for language, code in blocks if language == "sh")
    program = f'tallystick() {{ {shlex.quote(sys.executable)} -m tallystick "$@"; }}\n'
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("TALLYSTICK_")
    }
    call = ["bash", "-e", "-c", program + script]
    done = subprocess.run(
        call, cwd=tmp_path, env=environment, text=True, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr
    printed = {SECONDS.sub("", line).rstrip() for line in done.stdout.splitlines()}
    for language, code in blocks:
        if not language:
            assert {SECONDS.sub("", line) for line in code.splitlines()} <= printed
    assert done.stderr.split() == ["2", "mismatches", "1", "mismatch"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_no_page_names_a_path_of_a_machine_or_an_unknown_host(page: Path) -> None:
    """Nor the address of a package registry."""
    assert not ANY_PATH_OF_A_MACHINE.search(words(page))
    assert set(HOST.findall(words(page))) <= HOSTS


TESTS_DEFINED = re.compile(r"^(?:async )?def (test_\w+)\(", re.MULTILINE)


def test_every_test_that_the_table_of_requirements_names_is_there() -> None:
    named = set(re.findall(r"`(test_\w+)`", words(DOCS / "explanation" / "security.md")))
    assert len(named) > 50
    files = (ROOT / "tests").rglob("test_*.py")
    defined = {name for file in files for name in TESTS_DEFINED.findall(file.read_text("utf-8"))}
    assert named - defined == set()
