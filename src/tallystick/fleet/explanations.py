"""Explanations: mismatches that need no correction, by whom and why, and what state rows are in."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tallystick.core.errors import InvalidValue, MismatchNotFound, SimNotFound
from tallystick.core.explanations import RowState, holds, require_future, state_of
from tallystick.core.identifiers import Iccid, Imei
from tallystick.core.moments import Moment, exact, moment_of, parse_named
from tallystick.fleet.timeline import no_such_sim, visible_sim
from tallystick.store.explanations import KeptExplanation

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Mapping, Sequence

    from tallystick.core.explanations import Explanation, Note
    from tallystick.store import Reader, Writer
    from tallystick.store.explanations import StayedRow
    from tallystick.store.listing import RowKey

ROWS_MAX = 10_000
"""Rows that are explained at a time."""
LISTED_MAX = 200
"""Explanations of one SIM that are listed: those of its newest rows."""


class Standing(NamedTuple):
    """The state of a row, and what was last said of it and not taken back.

    What was said may hold no more: the row is open then.
    """

    state: RowState
    explanation: Explanation | None


OPEN = Standing(RowState.OPEN, None)


def key_named(iccid: str, imei: str, activated_at: str) -> RowKey:
    """Read the key of a row: its SIM, the hardware it was seen in, and when it was.

    Raises `InvalidValue`.
    """
    seen_at = moment_of(parse_named("activated_at", activated_at))
    return seen_at, Iccid.parse(iccid), Imei.parse(imei)


def sims_of(keys: Iterable[RowKey]) -> frozenset[int]:
    """Give the SIMs of some rows."""
    return frozenset(iccid for _, iccid, _ in keys)


def standings(reader: Reader, keys: Sequence[RowKey], now: Moment) -> dict[RowKey, Standing]:
    """Give the state of each of some rows."""
    said = reader.explanations_of_rows(keys)
    proposed = reader.proposed_among({iccid for _, iccid, _ in keys})
    if not said and not proposed:
        return dict.fromkeys(keys, OPEN)
    standing_of = {}
    for key in keys:
        explanation, last_seen_at = said.get(key, (None, now))
        is_explained = explanation is not None and holds(explanation, now, last_seen_at)
        state = state_of(is_proposed=key[1] in proposed, is_explained=is_explained)
        standing_of[key] = Standing(state, explanation)
    return standing_of


def require_rows(
    reader: Reader, keys: Sequence[RowKey], visible: Mapping[str, int]
) -> dict[RowKey, StayedRow]:
    """Give what is known of rows.

    Raises `MismatchNotFound` where one is not there, or of no account that is visible.
    """
    there = reader.rows_to_explain(keys)
    accounts = frozenset(visible.values())
    for key in keys:
        if key not in there or there[key].account_id not in accounts:
            raise MismatchNotFound(no_such_row(key))
    return there


def explain(
    writer: Writer,
    keys: Sequence[RowKey],
    visible: Mapping[str, int],
    note: Note,
    holds_until: Moment | None,
) -> int:
    """Explain rows, in the place of what was said of them before; give how many they are.

    All of them are explained, or none. Raises `InvalidValue`, or `MismatchNotFound` where one of
    them is not there or of no account that is visible.
    """
    require_future(holds_until, note.at)
    rows = dict.fromkeys(keys)
    _require_few(len(rows))
    there = require_rows(writer, list(rows), visible)
    writer.end_explanations(rows, note.by, note.at)
    writer.put_explanations(
        KeptExplanation(*key, note.at, note.by, note.ticket, note.text, holds_until, seen_until)
        for key, (_, seen_until) in there.items()
    )
    return len(rows)


def take_back(
    writer: Writer, keys: Sequence[RowKey], visible: Mapping[str, int], by: str, now: Moment
) -> int:
    """End what was said of rows; give of how many something was.

    It stays on record. Raises `SimNotFound` where a SIM is of no account that is visible.
    """
    rows = dict.fromkeys(keys)
    _require_few(len(rows))
    accounts = frozenset(visible.values())
    homes = writer.accounts_of_sims({iccid for _, iccid, _ in rows})
    for _, iccid, _ in rows:
        if homes.get(iccid) not in accounts:
            raise SimNotFound(no_such_sim(Iccid(iccid)))
    return writer.end_explanations(rows, by, now)


def said_of_sim(
    reader: Reader, iccid: Iccid, visible: Container[str] | None
) -> list[KeptExplanation]:
    """Give what was ever said of the newest rows of a SIM, ended or not; None sees all accounts.

    Raises `SimNotFound`.
    """
    accounts = reader.accounts() if visible is None else visible
    visible_sim(reader, iccid, accounts)
    return reader.explanations_of_sim(iccid, LISTED_MAX)


def _require_few(rows: int) -> None:
    if not 0 < rows <= ROWS_MAX:
        message = f"1 to {ROWS_MAX:,} rows are explained at a time, not {rows:,}"
        raise InvalidValue(message)


def no_such_row(key: RowKey) -> str:
    """What is said of a row that is not there, or of no account that is visible."""
    activated_at, iccid, post_imei = key
    return (
        f"SIM {Iccid(iccid)} has no mismatch in {Imei(post_imei)} at "
        f"{exact(Moment(activated_at))}, or has it no more"
    )
