"""What each role may do."""

from __future__ import annotations

import pytest

from tallystick.core.errors import RoleRefused
from tallystick.core.roles import Right, Role, may, require_right

ALLOWED = {
    Role.VIEWER: {Right.SEE},
    Role.EDITOR: {Right.SEE, Right.PROPOSE, Right.EXPLAIN, Right.IMPORT},
    Role.APPROVER: set(Right) - {Right.ADMINISTER},
    Role.OPERATOR: set(Right),
}


@pytest.mark.parametrize("role", Role)
def test_each_role_has_the_rights_of_those_before_it_and_more(role: Role) -> None:
    assert {right for right in Right if may(role, right)} == ALLOWED[role]


def test_a_refusal_says_which_role_it_takes_and_which_one_the_user_has() -> None:
    require_right(Role.APPROVER, Right.DECIDE)
    with pytest.raises(RoleRefused, match="takes the role approver, and you are editor"):
        require_right(Role.EDITOR, Right.DECIDE)
