"""Four eyes: which changes of expectations need a second person, and who may be that person.

An account may ask for approval. Then nobody changes by themselves what is expected of its SIMs:
whoever wants a change proposes it, and somebody else decides about it. Who has proposed it may
withdraw it meanwhile, and nobody else needs to agree. The operator at the command line, who may
write to the store anyway, is held to nothing.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from tallystick.core.errors import ApprovalRequired, ChangeSetRefused, OwnProposal
from tallystick.core.identifiers import Iccid, shown
from tallystick.core.ledger import is_made_by
from tallystick.core.roles import Right, Role, may, require_right

if TYPE_CHECKING:
    from collections.abc import Mapping


class Approval(StrEnum):
    """Whether an account asks for approval."""

    OFF = "off"
    REQUIRED = "required"


class Decider(NamedTuple):
    """Who decides about a proposal: the name that the ledger knows, and the role of a user.

    The role is None of an app, and of a name that was given at the command line.
    """

    name: str
    role: Role | None = None


class Proposal(NamedTuple):
    """A proposal as far as the rule asks: who made it, and whose SIMs it is about.

    `is_same_hand` is whether one person may act as who made it and as who decides; `asking` are the
    accounts of its SIMs that ask for approval.
    """

    number: int
    proposer: str
    is_same_hand: bool
    asking: tuple[str, ...]


def may_decide(decider: Decider, proposal: Proposal) -> bool:
    """Whether somebody may approve a proposal, or reject it as somebody else's.

    Users need the right to decide. Another hand than the proposer's may decide about everything;
    the proposer only as a user, about SIMs of accounts that do not ask for approval. An app never
    decides about what it has proposed itself, nor about what another hand did that it may act as.
    """
    if decider.role is not None and not may(decider.role, Right.DECIDE):
        return False
    if not proposal.is_same_hand:
        return True
    is_own = decider.name == proposal.proposer
    return is_own and decider.role is not None and not proposal.asking


def may_withdraw(decider: Decider, proposal: Proposal) -> bool:
    """Whether somebody may drop a proposal as their own.

    Nothing is in force by that, so it needs no second person.
    """
    is_editor = decider.role is None or may(decider.role, Right.PROPOSE)
    return is_editor and is_made_by(decider.name, proposal.proposer)


def may_apply_at_once(name: str, role: Role, asking: tuple[str, ...]) -> bool:
    """Whether a user may put a correction in force in one step: propose and approve it."""
    own = Proposal(0, name, is_same_hand=True, asking=asking)
    return may_decide(Decider(name, role), own)


def require_may_withdraw(decider: Decider, proposal: Proposal) -> None:
    """Raise `ChangeSetRefused` where a proposal is not somebody's own."""
    if not may_withdraw(decider, proposal):
        message = (
            f"change set {proposal.number} was proposed by {proposal.proposer}, who alone can "
            "withdraw it; whoever may decide about it can reject it"
        )
        raise ChangeSetRefused(message)


def require_may_drop(decider: Decider, proposal: Proposal) -> None:
    """Raise `RoleRefused` or `OwnProposal` where somebody may neither reject nor withdraw one."""
    if not may_withdraw(decider, proposal):
        require_may_decide(decider, proposal)


def require_may_decide(decider: Decider, proposal: Proposal) -> None:
    """Raise `RoleRefused` or `OwnProposal` where somebody may not decide about a proposal."""
    if decider.role is not None:
        require_right(decider.role, Right.DECIDE)
    if may_decide(decider, proposal):
        return
    number, proposer, _, asking = proposal
    name = decider.name
    is_own = name == proposer
    shared = "" if is_own else f", and one person may act both as {proposer} and as {name}"
    by_account = f", as {accounts_named(asking)} asks for approval" if asking else ""
    message = (
        f"change set {number} was proposed by {proposer}{shared}; another person has to decide "
        f"about it{by_account}"
    )
    raise OwnProposal(message)


def require_no_approval(asking: Mapping[int, str]) -> None:
    """Raise `ApprovalRequired` where one hand alone changes what such accounts ask approval of.

    `asking` has the SIMs whose expectations are changed, each with its account.
    """
    if asking:
        raise approval_required(asking)


def approval_required(asking: Mapping[int, str]) -> ApprovalRequired:
    """What a change by one hand is refused with, of some such SIMs, each with its account."""
    iccid, account = min(asking.items())
    message = (
        f"account {shown(account)} of SIM {Iccid(iccid)} asks for approval; propose the change, "
        "for another person to approve"
    )
    return ApprovalRequired(message)


def accounts_named(names: tuple[str, ...]) -> str:
    """The first of several accounts, and how many more they are."""
    more = len(names) - 1
    return f"account {shown(names[0])}" + (f" and {more:,} more" if more else "")
