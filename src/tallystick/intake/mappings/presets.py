"""The mappings that come with Tallystick, and those that people write."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib import resources
from pathlib import Path

import msgspec

from tallystick.core.errors import FileRefused, InvalidValue
from tallystick.core.identifiers import shown
from tallystick.intake.mappings.mapping import ANY, Mapping, checked

SUFFIX = ".toml"
FILE_BYTES_MAX = 1 << 20


@cache
def preset_texts() -> dict[str, str]:
    """The text of every mapping that comes with Tallystick, by name."""
    folder = resources.files(__package__ or "") / "presets"
    files = sorted(folder.iterdir(), key=lambda file: file.name)
    return {
        file.name.removesuffix(SUFFIX): file.read_text("utf-8")
        for file in files
        if file.name.endswith(SUFFIX)
    }


@cache
def presets() -> dict[str, Mapping]:
    """Every mapping that comes with Tallystick, by name."""
    return {name: parsed(name, text) for name, text in preset_texts().items()}


def preset_text(name: str) -> str:
    """The text of one mapping that comes with Tallystick. Raises `InvalidValue`."""
    if name not in preset_texts():
        message = f"there is no mapping {shown(name)}; there are {', '.join(preset_texts())}"
        raise InvalidValue(message)
    return preset_texts()[name]


def preset(name: str) -> Mapping:
    """One mapping that comes with Tallystick. Raises `InvalidValue`."""
    preset_text(name)
    return presets()[name]


def preset_for(kind: str, name: str) -> Mapping:
    """The mapping of this name that comes with Tallystick, for files of a kind of facts.

    Without a name, that of files of which nothing is known. Raises `InvalidValue`.
    """
    if not name:
        return ANY
    mapping = preset(name)
    if mapping.kinds and kind not in mapping.kinds:
        message = f"the mapping {name} is of {' and '.join(mapping.kinds)}, not of {kind}"
        raise InvalidValue(message)
    return mapping


def mapping_of(name: str) -> Mapping:
    """The mapping of this name, or in the file of this path. Raises `Refusal`."""
    if not name.endswith(SUFFIX):
        return preset(name)
    try:
        with Path(name).open("rb") as file:
            text = file.read(FILE_BYTES_MAX).decode()
    except OSError as error:
        message = f"{name}: cannot be read: {error.strerror}"
        raise FileRefused(message) from error
    except UnicodeDecodeError as error:
        message = f"{name}: is no mapping: it is not UTF-8"
        raise FileRefused(message) from error
    return parsed(name, text)


def parsed(name: str, text: str) -> Mapping:
    """A mapping from its TOML. Raises `FileRefused`, which says what is wrong with it."""
    try:
        return checked(msgspec.convert(tomllib.loads(text), Mapping))
    except (tomllib.TOMLDecodeError, msgspec.ValidationError, InvalidValue) as error:
        message = f"{name}: is no mapping: {error}"
        raise FileRefused(message) from error
