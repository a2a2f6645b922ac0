"""Mismatches explained over HTTP, by apps and by users with a role, from a real server."""

from __future__ import annotations

import json
import secrets
from typing import TYPE_CHECKING, Any

from tallystick.clock import system_clock
from tallystick.core.roles import Role
from tests.answering import answering
from tests.quick_access import quick_access
from tests.serving import PASSWORD, Reply, bearer, call, signed_in
from tests.store.few import FOREIGN, ONE, TWO, expected, seen, sim, take

if TYPE_CHECKING:
    from tallystick.store import Store

ROW = {"iccid": str(ONE), "imei": str(FOREIGN), "activated_at": "1970-01-01T00:00:00.00001Z"}
SAID = {"rows": [ROW], "ticket": "OPS-1", "note": "a spare"}


def ask(port: int, headers: dict[str, str], path: str, body: Any = None) -> Reply:  # noqa: ANN401 - any JSON
    """One call, a POST where there is a body."""
    if body is None:
        return call(port, "GET", f"/api/v1/{path}", headers=headers)
    return call(port, "POST", f"/api/v1/{path}", json.dumps(body), headers)


def test_apps_and_editors_explain_mismatches_and_take_that_back(
    mismatched: Store, database: str
) -> None:
    take(mismatched, sim(TWO, account="b"), expected(TWO), seen(TWO))
    access = quick_access(mismatched, system_clock, secrets.token_bytes)
    desk, portal = access.add_app("desk", ["admin"]), access.add_app("portal", ["m2m"])
    for name, role in (("ed", Role.EDITOR), ("vic", Role.VIEWER)):
        access.add_user(name, PASSWORD, ["a"], all_accounts=False, role=role)
    access.close()
    with answering(database) as port:
        app = bearer(port, desk)
        editor, viewer = (signed_in(port, portal, name) for name in ("ed", "vic"))
        assert ask(port, app, "explanations", SAID).json == {"explained": 1}
        until = SAID | {"until": "2999-01-01T00:00:00Z", "ticket": ""}
        assert ask(port, editor, "explanations", until).json == {"explained": 1}
        refused = ask(port, viewer, "explanations", SAID)
        assert (refused.status, refused.json["error"]["code"]) == (403, "role-refused")
        of_others = SAID | {"rows": [ROW | {"iccid": str(TWO)}]}
        hidden = ask(port, editor, "explanations", of_others)
        assert (hidden.status, hidden.json["error"]["code"]) == (404, "mismatch-not-found")
        assert ask(port, app, "explanations", of_others | {"note": "", "ticket": ""}).status == 400
        newest, oldest = ask(port, viewer, f"sims/{ONE}/explanations").json["explanations"]
        assert (newest["explained_by"], newest["until"]) == ("portal/ed", "2999-01-01T00:00:00Z")
        assert (oldest["explained_by"], oldest["ended_by"]) == ("desk", "portal/ed")
        assert (oldest["ticket"], oldest["until"], newest["ticket"]) == ("OPS-1", None, None)
        assert ask(port, viewer, f"sims/{TWO}/explanations").status == 404
        assert ask(port, viewer, "explanations/end", {"rows": [ROW]}).status == 403
        assert ask(port, editor, "explanations/end", {"rows": [ROW]}).json == {"ended": 1}
        assert ask(port, app, "explanations/end", {"rows": [ROW]}).json == {"ended": 0}
