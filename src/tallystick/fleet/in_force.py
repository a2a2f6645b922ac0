"""What is expected of a fleet at a moment, as a file of expectations says it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from tallystick.core.identifiers import Iccid
from tallystick.core.moments import BEGINNING, exact
from tallystick.core.selection import found_account
from tallystick.store.devices import LAST
from tallystick.store.walking import sim_pages

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tallystick.core.moments import Moment
    from tallystick.store import Reader

COLUMNS = ("iccid", "imei", "effective_from")
SIMS_AT_ONCE = 2_000

Line = tuple[str, str, str]
"""A SIM, the value, and since when it is in force; empty from the beginning."""


def lines_in_force(reader: Reader, account: str | None, now: Moment) -> Iterator[list[Line]]:
    """The expectations in force at a moment, those of many SIMs at a time, in order of SIM.

    Of the SIMs of an account, or of all, those that are not loaded included. Raises
    `AccountNotFound` with the first of them.
    """
    next_page = partial(_expecting, reader)
    if account is not None:
        account_id = found_account(reader.account_id(account), account)
        next_page = partial(_of_account, reader, account_id)
    for iccids in sim_pages(next_page):
        in_force = reader.in_force_since(iccids, now)
        yield [
            (str(Iccid(iccid)), str(each.imei), _since(each.effective_from))
            for iccid, each in sorted(in_force.items())
        ]


def _since(effective_from: Moment) -> str:
    return "" if effective_from == BEGINNING else exact(effective_from)


def _expecting(reader: Reader, after: int) -> Sequence[int]:
    return reader.expecting_sims_after(after, SIMS_AT_ONCE)


def _of_account(reader: Reader, account_id: int, after: int) -> Sequence[int]:
    numbers = reader.numbers_of_devices([account_id], after, LAST, SIMS_AT_ONCE)
    return numbers["iccid"].to_list()
