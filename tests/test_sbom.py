"""The SBOM names every package that the program is installed with, and the licence of each."""

from __future__ import annotations

import re
from pathlib import Path

from docs.sbom import lines, sbom

LOCK = Path(__file__).parents[1] / "requirements/run.txt"
LOCKED = re.compile(r"^([a-z0-9-]+)(?:\[\w+\])?==(\S+)", re.MULTILINE)
TO_BUILD = {"hatchling", "packaging", "pathspec", "pluggy", "tomlkit", "trove-classifiers"}
"""Locked, since the lock installs the program from its source; a wheel needs none of them."""


def test_the_components_are_the_packages_of_the_lock() -> None:
    components = {each["name"]: each["version"] for each in sbom()["components"]}
    locked = dict(LOCKED.findall(LOCK.read_text("utf-8")))
    assert components == {name: locked[name] for name in locked if name not in TO_BUILD}


def test_each_component_has_a_licence_and_depends_on_components() -> None:
    document = sbom()
    names = {each["bom-ref"] for each in document["components"]}
    assert all(each["licenses"] for each in document["components"])
    for each in document["dependencies"]:
        assert set(each["dependsOn"]) <= names
    assert document["dependencies"][0]["ref"] == "tallystick"
    assert document["metadata"]["component"]["licenses"] == [{"expression": "Apache-2.0"}]
    assert any(line.split()[0] == "psycopg-binary" for line in lines())
