"""What the pages for operators share: who may use them, and what they work with.

An operator administers what they see. Users and apps may be about any account, and so may the names
of accounts: these are for operators who see every account, those of the future too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tallystick.console.form_answers import go_to
from tallystick.core.errors import RoleRefused
from tallystick.core.roles import Right
from tallystick.core.selection import account_number
from tallystick.http.gate import for_console_to, user_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from falcon import Request, Response

    from tallystick.access import Access
    from tallystick.console.pages import Pages
    from tallystick.core.moments import Moment
    from tallystick.store import Reader, Store
    from tallystick.store.access import View

PATH = "/admin"
FORBIDDEN = (
    "this takes an operator who sees every account, those of the future too, as it may be about "
    "any of them"
)

for_operators = for_console_to(Right.ADMINISTER)
"""Say of a responder that a browser calls it, for an operator."""


class Desk(NamedTuple):
    """What the pages work with."""

    pages: Pages
    store: Store
    access: Access
    clock: Callable[[], Moment]

    def view_of(self, req: Request) -> View:
        """What the operator sees."""
        with self.store.glance() as reader:
            return reader.view_of(user_of(req))

    def require_whole_view(self, req: Request) -> None:
        """Hold an operator to see every account. Raises `RoleRefused`."""
        if not self.view_of(req).sees_all:
            raise RoleRefused(FORBIDDEN)


class FirstAdminPage:
    """`/admin`: the accounts, which every operator may look at."""

    @for_operators
    def on_get(self, req: Request, resp: Response) -> None:  # noqa: ARG002 - a responder's form
        """Send the browser there."""
        go_to(resp, f"{PATH}/accounts")


def own_account(reader: Reader, req: Request, name: str) -> int:
    """The number of an account that the operator sees. Raises `AccountNotFound`."""
    return account_number(reader.view_of(user_of(req)).accounts, name)


def lines_of(text: str) -> list[str]:
    """The lines of a field that are not empty."""
    return [line for each in text.splitlines() if (line := each.strip())]
