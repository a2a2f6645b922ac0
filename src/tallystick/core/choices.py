"""Choices: a text that has to be one of some words."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from tallystick.core.errors import InvalidValue
from tallystick.core.identifiers import shown

if TYPE_CHECKING:
    from collections.abc import Iterable

Choice = TypeVar("Choice", bound=str)


def choice_of(choices: Iterable[Choice], name: str, text: str) -> Choice:
    """The choice that a text names. Raises `InvalidValue`, which names what is chosen."""
    every = tuple(choices)
    for choice in every:
        if choice == text:
            return choice
    message = f"{name} must be one of {', '.join(every)}, not {shown(text)}"
    raise InvalidValue(message)


def choice_or_none(choices: Iterable[Choice], name: str, text: str | None) -> Choice | None:
    """The choice that a text names, None where there is no text. Raises `InvalidValue`."""
    return choice_of(choices, name, text) if text else None
