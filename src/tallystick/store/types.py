"""Types of hardware: who makes what, by TAC."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tallystick.core.facts import HardwareType
from tallystick.core.identifiers import Tac
from tallystick.store.batches import Facts, rows_of
from tallystick.store.connection import Asking
from tallystick.store.facts import Taken

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


class TypeQuestions(Asking):
    """What is known of types."""

    def types_among(self, tacs: Iterable[int]) -> dict[int, HardwareType]:
        """What is known of some types, by TAC; those that are not known lack."""
        asked = self._connection.set_of(sorted(tacs))
        return {row[0]: _type_of(row) for row in self._connection.rows("types_among", tacs=asked)}

    def tacs_of_manufacturer(self, manufacturer: str) -> set[int]:
        """The types of one manufacturer."""
        return set(self._numbers("tacs_of_manufacturer", manufacturer=manufacturer))

    def tacs_of_model(self, model: str) -> set[int]:
        """The types with this name of a model."""
        return set(self._numbers("tacs_of_model", model=model))

    def whole_types(self) -> Iterator[HardwareType]:
        """Every type."""
        return map(_type_of, self._connection.stream("whole_types"))


class TypeChanges(TypeQuestions):
    """Types made known."""

    def take_types(self, types: Facts) -> Taken:
        """Take types in; the same TAC again replaces what was known.

        The kept answer has no part in it.
        """
        changed = self._connection.run_many("take_type", rows_of(types))
        return Taken(changed, len(types) - changed)


def _type_of(row: tuple[Any, ...]) -> HardwareType:
    tac, manufacturer, model = row
    return HardwareType(Tac(tac), manufacturer, model)
