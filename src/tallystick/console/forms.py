"""Forms that browsers send: their fields, and the token that only a page of the user knows."""

from __future__ import annotations

import hmac
from hashlib import sha256
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import parse_qsl

from tallystick.core.errors import InvalidValue
from tallystick.core.ledger import Origin, parse_note
from tallystick.http.bodies import media_type_of, require_length, whole_body
from tallystick.http.cookies import ForeignForm
from tallystick.http.file_forms import FileForm
from tallystick.http.gate import caller_of
from tallystick.http.media_types import FORM
from tallystick.store.acting import add_details

if TYPE_CHECKING:
    from falcon import Request

    from tallystick.access import Caller
    from tallystick.core.moments import Moment

FORM_BYTES_MAX = 8 << 10
FIELDS_MAX = 20
CSRF_FIELD = "csrf"
ROW_FIELD = "row"
"""The field that names a row of the list; a form may have it many times."""
ROWS_MAX = 1_000
"""Rows that a form names one by one."""
ROWS_FORM_BYTES_MAX = 128 << 10  # a row takes up to 60

NO_NOTES = {"ticket": "", "reason": ""}


def csrf_of(caller: Caller) -> str:
    """The token of a user's forms: it follows from their session, and tells nothing of it."""
    return sha256(f"{CSRF_FIELD} {caller.session_token}".encode()).hexdigest()


class RowsForm(NamedTuple):
    """A form about rows of the list: those that it names, and its other fields."""

    rows: list[str]
    fields: dict[str, str]


def fields_of(req: Request) -> dict[str, str]:
    """The fields of a form.

    Raises `InvalidValue`, `BodyTooLarge`, `BodyCutShort` or `LengthRequired`.
    """
    return dict(_pairs_of(req, FORM_BYTES_MAX, FIELDS_MAX))


def _pairs_of(req: Request, bytes_max: int, fields_max: int) -> list[tuple[str, str]]:
    """Name and value of every field, in order."""
    require_length(req)
    body = whole_body(req, bytes_max)
    if media_type_of(req) != FORM:
        message = f"the body must be a form: {FORM}"
        raise InvalidValue(message)
    try:
        text = body.decode()
        return parse_qsl(text, keep_blank_values=True, max_num_fields=fields_max)
    except ValueError as error:
        message = f"the form cannot be read: {error}"
        raise InvalidValue(message) from error


def users_fields(req: Request) -> dict[str, str]:
    """The fields of a form of somebody who has signed in.

    Raises `ForeignForm` where the form does not have the token of their session.
    """
    fields = fields_of(req)
    _require_token(req, fields)
    _add_details(fields)
    return fields


def users_rows_form(req: Request) -> RowsForm:
    """The form about rows of somebody who has signed in. Raises as the two above."""
    pairs = _pairs_of(req, ROWS_FORM_BYTES_MAX, FIELDS_MAX + ROWS_MAX)
    rows = [value for name, value in pairs if name == ROW_FIELD]
    fields = {name: value for name, value in pairs if name != ROW_FIELD}
    _require_token(req, fields)
    if len(fields) > FIELDS_MAX:
        message = f"a form has {FIELDS_MAX} fields at most beside its rows, not {len(fields)}"
        raise InvalidValue(message)
    _add_details(fields)
    add_details({ROW_FIELD: rows})
    return RowsForm(rows, fields)


def _add_details(fields: dict[str, str]) -> None:
    """Say for the audit what a form says."""
    add_details({name: value for name, value in fields.items() if name != CSRF_FIELD})


def users_file_form(req: Request) -> FileForm:
    """A form with a file, of somebody who has signed in.

    It is refused before any of the file is read where the token of their session does not stand
    before it.
    """
    return FileForm(req, lambda fields: _require_token(req, fields))


def _require_token(req: Request, fields: dict[str, str]) -> None:
    """Hold a form to have the token of its sender's session. Raises `ForeignForm`."""
    if not hmac.compare_digest(
        fields.get(CSRF_FIELD, "").encode(), csrf_of(caller_of(req)).encode()
    ):
        raise ForeignForm


class Notes(NamedTuple):
    """What somebody says of a change, for the ledger."""

    ticket: str
    reason: str

    def by(self, actor: str, at: Moment) -> Origin:
        """The origin of a change that this is said of."""
        return Origin(actor, at, ticket=self.ticket, reason=self.reason)


def notes_of(typed: dict[str, str]) -> Notes:
    """The fields `ticket` and `reason` of a form. Raises `InvalidValue`."""
    ticket = parse_note("ticket", typed.get("ticket", "").strip())
    return Notes(ticket, parse_note("reason", typed.get("reason", "").strip()))
