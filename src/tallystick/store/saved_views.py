"""Views of the console's list that users come back to, by name."""

from __future__ import annotations

from typing import NamedTuple

from tallystick.store.connection import Asking


class SavedView(NamedTuple):
    """A view by its name, and what the address of the list asks for."""

    name: str
    asked: str


class SavedViewQuestions(Asking):
    """Which views there are."""

    def saved_views(self, user_id: int) -> list[SavedView]:
        """The views of a user, by name."""
        rows = self._connection.rows("saved_views_of_user", user_id=user_id)
        return [SavedView(*row) for row in rows]

    def whole_saved_views(self) -> list[tuple[str, str, str]]:
        """User, name and address of every view."""
        rows = self._connection.rows("whole_saved_views")
        return [(user, name, asked) for user, name, asked in rows]


class SavedViewChanges(SavedViewQuestions):
    """Views saved and forgotten."""

    def save_view(self, user_id: int, view: SavedView) -> None:
        """Keep a view, in the place of the one that the user had by this name."""
        self._connection.run("save_view", user_id=user_id, name=view.name, asked=view.asked)

    def forget_view(self, user_id: int, name: str) -> None:
        """Forget a view of a user, if there is one of this name."""
        self._connection.run("forget_view", user_id=user_id, name=name)
