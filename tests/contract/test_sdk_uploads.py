"""The largest upload that is allowed, through Verizon's Python SDK, among many other SIMs."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from verizon.models.date_filter import DateFilter
from verizon.models.device_id import DeviceId
from verizon.models.device_list import DeviceList
from verizon.models.device_mismatch_list_request import DeviceMismatchListRequest
from verizon.models.device_upload_request import DeviceUploadRequest

from tallystick.core.facts import SimExpectation
from tallystick.core.identifiers import Imei
from tallystick.core.moments import BEGINNING
from tests.contract.test_sdk_python import log_in, pointed_at
from tests.contract.test_uploads import NEW, OLD, SIZE_MAX, finished, seen_soon
from tests.serving import serving

if TYPE_CHECKING:
    from verizon.verizon_client import VerizonClient

    from tests.contract.conftest import Serve, Served

ACCOUNT = "by the SDK"
BAD = 4321  # the place of a pair that cannot be taken in
IN_FORCE_S_MAX = 20


@pytest.fixture(scope="module")
def serve() -> Serve:
    """By the program, which takes uploads in."""
    return serving


def reported(sdk: VerizonClient) -> list[str]:
    """The SIMs in the report of these days."""
    now = datetime.now(UTC)
    window = DateFilter(earliest=str(now - timedelta(1)), latest=str(now + timedelta(1)))
    question = DeviceMismatchListRequest(filter=window, account_name=ACCOUNT, devices=[])
    answer = sdk.device_management.list_devices_with_imei_iccid_mismatch(question).body
    return [device.iccid for device in answer.devices or []]


def test_ten_thousand_pairs_through_the_sdk_are_in_force_in_seconds_and_the_report_follows(
    served: Served,
) -> None:
    iccids = served.fleet(ACCOUNT, SIZE_MAX)
    with served.store.transaction() as writer:
        writer.take_expectations(
            [SimExpectation(iccid, BEGINNING, Imei.parse(OLD)) for iccid in iccids]
        )
    seen_soon(served.store, iccids, NEW)
    pairs = [DeviceList([DeviceId(NEW, "imei"), DeviceId(str(iccid), "iccid")]) for iccid in iccids]
    pairs[BAD] = DeviceList([DeviceId("123", "imei"), DeviceId(str(iccids[BAD]), "iccid")])
    upload = DeviceUploadRequest(ACCOUNT, pairs, "desk@example.com", "SKU1", "IMEI ICCID Pair")
    with pointed_at(served.port):
        sdk = log_in(served.app)
        assert len(reported(sdk)) == SIZE_MAX
        began = time.monotonic()
        request_id = sdk.device_management.device_upload(upload).body.request_id
        outcome = finished(served.session(), ACCOUNT.replace(" ", "%20"), request_id)
        assert time.monotonic() - began < IN_FORCE_S_MAX
        assert (
            sdk.account_requests.get_current_asynchronous_request_status(
                ACCOUNT, request_id
            ).body.status
            == "Success"
        )
        assert reported(sdk) == [str(iccids[BAD])]
    assert outcome["outcome"]["accepted"] == SIZE_MAX - 1
    ((index, reason),) = [
        (each["index"], each["reason"]) for each in outcome["outcome"]["rejected"]
    ]
    assert index == BAD
    assert "'123'" in reason
