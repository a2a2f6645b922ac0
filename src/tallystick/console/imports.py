"""`/imports/{number}`: how far the import of a file is, its receipt, and its refused lines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from tallystick.core.errors import RoleRefused
from tallystick.core.imports import UNDER_WAY, doubts_in, parse_import_number, receipt_in
from tallystick.core.ledger import BEHIND_ALL
from tallystick.core.roles import Right, may
from tallystick.fleet import ledger
from tallystick.http.acts import records
from tallystick.http.gate import caller_of, for_console_to, user_of
from tallystick.http.media_types import CSV
from tallystick.intake import WORDINGS, listed, listed_one, rejects_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from falcon import Request, Response

    from tallystick.console.pages import Pages
    from tallystick.core.imports import ImportRecord
    from tallystick.core.ledger import State
    from tallystick.core.moments import Moment
    from tallystick.store import Reader, Store
    from tallystick.store.access import View

PATH = "/imports"
PASSED_OVER_SHOWN_MAX = 12
FORBIDDEN = (
    "to import files one must see every account, those of the future too, as a file may be about "
    "any SIM; an operator can change that"
)


class ListedFile(NamedTuple):
    """An import with its receipt, if there is one yet, as programs get it."""

    record: ImportRecord
    receipt: dict[str, Any] | None

    @property
    def doubts(self) -> int:
        """How many doubts the receipt tells of."""
        return doubts_in(self.receipt)

    @property
    def is_under_way(self) -> bool:
        """Whether more is to come."""
        return self.record.state in UNDER_WAY


def listed_file(record: ImportRecord) -> ListedFile:
    """An import as pages show it."""
    return ListedFile(record, receipt_in(record))


def last_imports(
    reader: Reader, req: Request, view: View, at_most: int, now: Moment
) -> Sequence[ImportRecord] | None:
    """The last imports; None of who may not see them."""
    if not may_import_files(req, view):
        return None
    return listed(reader, BEHIND_ALL, at_most, now)


def may_import_files(req: Request, view: View) -> bool:
    """Whether the user may import files: by their role, and as one who sees every account."""
    role = caller_of(req).role
    return role is not None and may(role, Right.IMPORT) and view.sees_all


def require_all_accounts(reader: Reader, req: Request) -> None:
    """Hold a user to see every account. Raises `RoleRefused`."""
    if not reader.view_of(user_of(req)).sees_all:
        raise RoleRefused(FORBIDDEN)


class OneImportPage:
    """How far the import of a file is, or its receipt."""

    def __init__(self, pages: Pages, store: Store, clock: Callable[[], Moment]) -> None:
        self._pages = pages
        self._store = store
        self._clock = clock

    @for_console_to(Right.IMPORT)
    def on_get(self, req: Request, resp: Response, number: str) -> None:
        """Show it; the page asks again while more is to come."""
        with self._store.snapshot() as reader:
            require_all_accounts(reader, req)
            record = listed_one(reader, parse_import_number(number), self._clock())
            file = listed_file(record)
            state = _proposal_state(reader, file)
        self._pages.show(
            resp,
            "import.html",
            caller_of(req),
            file=file,
            proposal_state=state,
            passed_over_max=PASSED_OVER_SHOWN_MAX,
            wordings=WORDINGS,
        )


def _proposal_state(reader: Reader, file: ListedFile) -> State | None:
    """What has become of the change set that a file was proposed as; None where there is none."""
    receipt = file.receipt or {}
    number = receipt.get("change_set_id") if receipt.get("proposed") else None
    return None if number is None else ledger.change_set(reader, number).state


class ImportRejects:
    """The refused lines of a file, to be corrected and sent again."""

    def __init__(self, store: Store, clock: Callable[[], Moment]) -> None:
        self._store = store
        self._clock = clock

    @for_console_to(Right.IMPORT)
    @records("import.rejects", is_export=True)
    def on_get(self, req: Request, resp: Response, number: str) -> None:
        """Give those that are kept, as CSV."""
        parsed = parse_import_number(number)
        with self._store.snapshot() as reader:
            require_all_accounts(reader, req)
            resp.data = rejects_of(reader, parsed, self._clock())
        resp.content_type = CSV
        resp.downloadable_as = f"rejects-{parsed}.csv"
