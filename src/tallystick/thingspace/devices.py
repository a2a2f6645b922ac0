"""Devices: `POST /devices/actions/list` (contract, section 4)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import falcon
import msgspec

from tallystick.core.errors import InvalidValue
from tallystick.core.identifiers import Iccid, Imei, Mdn, shown
from tallystick.core.moments import wire_or_none
from tallystick.core.selection import UNASSIGNED
from tallystick.fleet.devices import DEVICES_A_PAGE_MAX, Match, Wanted, page_of
from tallystick.http.gate import for_users, user_of
from tallystick.thingspace.bodies import (
    DeviceId,
    DeviceListBody,
    IdSearch,
    device_number,
    listed_in,
    read_json,
)
from tallystick.thingspace.described import DevicesAnswer, described
from tallystick.thingspace.errors import (
    BodyRefused,
    IdentifierRefused,
    KindRefused,
    TooManyIdentifiers,
)
from tallystick.thingspace.groups import identifiers_of

if TYPE_CHECKING:
    from datetime import tzinfo

    from falcon import Request, Response

    from tallystick.core.pairing import Activation
    from tallystick.core.selection import Listed
    from tallystick.settings import Settings
    from tallystick.store import Store
    from tallystick.store.devices import Device

FILTERS_MAX = 10
"""What a request may look for at a time."""
KINDS: dict[str, type[Iccid | Mdn | Imei]] = {"ICCID": Iccid, "MDN": Mdn, "IMEI": Imei}


class DeviceList:
    """The devices of one account, or of all that the user may see."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store = store
        self._zone = settings.zone

    @described(DeviceListBody, DevicesAnswer, (200, 202))
    @for_users
    def on_post(self, req: Request, resp: Response) -> None:
        """List devices in order of ICCID: 200 with the last of them, 202 while there are more."""
        user_id = user_of(req)
        wanted = _wanted(read_json(req, DeviceListBody))
        with self._store.snapshot() as reader:
            page = page_of(reader, reader.view_of(user_id).accounts, wanted)
        if page.has_more:
            resp.status = falcon.HTTP_202
        devices = [
            _described(device, page.last_seen.get(device.iccid), self._zone)
            for device in page.devices
        ]
        resp.data = msgspec.json.encode({"hasMoreData": page.has_more, "devices": devices})


def _wanted(body: DeviceListBody) -> Wanted:
    at_most = body.max_number_of_devices
    if not 1 <= at_most <= DEVICES_A_PAGE_MAX:
        message = f"maxNumberOfDevices must be 1-{DEVICES_A_PAGE_MAX}, not {at_most}"
        raise BodyRefused(message)
    searches = body.filter.device_identifier_filters if body.filter else []
    if len(searches) > FILTERS_MAX:
        message = (
            f"filter.deviceIdentifierFilters has {len(searches):,} entries; {FILTERS_MAX} at most"
        )
        raise TooManyIdentifiers(message)
    return Wanted(
        body.account_name or None,
        body.group_name or None,
        *_device(body.device_id),
        tuple(
            _match(f"filter.deviceIdentifierFilters[{place}]", each)
            for place, each in enumerate(searches)
        ),
        device_number("largestDeviceIdSeen", str(body.largest_device_id_seen)),
        at_most,
    )


def _device(device_id: DeviceId | None) -> tuple[Listed | None, Imei | None]:
    """The one device that is asked for, or the hardware that devices were last seen in."""
    if device_id is None:
        return None, None
    kind = device_id.kind.upper()
    if kind not in KINDS:
        message = f"deviceId.kind must be ICCID, MDN or IMEI, not {shown(device_id.kind)}"
        raise KindRefused(message)
    if kind != "IMEI":
        return listed_in("deviceId", [device_id]), None
    try:
        return None, Imei.parse(device_id.id)
    except InvalidValue as refusal:
        message = f"deviceId.id: {refusal}"
        raise IdentifierRefused(message) from refusal


def _match(place: str, search: IdSearch) -> Match:
    kind = KINDS.get(search.kind.upper())
    if kind is None:
        message = f"{place}.kind must be ICCID, MDN or IMEI, not {shown(search.kind)}"
        raise KindRefused(message)
    for text in (search.startswith, search.contains, search.endswith):
        if text and not (text.isascii() and text.isdigit()):
            message = f"{place} must look for digits, not {shown(text)}"
            raise IdentifierRefused(message)
    return Match(kind, search.startswith, search.contains, search.endswith)


def _described(device: Device, seen: Activation | None, zone: tzinfo) -> dict[str, Any]:
    described = {
        "accountName": device.account,
        "deviceIds": [*identifiers_of(device), *_imei_of(seen)],
        "groupNames": [device.group or UNASSIGNED],
        "lastActivationDate": wire_or_none(device.activation_date, zone),
        "extendedAttributes": [{"key": "DeviceId", "value": str(int(device.iccid))}],
    }
    return {name: value for name, value in described.items() if value is not None}


def _imei_of(seen: Activation | None) -> list[dict[str, str]]:
    """Where a device was last seen, as one of its identifiers."""
    return [] if seen is None else [{"kind": "IMEI", "id": str(seen.imei)}]
