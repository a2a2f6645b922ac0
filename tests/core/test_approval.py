"""Four eyes: who may decide about a proposal, and what one hand alone may not change."""

from __future__ import annotations

import pytest

from tallystick.core.approval import (
    Decider,
    Proposal,
    may_apply_at_once,
    may_decide,
    may_withdraw,
    require_may_decide,
    require_may_drop,
    require_may_withdraw,
    require_no_approval,
)
from tallystick.core.errors import ApprovalRequired, ChangeSetRefused, OwnProposal, RoleRefused
from tallystick.core.identifiers import Iccid
from tallystick.core.roles import Role

ICCID = Iccid.parse("89148000000800000011")
ANN, BOB, DESK = "console/ann", "console/bob", "desk"
NOBODY, ASKING = (), ("a", "b")
OF_ANN = Proposal(12, ANN, is_same_hand=True, asking=ASKING)


@pytest.mark.parametrize(
    ("decider", "is_same_hand", "asking", "may"),
    [
        (Decider(BOB, Role.APPROVER), False, NOBODY, True),
        (Decider(BOB, Role.APPROVER), False, ASKING, True),
        (Decider(BOB, Role.EDITOR), False, NOBODY, False),
        (Decider(BOB, Role.VIEWER), False, NOBODY, False),
        (Decider(ANN, Role.APPROVER), True, NOBODY, True),
        (Decider(ANN, Role.OPERATOR), True, NOBODY, True),
        (Decider(ANN, Role.EDITOR), True, NOBODY, False),
        (Decider(ANN, Role.APPROVER), True, ASKING, False),
        (Decider(ANN, Role.OPERATOR), True, ASKING, False),
        # An app that chose Bob's password is no second hand as Bob, and Ann is none as an app.
        (Decider(BOB, Role.APPROVER), True, NOBODY, False),
        (Decider(ANN), True, NOBODY, False),
        (Decider(DESK), False, ASKING, True),
    ],
)
def test_who_may_decide_about_what_ann_proposed(
    decider: Decider, is_same_hand: bool, asking: tuple[str, ...], may: bool
) -> None:
    proposal = Proposal(12, ANN, is_same_hand, asking)
    assert may_decide(decider, proposal) is may
    if may:
        require_may_decide(decider, proposal)
        return
    with pytest.raises((OwnProposal, RoleRefused)):
        require_may_decide(decider, proposal)


@pytest.mark.parametrize(
    ("decider", "proposer", "may"),
    [
        (Decider(ANN, Role.EDITOR), ANN, True),
        (Decider(ANN, Role.VIEWER), ANN, False),
        (Decider(BOB, Role.EDITOR), ANN, False),
        (Decider(BOB, Role.APPROVER), ANN, False),
        (Decider(DESK), DESK, True),
        (Decider(DESK), ANN, False),
        # Pairs that Ann uploaded through an app.
        (Decider(ANN, Role.EDITOR), "desk/ann", True),
        (Decider(DESK), "desk/ann", True),
        (Decider(BOB, Role.EDITOR), "desk/ann", False),
        # Of users and apps with slashes in their names, nobody is taken for another.
        (Decider("console/b", Role.EDITOR), "console/a/b", False),
        (Decider("console/a", Role.EDITOR), "console/a/b", False),
        (Decider("console/b", Role.EDITOR), "sync/a/b", False),
        (Decider("console/a/b", Role.EDITOR), "console/a/b", True),
        (Decider("console/a/b", Role.EDITOR), "sync/a/b", False),
        (Decider("sync"), "sync/a/b", False),
        (Decider("sync/a"), "sync/a/b", False),
        (Decider("sync/a"), "sync", False),
        (Decider("console"), "console/a", False),
    ],
)
def test_who_made_a_proposal_withdraws_it_and_no_other_hand_of_theirs(
    decider: Decider, proposer: str, may: bool
) -> None:
    proposal = Proposal(12, proposer, is_same_hand=True, asking=ASKING)
    assert may_withdraw(decider, proposal) is may
    if may:
        require_may_withdraw(decider, proposal)
        require_may_drop(decider, proposal)
        return
    with pytest.raises(ChangeSetRefused, match=f"proposed by {proposer}, who alone can withdraw"):
        require_may_withdraw(decider, proposal)
    with pytest.raises((OwnProposal, RoleRefused)):
        require_may_drop(decider, proposal)


def test_a_refusal_says_whose_the_proposal_is_and_which_account_asks() -> None:
    with pytest.raises(
        OwnProposal, match=r"12 was proposed by console/ann; .* account 'a' and 1 m"
    ):
        require_may_decide(Decider(ANN, Role.APPROVER), OF_ANN)
    with pytest.raises(OwnProposal, match="one person may act both as console/ann and as desk"):
        require_may_decide(Decider(DESK), OF_ANN._replace(asking=NOBODY))
    with pytest.raises(RoleRefused, match="to approve, reject and undo takes the role approver"):
        require_may_decide(Decider(BOB, Role.EDITOR), OF_ANN._replace(is_same_hand=False))


def test_only_who_may_decide_applies_at_once_and_only_where_no_account_asks() -> None:
    assert [may_apply_at_once(ANN, role, NOBODY) for role in Role] == [False, False, True, True]
    assert not any(may_apply_at_once(ANN, role, ASKING) for role in Role)


def test_one_hand_changes_nothing_of_an_account_that_asks() -> None:
    require_no_approval({})
    with pytest.raises(ApprovalRequired, match=f"account 'a' of SIM {ICCID} asks for approval"):
        require_no_approval({ICCID: "a", ICCID + 10: "b"})
