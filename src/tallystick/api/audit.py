"""`/api/v1/audit`: who did what, and how it ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from tallystick.api.answers import audit as answers
from tallystick.api.calls import ADMIN, AT_MOST, at_most_in, before_in, moment_in
from tallystick.api.operation import operation
from tallystick.core.window import span_between
from tallystick.store.audit import AuditFilter

if TYPE_CHECKING:
    from datetime import tzinfo

    from falcon import Request, Response

    from tallystick.access import Access

LISTING = {
    "before": "only records that came before the one of this number",
    **AT_MOST,
    "actor": "only what this app, app/user or user of the command line did",
    "action": "only acts of this name, like user.change",
    "subject": "only acts on this",
    "earliest": "acts after this moment only",
    "latest": "acts before this moment only",
}


class AuditPage(msgspec.Struct):
    """Records, the last first."""

    records: list[dict[str, Any]]


class Audit:
    """The records of the audit."""

    def __init__(self, access: Access, zone: tzinfo) -> None:
        self._access = access
        self._zone = zone

    @operation(scope=ADMIN, answer=AuditPage, query=LISTING)
    def on_get(self, req: Request, resp: Response) -> None:
        """List what was recorded before one record, the last first."""
        at_most = at_most_in(req)
        records = self._access.audit.page(_asked(req), at_most)
        listed = [answers.audit_answer(each, self._zone) for each in records]
        resp.data = msgspec.json.encode(AuditPage(listed))


def _asked(req: Request) -> AuditFilter:
    """Which records the parameters ask for. Raises `InvalidValue` or `WindowRefused`."""
    window = span_between(moment_in(req, "earliest"), moment_in(req, "latest"))
    return AuditFilter(
        before_in(req),
        req.get_param("actor") or "",
        req.get_param("action") or "",
        req.get_param("subject") or "",
        window.earliest,
        window.latest,
    )
