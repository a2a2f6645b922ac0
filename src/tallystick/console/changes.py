"""`/changes`: the ledger's change sets, and what an approver decides about them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import falcon

from tallystick.console.form_answers import go_to
from tallystick.console.forms import NO_NOTES, notes_of, users_fields
from tallystick.core.approval import Decider, may_decide, may_withdraw
from tallystick.core.errors import ChangeSetRefused, InvalidValue, Refusal
from tallystick.core.identifiers import shown
from tallystick.core.ledger import (
    BEHIND_ALL,
    STATES,
    is_made_by,
    parse_number,
    parse_state,
)
from tallystick.core.roles import Right
from tallystick.fleet import ledger, review
from tallystick.fleet.ledger import IdentityChange
from tallystick.http.acts import answered_refusal, records
from tallystick.http.gate import caller_of, for_console, for_console_to, user_of
from tallystick.intake import Trial
from tallystick.store.acting import name_deed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from falcon import Request, Response

    from tallystick.console.pages import Pages
    from tallystick.core.identifiers import Iccid
    from tallystick.core.ledger import ChangeSet
    from tallystick.core.moments import Moment
    from tallystick.fleet.ledger import ExpectationChange
    from tallystick.store import Reader, Store

PATH = "/changes"
LISTED_MAX = 50
CHANGES_SHOWN_MAX = 100


class Standing(NamedTuple):
    """How a user stands to a change set: what they may do with it, and the accounts that ask."""

    is_own: bool
    may_decide: bool = False
    may_withdraw: bool = False
    asking: tuple[str, ...] = ()


def decider_of(req: Request) -> Decider:
    """Who would decide about a proposal: the user of the console."""
    caller = caller_of(req)
    return Decider(caller.name, caller.role)


class ChangeList:
    """The change sets that the user sees."""

    def __init__(self, pages: Pages, store: Store) -> None:
        self._pages = pages
        self._store = store

    @for_console
    def on_get(self, req: Request, resp: Response) -> None:
        """List them, the last first; those in a state, and before one, if the address says so."""
        before_text, state = req.get_param("before"), parse_state(req.get_param("state"))
        before = parse_number(before_text) if before_text else BEHIND_ALL
        with self._store.snapshot() as reader:
            view = reader.view_of(user_of(req))
            page = review.change_sets_seen(reader, view, before, LISTED_MAX, state)
            sims = {each: review.sims_of(reader, each) for each in page.change_sets}
        self._pages.show(
            resp, "changes.html", caller_of(req), page=page, sims=sims, state=state, states=STATES
        )


class OneChange:
    """One change set."""

    def __init__(self, pages: Pages, store: Store) -> None:
        self._pages = pages
        self._store = store
        self.generations = pages.settings.generations

    @for_console
    def on_get(self, req: Request, resp: Response, number: str) -> None:
        """Show what is known of it, and what it did or would do."""
        self.show(req, resp, parse_number(number))

    def show(
        self,
        req: Request,
        resp: Response,
        number: int,
        *,
        trial: Trial | None = None,
        problem: str = "",
        typed: dict[str, str] | None = None,
    ) -> None:
        """Answer with its page, with what was typed there and what is wrong with it."""
        with self._store.snapshot() as reader:
            change_set = review.change_set_seen(reader, reader.view_of(user_of(req)), number)
            iccids = review.sims_of(reader, change_set)
            changes, in_all = _changes(reader, change_set, iccids)
            standing = _standing(reader, change_set, decider_of(req))
            is_undo_proposed = _is_undo_proposed(reader, change_set, iccids)
        self._pages.show(
            resp,
            "change.html",
            caller_of(req),
            change_set=change_set,
            iccids=iccids,
            standing=standing,
            is_withdrawn=is_made_by(change_set.decided_by, change_set.actor),
            is_undo_proposed=is_undo_proposed,
            changes=changes,
            changes_in_all=in_all,
            problem=problem,
            typed=NO_NOTES | (typed or {}),
            trial=trial,
        )


def _standing(reader: Reader, change_set: ChangeSet, decider: Decider) -> Standing:
    is_own = is_made_by(decider.name, change_set.actor)
    if change_set.state != "proposed":
        return Standing(is_own)
    proposal = ledger.proposal_of(reader, change_set, decider.name)
    may_do = may_decide(decider, proposal), may_withdraw(decider, proposal)
    return Standing(is_own, *may_do, proposal.asking)


def _is_undo_proposed(reader: Reader, change_set: ChangeSet, iccids: list[Iccid]) -> bool | None:
    """Whether an undo would need approval; None where only reading all expectations would tell."""
    if change_set.kind != "expectations" or not reader.asking_accounts():
        return False
    return bool(reader.asking_of_sims(iccids)) if iccids else None


def _changes(
    reader: Reader, change_set: ChangeSet, iccids: list[Iccid]
) -> tuple[list[ExpectationChange] | None, int]:
    """The first changes, and how many in all.

    None where all expectations would have to be read for them: of large change sets that are in
    force, and of those that take them back.
    """
    changes: Sequence[ExpectationChange | IdentityChange]
    if change_set.state == "proposed" and change_set.undoes is None:
        changes, in_all = ledger.changes_in(reader, change_set, CHANGES_SHOWN_MAX)
    elif iccids:
        changes, in_all = review.changes_for_sims(reader, change_set, iccids, CHANGES_SHOWN_MAX)
    else:
        return None, 0
    return [each for each in changes if not isinstance(each, IdentityChange)], in_all


class _Form:
    """What the forms on the page of a change set share.

    The address of each gives that page to who loads it again, as people do after a refusal.
    """

    def __init__(self, page: OneChange, store: Store, clock: Callable[[], Moment]) -> None:
        self._page = page
        self._store = store
        self._clock = clock

    @for_console
    def on_get(
        self,
        req: Request,
        resp: Response,
        number: str,
        deed: str = "",  # noqa: ARG002 - of some addresses; whichever it is, nothing is done
    ) -> None:
        """Send the browser to the page of the change set."""
        go_to(resp, f"{PATH}/{self._seen(req, number)}")

    def _seen(self, req: Request, number: str) -> int:
        """The number of a change set that the user sees. Raises `ChangeSetNotFound`."""
        parsed = parse_number(number)
        with self._store.snapshot() as reader:
            review.change_set_seen(reader, reader.view_of(user_of(req)), parsed)
        return parsed

    def _refused(
        self, req: Request, resp: Response, number: int, refusal: Refusal, typed: dict[str, str]
    ) -> None:
        """Show the change set with why the form was refused."""
        resp.status = _status(refusal)
        answered_refusal(req, refusal)
        self._page.show(req, resp, number, problem=refusal.message, typed=typed)


class Withdrawal(_Form):
    """Who made a proposal takes it back."""

    @for_console_to(Right.PROPOSE)
    @records("change-set.reject")
    def on_post(self, req: Request, resp: Response, number: str) -> None:
        """Withdraw it, and show the change set, or say why not."""
        typed = users_fields(req)
        parsed = self._seen(req, number)
        try:
            ledger.withdraw(self._store, parsed, decider_of(req), self._clock())
        except ChangeSetRefused as refusal:
            self._refused(req, resp, parsed, refusal, typed)
            return
        go_to(resp, f"{PATH}/{parsed}")


class Decision(_Form):
    """What an approver does about a change set: one of the deeds, by its name in the address."""

    def __init__(self, page: OneChange, store: Store, clock: Callable[[], Moment]) -> None:
        super().__init__(page, store, clock)
        self._deeds = {"approve": self._approve, "reject": self._reject, "undo": self._undo}

    @for_console_to(Right.DECIDE)
    @records("change-set.decide")
    def on_post(self, req: Request, resp: Response, number: str, deed: str) -> None:
        """Do it, and show the change set, or say why not."""
        typed = users_fields(req)
        parsed = self._seen(req, number)
        try:
            if deed == "try":
                self._page.show(req, resp, parsed, trial=self._trial(parsed), typed=typed)
                return
            shown_next = self._deed(deed)(parsed, decider_of(req), typed)
        except (ChangeSetRefused, InvalidValue) as refusal:
            self._refused(req, resp, parsed, refusal, typed)
            return
        go_to(resp, f"{PATH}/{shown_next}")

    def _deed(self, name: str) -> Callable[[int, Decider, dict[str, str]], int]:
        if name not in self._deeds:
            message = f"one can approve, reject, undo or try a change set, not {shown(name)}"
            raise InvalidValue(message)
        name_deed(name)
        return self._deeds[name]

    def _approve(self, number: int, by: Decider, _: dict[str, str]) -> int:
        ledger.approve(self._store, number, by, self._clock())
        return number

    def _reject(self, number: int, by: Decider, _: dict[str, str]) -> int:
        ledger.reject(self._store, number, by, self._clock())
        return number

    def _undo(self, number: int, by: Decider, typed: dict[str, str]) -> int:
        return ledger.undo(self._store, number, notes_of(typed).by(by.name, self._clock()))

    def _trial(self, number: int) -> Trial:
        trial = Trial()
        for tried, facts in ledger.try_proposal(self._store, number):
            trial.add(tried, facts, self._page.generations)
        return trial


def _status(refusal: Refusal) -> str:
    return falcon.HTTP_409 if isinstance(refusal, ChangeSetRefused) else falcon.HTTP_400
