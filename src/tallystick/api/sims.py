"""`/api/v1/sims` and what is below it: SIMs listed, shown, moved and removed.

They are taken in like any facts (`api/intake.py`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import falcon
import msgspec

from tallystick.api.answers import sims as answers
from tallystick.api.calls import ADMIN, AFTER, NOTES, after_in, origin_of, struct_of
from tallystick.api.intake import Intake
from tallystick.api.operation import operation
from tallystick.clock import system_clock
from tallystick.core.identifiers import Iccid
from tallystick.fleet import inventory
from tallystick.http.acts import records
from tallystick.intake import KINDS

if TYPE_CHECKING:
    from datetime import tzinfo

    from falcon import Request, Response

    from tallystick.intake import LiveIntake
    from tallystick.store import Reader, Store


class SimChange(msgspec.Struct, forbid_unknown_fields=True):
    """What is to become of a SIM: the account that it goes to."""

    account: str


class Sims(Intake):
    """Every SIM."""

    def __init__(self, live: LiveIntake, store: Store, zone: tzinfo) -> None:
        super().__init__(KINDS["sims"], live)
        self._store = store
        self._zone = zone

    @operation(
        scope=ADMIN,
        answer=answers.SimPage,
        query={"account": "SIMs of this account alone."} | AFTER,
    )
    def on_get(self, req: Request, resp: Response) -> None:
        """List SIMs, a page at a time: where each was last seen, and where it is expected."""
        with self._store.snapshot() as reader:
            page = inventory.page(reader, req.get_param("account"), after_in(req), system_clock())
        resp.data = msgspec.json.encode(answers.sim_page(page, self._zone))


class Sim:
    """One SIM."""

    def __init__(self, store: Store, zone: tzinfo) -> None:
        self._store = store
        self._zone = zone

    @operation(scope=ADMIN, answer=answers.SimAnswer)
    def on_get(self, _req: Request, resp: Response, iccid: str) -> None:
        """Show a SIM in short."""
        with self._store.snapshot() as reader:
            resp.data = self._described(reader, Iccid.parse(iccid))

    @operation(scope=ADMIN, body=SimChange, answer=answers.SimAnswer)
    @records("sim.change")
    def on_patch(self, req: Request, resp: Response, iccid: str) -> None:
        """Move a SIM to another account, out of the groups that it is in."""
        sim, account = Iccid.parse(iccid), struct_of(req, SimChange).account
        with self._store.transaction(sims=frozenset({sim})) as writer:
            inventory.move(writer, [inventory.Move(sim, account)]).require_all()
            resp.data = self._described(writer, sim)

    @operation(scope=ADMIN, status=204, query=NOTES)
    @records("sim.remove")
    def on_delete(self, req: Request, resp: Response, iccid: str) -> None:
        """Take a SIM out of the device database; its activations stay, and wait."""
        origin, sim = origin_of(req), Iccid.parse(iccid)
        with self._store.transaction(sims=frozenset({sim})) as writer:
            inventory.remove(writer, [sim], origin).require_all()
        resp.status = falcon.HTTP_204

    def _described(self, reader: Reader, iccid: Iccid) -> bytes:
        (record,) = inventory.records(reader, str(iccid))
        return msgspec.json.encode(answers.sim_answer(record, self._zone))
