"""What the users of the console may do: a role gives a user rights, each role more than the last.

A role says what a user may do, not to whose SIMs: the accounts that they were granted say that.
"""

from __future__ import annotations

from enum import StrEnum

from tallystick.core.errors import RoleRefused


class Right(StrEnum):
    """Something that a user may do, in the words of a refusal."""

    SEE = "see pages"
    PROPOSE = "propose corrections"
    EXPLAIN = "explain mismatches"
    IMPORT = "import files"
    DECIDE = "approve, reject and undo"
    ADMINISTER = "administer users, apps, accounts and settings"


class Role(StrEnum):
    """The roles, in their order: each has the rights of those before it, too."""

    VIEWER = "viewer"
    EDITOR = "editor"
    APPROVER = "approver"
    OPERATOR = "operator"


LEAST_ROLES = {
    Right.SEE: Role.VIEWER,
    Right.PROPOSE: Role.EDITOR,
    Right.EXPLAIN: Role.EDITOR,
    Right.IMPORT: Role.EDITOR,
    Right.DECIDE: Role.APPROVER,
    Right.ADMINISTER: Role.OPERATOR,
}
"""The first role, in order, that has a right."""
IN_ORDER = tuple(Role)


SCOPES_OF_USERS = ("m2m",)
SCOPES_OF_OPERATORS = ("m2m", "intake", "admin")


def scopes_of(role: Role, *, sees_all: bool) -> tuple[str, ...]:
    """The scopes that a user's own tokens may have.

    `intake` and `admin` are about the whole fleet and whoever uses it. So they are for an operator
    who sees every account, those of the future too.
    """
    return SCOPES_OF_OPERATORS if sees_all and may(role, Right.ADMINISTER) else SCOPES_OF_USERS


def may(role: Role, right: Right) -> bool:
    """Whether a role has a right."""
    return IN_ORDER.index(role) >= IN_ORDER.index(LEAST_ROLES[right])


def require_right(role: Role, right: Right) -> None:
    """Raise `RoleRefused` where a role does not have a right."""
    if not may(role, right):
        message = (
            f"to {right} takes the role {LEAST_ROLES[right]}, and you are {role}; an operator can "
            "change that"
        )
        raise RoleRefused(message)
