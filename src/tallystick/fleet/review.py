"""Work on mismatches: the ones that are answered, and the change sets that a user sees.

A change set says nothing of accounts. Who sees every account sees every change set; who sees some
sees those that were proposed for SIMs of theirs and name each of them, here or by an upload of
pairs, and their undoings.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from tallystick.core.correcting import Since, correction_of
from tallystick.core.errors import InvalidValue, MismatchNotFound
from tallystick.core.facts import SimExpectation
from tallystick.core.identifiers import Iccid, Imei
from tallystick.core.ledger import BEHIND_ALL, SIMS_NAMED_MAX, sims_in
from tallystick.core.ledger import for_sims as for_sims_named
from tallystick.core.moments import Moment
from tallystick.core.window import Window
from tallystick.fleet import ledger
from tallystick.fleet.explanations import no_such_row
from tallystick.fleet.timeline import visible_sim
from tallystick.store.ledger import LedgerPart

if TYPE_CHECKING:
    from collections.abc import Collection, Container, Iterable, Iterator, Sequence

    from tallystick.core.correcting import Place
    from tallystick.core.ledger import ChangeSet, Origin, State
    from tallystick.core.pairing import Expectation
    from tallystick.fleet.ledger import ExpectationChange, IdentityChange
    from tallystick.store import Reader
    from tallystick.store.access import View
    from tallystick.store.listing import RowKey

FOR_SIMS = "console"
"""The source of change sets that were proposed for SIMs, whose ICCIDs are their detail."""
NAMES_SIMS = (FOR_SIMS, "upload")
"""The sources of change sets that may name their SIMs."""
LOOKED_AT_MAX = 1_000
"""Change sets that are looked at for a page of those that a user sees."""
ROWS_AT_ONCE_MAX = 100


class Mismatch(NamedTuple):
    """A row of a SIM as it stands: where and when it was seen, and what was expected then.

    `in_force` is None where nothing was written down.
    """

    iccid: Iccid
    seen_in: Imei
    seen_at: Moment
    in_force: Expectation | None


class ChangeSetPage(NamedTuple):
    """Change sets, the last first; `before` is where the next page begins, None at the end."""

    change_sets: list[ChangeSet]
    before: int | None


def mismatch(
    reader: Reader, iccid: Iccid, seen_in: Imei, seen_at: Moment, visible: Container[str]
) -> Mismatch:
    """Give a row by its key. Raises `SimNotFound`, or `MismatchNotFound` where it was closed."""
    visible_sim(reader, iccid, visible)
    moment = Window(Moment(seen_at - 1), Moment(seen_at + 1))
    rows = reader.rows_of_sim(iccid, moment, ROWS_AT_ONCE_MAX)
    if seen_in not in {post_imei for _, _, _, post_imei, _, _ in rows}:
        message = f"{no_such_row((seen_at, iccid, seen_in))}; look at its page again"
        raise MismatchNotFound(message)
    in_force = reader.newest_expectations(iccid, moment.latest, 1)
    return Mismatch(iccid, seen_in, seen_at, in_force[0] if in_force else None)


def expectations_for(
    reader: Reader, keys: Iterable[RowKey], place: Place, since: Since
) -> list[SimExpectation]:
    """Give the expectations that answer rows as somebody chose, each row by itself.

    Raises `InvalidValue` where two rows of one SIM would have it expected in different hardware
    from the same moment.
    """
    wanted: dict[tuple[Iccid, Moment], SimExpectation] = {}
    for activated_at, number, post_imei in keys:
        iccid, seen_at, seen_in = Iccid(number), Moment(activated_at), Imei(post_imei)
        in_force = None
        if since is Since.BEGINNING:
            newest = reader.newest_expectations(iccid, Moment(seen_at + 1), 1)
            in_force = newest[0] if newest else None
        moment, value = correction_of(seen_in, seen_at, in_force, place, since)
        put = SimExpectation(iccid, moment, value)
        if wanted.setdefault((iccid, moment), put) != put:
            message = (
                f"SIM {iccid} has several of the rows, in different hardware, which would take the "
                "place of one expectation; leave all but one out, or correct from each mismatch on"
            )
            raise InvalidValue(message)
    return sorted(wanted.values())


def for_sims(origin: Origin, iccids: Collection[Iccid]) -> Origin:
    """The origin of a change set that is proposed for SIMs."""
    return for_sims_named(origin._replace(source=FOR_SIMS, detail=""), iccids)


def require_named(view: View, iccids: Collection[Iccid]) -> None:
    """Hold a user to propose what they will see.

    Raises `InvalidValue` where a change set would not name all of its SIMs.
    """
    count = len(set(iccids))
    if not view.sees_all and count > SIMS_NAMED_MAX:
        message = (
            f"who does not see every account proposes for {SIMS_NAMED_MAX} SIMs at a time, not "
            f"{count:,}; narrow the list down, and propose in several steps"
        )
        raise InvalidValue(message)


def sims_of(reader: Reader, change_set: ChangeSet) -> list[Iccid]:
    """The SIMs that a change set, or the undoing of one, was proposed for; none if it was not.

    None, too, where they are so many that it does not name them.
    """
    while change_set.undoes is not None:
        undone = reader.change_set(change_set.undoes)
        if undone is None:
            return []
        change_set = undone
    return sims_in(change_set.detail) if change_set.source in NAMES_SIMS else []


def _seen_among(
    reader: Reader, view: View, change_sets: Iterable[ChangeSet]
) -> Iterator[ChangeSet]:
    """Those of some change sets that a user sees, in their order.

    Where the first SIM of each is, is asked at once; where its others are, only of a change set
    whose first SIM the user sees.
    """
    if view.sees_all:
        yield from change_sets
        return
    accounts = frozenset(view.accounts.values())
    named = [(each, iccids) for each in change_sets if (iccids := sims_of(reader, each))]
    homes_of_first = _homes(reader, [first for _, (first, *_) in named])
    for change_set, (first, *others) in named:
        if homes_of_first.get(first) not in accounts:
            continue
        homes = _homes(reader, others)
        if all(homes.get(iccid) in accounts for iccid in others):
            yield change_set


def _homes(reader: Reader, iccids: Collection[Iccid]) -> dict[int, int]:
    """The account of each SIM that is loaded; nothing is asked about none."""
    return reader.accounts_of_sims(iccids) if iccids else {}


def change_set_seen(reader: Reader, view: View, number: int) -> ChangeSet:
    """Give a change set that a user sees.

    Raises `ChangeSetNotFound`, also where there is one that they do not see.
    """
    change_set = reader.change_set(number)
    if change_set is None or not any(_seen_among(reader, view, [change_set])):
        raise ledger.no_such_change_set(number)
    return change_set


def change_sets_seen(
    reader: Reader, view: View, before: int, at_most: int, state: State | None
) -> ChangeSetPage:
    """Give those that a user sees of the change sets before one.

    A page may have fewer than asked for, though more follow: 1,000 are looked at for it at most.
    """
    looked_at_max = at_most if view.sees_all else LOOKED_AT_MAX
    looked_at = reader.change_sets(before, looked_at_max, state)
    seen = list(islice(_seen_among(reader, view, looked_at), at_most))
    if len(seen) == at_most:
        return ChangeSetPage(seen, seen[-1].change_set_id)
    has_more = len(looked_at) == looked_at_max
    return ChangeSetPage(seen, looked_at[-1].change_set_id if has_more else None)


def is_any_waiting(reader: Reader, view: View) -> bool:
    """Whether a user sees a change set that waits for a decision.

    Where more wait than are looked at for a page, and none of these is seen, it may be so: the
    answer is yes, and the list of change sets, page by page, has the others.
    """
    page = change_sets_seen(reader, view, BEHIND_ALL, 1, "proposed")
    return bool(page.change_sets) or page.before is not None


def changes_for_sims(
    reader: Reader, change_set: ChangeSet, iccids: Sequence[Iccid], at_most: int
) -> tuple[list[ExpectationChange | IdentityChange], int]:
    """Give what a change set did, or would do, to the first of its SIMs, and how much in all."""
    changes: list[ExpectationChange | IdentityChange] = []
    counted = 0
    for iccid in iccids:
        part = LedgerPart(iccid - 1, iccid, is_last=True)
        of_sim, count = ledger.changes_in(reader, change_set, at_most, part)
        changes += of_sim
        counted += count
        if len(changes) >= at_most:
            break
    in_all = change_set.added + change_set.corrected + change_set.removed
    return changes[:at_most], max(counted, in_all)
