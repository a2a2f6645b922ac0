"""Write what the installed program consists of, and under which licences: a CycloneDX SBOM.

Everything comes from the metadata of the packages that are installed: `make sbom`.
"""

from __future__ import annotations

import json
import sys
from importlib.metadata import Distribution, distribution
from typing import TYPE_CHECKING, Any, NamedTuple

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

PROGRAM = "tallystick"
NAMING = ("License-Expression", "License")
CLASSIFIED = "License :: "
LICENCE_LENGTH_MAX = 60  # a longer one is the text of a licence, not its name


class Installed(NamedTuple):
    """A package that is installed, and the names of those that it needs here, in order."""

    package: Distribution
    needs: list[str]


def needed_by(package: Distribution, extras: Collection[str]) -> list[Requirement]:
    """What a package needs here, with these extras of it."""
    requirements = map(Requirement, package.requires or [])
    return [
        each
        for each in requirements
        if each.marker is None
        or any(each.marker.evaluate({"extra": extra}) for extra in ("", *extras))
    ]


def packages() -> dict[str, Installed]:
    """The program and everything that it needs, by name, in order."""
    found: dict[str, Installed] = {}
    waiting = [Requirement(PROGRAM)]
    while waiting:
        wanted = waiting.pop()
        name = canonicalize_name(wanted.name)
        if name in found and not wanted.extras:
            continue
        package = distribution(name)
        needed = needed_by(package, wanted.extras)
        names = {canonicalize_name(each.name) for each in needed}
        before = found[name].needs if name in found else []
        found[name] = Installed(package, sorted(names.union(before)))
        waiting += needed
    return dict(sorted(found.items()))


def licence_of(package: Distribution) -> str:
    """What a package says of its licence: an expression of SPDX, or a name. Raises `ValueError`."""
    metadata = package.metadata
    named = next((metadata[field] for field in NAMING if field in metadata), "")
    if named and len(named) <= LICENCE_LENGTH_MAX:
        return named
    classified = [
        each.rpartition(" :: ")[2]
        for each in metadata.get_all("Classifier") or []
        if each.startswith(CLASSIFIED)
    ]
    if not classified:
        message = f"{package.name} {package.version} does not say which licence it has"
        raise ValueError(message)
    return " and ".join(classified)


def component(package: Distribution, kind: str = "library") -> dict[str, Any]:
    """A package as a component of the SBOM."""
    name, licence = canonicalize_name(package.name), licence_of(package)
    is_expression = NAMING[0] in package.metadata
    said = {"expression": licence} if is_expression else {"license": {"name": licence}}
    return {
        "type": kind,
        "bom-ref": name,
        "name": name,
        "version": package.version,
        "purl": f"pkg:pypi/{name}@{package.version}",
        "licenses": [said],
    }


def sbom() -> dict[str, Any]:
    """The whole document: the same for the same packages."""
    found = packages()
    program = found.pop(PROGRAM)
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": component(program.package, "application")},
        "components": [component(each.package) for each in found.values()],
        "dependencies": [
            {"ref": name, "dependsOn": each.needs}
            for name, each in {PROGRAM: program, **found}.items()
        ],
    }


def lines() -> Iterator[str]:
    """Name, version and licence of each package, for people."""
    for name, (package, _) in packages().items():
        yield f"{name:24} {package.version:12} {licence_of(package)}"


if __name__ == "__main__":
    if sys.argv[1:] == ["--licences"]:
        sys.stdout.writelines(f"{line}\n" for line in lines())
    else:
        json.dump(sbom(), sys.stdout, indent=2)
        sys.stdout.write("\n")
