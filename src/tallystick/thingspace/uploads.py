"""Uploads: `POST /devices/actions/upload`, and what came of one (contract, section 4)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from tallystick.core.identifiers import shown
from tallystick.http.gate import caller_of, for_users, user_of
from tallystick.outbox.uploads import Pair, outcome_of
from tallystick.thingspace.accounts import account_in_path, visible_account
from tallystick.thingspace.bodies import UploadBody, read_json, require, require_few
from tallystick.thingspace.described import StatusAnswer, UploadAnswer, described
from tallystick.thingspace.errors import BodyRefused, IdentifierRefused, KindRefused

if TYPE_CHECKING:
    from collections.abc import Iterator

    from falcon import Request, Response

    from tallystick.outbox.uploads import Outcome, Uploads
    from tallystick.store import Store
    from tallystick.thingspace.bodies import Device

UPLOAD_TYPE = "IMEI ICCID Pair"
KINDS = ("ICCID", "IMEI")


class Upload:
    """Pairs that correct the device database."""

    def __init__(self, store: Store, uploads: Uploads) -> None:
        self._store = store
        self._uploads = uploads

    @described(UploadBody, UploadAnswer)
    @for_users
    def on_post(self, req: Request, resp: Response) -> None:
        """Acknowledge the upload once it is durable; the work on it goes on."""
        user_id, sender = user_of(req), caller_of(req).name
        body = read_json(req, UploadBody)
        account = require("accountName", body.account_name)
        pairs = list(_pairs(body))
        with self._store.transaction() as writer:
            request_id = self._uploads.put(
                writer, visible_account(writer, user_id, account), pairs, sender
            )
        self._uploads.call()
        resp.data = msgspec.json.encode({"requestId": request_id})


class RequestStatus:
    """What came of an upload."""

    def __init__(self, store: Store) -> None:
        self._store = store

    @described(answer=StatusAnswer)
    @for_users
    def on_get(self, req: Request, resp: Response, account: str, request: str) -> None:
        """Say whether the upload waits, or what came of it."""
        user_id = user_of(req)
        with self._store.snapshot() as reader:
            account_id = account_in_path(reader, user_id, account).account_id
            outcome = outcome_of(reader, account_id, request)
        resp.data = msgspec.json.encode({"requestId": request, **_status_of(outcome)})


def _status_of(outcome: Outcome | None) -> dict[str, Any]:
    if outcome is None:
        return {"status": "Pending"}
    status = "Success" if outcome.accepted else "Failure"
    doubts = {"doubts": outcome.doubts} if outcome.doubts else {}
    return {"status": status, "outcome": outcome.of_pairs, **doubts}


def _pairs(body: UploadBody) -> Iterator[Pair]:
    if body.upload_type.upper() != UPLOAD_TYPE.upper():
        message = f"uploadType must be {UPLOAD_TYPE}, not {shown(body.upload_type)}"
        raise BodyRefused(message)
    if not body.devices:
        message = "devices is missing"
        raise BodyRefused(message)
    require_few("devices", len(body.devices))
    for place, device in enumerate(body.devices):
        yield _pair(f"devices[{place}].deviceIds", device)


def _pair(place: str, device: Device) -> Pair:
    for each in device.device_ids:
        if each.kind.upper() not in KINDS:
            message = f"{place} must be one IMEI and one ICCID; there is a kind {shown(each.kind)}"
            raise KindRefused(message)
    if sorted(each.kind.upper() for each in device.device_ids) != list(KINDS):
        message = f"{place} must be one IMEI and one ICCID"
        raise IdentifierRefused(message)
    ids = {each.kind.upper(): each.id for each in device.device_ids}
    return Pair(ids["ICCID"], ids["IMEI"])
