"""Verizon's own Python SDK, unmodified, against a real server."""

from __future__ import annotations

import secrets
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from verizon.configuration import Configuration, Environment, Server
from verizon.exceptions.connectivity_management_result_exception import (
    ConnectivityManagementResultException,
)
from verizon.http.auth.thingspace_oauth import ThingspaceOauthCredentials
from verizon.http.auth.vz_m2m_token import VZM2mTokenCredentials
from verizon.models.account_device_list_filter import AccountDeviceListFilter
from verizon.models.account_device_list_request import AccountDeviceListRequest
from verizon.models.create_device_group_request import CreateDeviceGroupRequest
from verizon.models.date_filter import DateFilter
from verizon.models.device_group_update_request import DeviceGroupUpdateRequest
from verizon.models.device_id import DeviceId
from verizon.models.device_id_search import DeviceIdSearch
from verizon.models.device_list import DeviceList
from verizon.models.device_mismatch_list_request import DeviceMismatchListRequest
from verizon.models.device_upload_request import DeviceUploadRequest
from verizon.models.log_in_request import LogInRequest
from verizon.models.register_callback_request import RegisterCallbackRequest
from verizon.models.session_reset_password_request import SessionResetPasswordRequest
from verizon.verizon_client import VerizonClient

from tallystick.access import HELD_OVER_S, Credentials
from tallystick.clock import system_clock
from tallystick.intake import import_file
from tallystick.store import open_store
from tallystick.thingspace.rows import wire_row
from tests.engines import change
from tests.listening import listening, wait_until
from tests.quick_access import quick_access
from tests.serving import PASSWORD, serving

if TYPE_CHECKING:
    from collections.abc import Iterator

EXAMPLE = Path(__file__).parent / "golden" / "published_example"
PACIFIC = "America/Los_Angeles"
ACCOUNT = "0212398765-00001"


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address of the store that the server serves."""
    return f"sqlite:///{tmp_path_factory.mktemp('sdk')}/store.db"


@pytest.fixture(scope="module")
def app(database: str) -> Iterator[Credentials]:
    """An app's credentials, while the SDK is pointed at a server with the published example."""
    with open_store(database, wire_row) as store:
        store.init(PACIFIC)
        for kind in ("sims", "expectations", "activations"):
            import_file(store, kind, str(EXAMPLE / f"{kind}.csv"))
        access = quick_access(store, system_clock, secrets.token_bytes)
        for user in ("user", "resetting"):
            access.add_user(user, PASSWORD, [ACCOUNT], all_accounts=False)
        made = access.add_app("sdk", ["m2m"])
    with (
        serving(database, TIME_ZONE=PACIFIC, CALLBACK_PRIVATE_ADDRESSES="yes") as port,
        pointed_at(port),
    ):
        yield made


@contextmanager
def pointed_at(port: int) -> Iterator[None]:
    """The SDK speaks to the server on this port while the block runs."""
    with pytest.MonkeyPatch.context() as patch:
        roots = {Server.THINGSPACE: "api", Server.OAUTH_SERVER: "api/ts/v1", Server.M2M: "api/m2m"}
        for server, root in roots.items():
            address = f"http://127.0.0.1:{port}/{root}"
            patch.setitem(Configuration.environments[Environment.PRODUCTION], server, address)
        yield


def client(app: Credentials, session: str = "") -> VerizonClient:
    """The SDK's client, before there is a session or within one."""
    return VerizonClient(
        thingspace_oauth_credentials=ThingspaceOauthCredentials(app.key, app.secret),
        vz_m2m_token_credentials=VZM2mTokenCredentials(session),
    )


def log_in(app: Credentials, user: str = "user", password: str = PASSWORD) -> VerizonClient:
    """The SDK's client within a session."""
    request = LogInRequest(username=user, password=password)
    result = client(app).session_management.start_connectivity_management_session(request).body
    return client(app, result.session_token)


def question(account: str) -> DeviceMismatchListRequest:
    """The published request, with a window that finds its answer."""
    return DeviceMismatchListRequest(
        filter=DateFilter(
            earliest="2017-11-01T00:00:00-07:00Z", latest="2018-01-30T15:00:00-08:00Z"
        ),
        account_name=account,
        devices=[
            DeviceList([DeviceId(kind="ICCID", id="8914800000080078")]),
            DeviceList([DeviceId(kind="MDN", id="5096300587")]),
        ],
    )


def test_the_sdk_gets_a_token_logs_in_reads_the_report_and_logs_out(app: Credentials) -> None:
    sdk = log_in(app)
    answer = sdk.device_management.list_devices_with_imei_iccid_mismatch(question(ACCOUNT))
    assert answer.status_code == 200
    (device,) = answer.body.devices
    assert vars(device) == {
        "account_name": ACCOUNT,
        "mdn": "5096300587",
        "activation_date": "2011-01-21T10:55:27-08:00",
        "iccid": "89148000000800784259",
        "pre_imei": "990003420535573",
        "post_imei": "987603420573553",
        "sim_ota_date": "2017-12-01T16:00:00-08:00",
    }
    assert sdk.session_management.end_connectivity_management_session().status_code == 200
    with pytest.raises(ConnectivityManagementResultException) as ended:
        sdk.session_management.end_connectivity_management_session()
    assert ended.value.error_code == "UnifiedWebService.INPUT_INVALID.SessionToken.Invalid"


def test_two_clients_outlive_the_end_of_the_token_that_they_share(
    app: Credentials, database: str
) -> None:
    """One asks for a token in the last second of it; the other one has it already."""
    early, late = log_in(app), client(app)
    end = system_clock() + 1_000_000
    change(database, f"UPDATE tokens SET expires_at = {end}")  # noqa: S608 - a number
    login = LogInRequest(username="user", password=PASSWORD)
    assert late.session_management.start_connectivity_management_session(login)
    time.sleep(max(0, end + 500_000 - system_clock()) / 1e6)
    assert early.device_management.list_devices_with_imei_iccid_mismatch(question(ACCOUNT))
    time.sleep(HELD_OVER_S)
    # Whoever took `expires_in` of 0 for never would send a dead token now.
    assert late.session_management.start_connectivity_management_session(login)


def test_a_refusal_is_the_sdks_typed_exception(app: Credentials) -> None:
    sdk = log_in(app)
    with pytest.raises(ConnectivityManagementResultException) as refused:
        sdk.device_management.list_devices_with_imei_iccid_mismatch(question("9999999999-00001"))
    assert refused.value.response_code == 400
    assert refused.value.error_code == "UnifiedWebService.REQUEST_FAILED.AccountNotFound"
    assert "9999999999-00001" in refused.value.error_message


def test_the_sdk_resets_a_password(app: Credentials) -> None:
    sdk = log_in(app, "resetting")
    request = SessionResetPasswordRequest(old_password=PASSWORD)
    result = sdk.session_management.reset_connectivity_management_password(request).body
    with pytest.raises(ConnectivityManagementResultException) as refused:
        log_in(app, "resetting")
    assert refused.value.error_code == "UnifiedWebService.INPUT_INVALID.Password.Invalid"
    assert log_in(app, "resetting", result.new_password)


def test_the_sdk_makes_lists_reads_changes_and_deletes_a_group(app: Credentials) -> None:
    groups = log_in(app).device_groups
    device = DeviceId(kind="ICCID", id="89148000000800784259")
    request = CreateDeviceGroupRequest(ACCOUNT, "beyond the hills", "West", [device])
    assert groups.create_device_group(request).body.success is True
    listed = groups.list_device_groups(ACCOUNT).body
    assert [(group.name, group.is_default_group) for group in listed] == [
        ("Unassigned Devices", True),
        ("West", False),
    ]
    read = groups.get_device_group_information(ACCOUNT, "West").body
    assert (read.description, read.has_more_data) == ("beyond the hills", False)
    assert [each.id for each in read.devices[0].device_ids] == [
        "89148000000800784259",
        "5096300587",
    ]
    update = DeviceGroupUpdateRequest(devices_to_remove=[device], new_group_name="North & West")
    assert groups.update_device_group(ACCOUNT, "West", update).body.success is True
    assert groups.get_device_group_information(ACCOUNT, "North & West").body.devices == []
    assert groups.delete_device_group(ACCOUNT, "North & West").body.success is True
    with pytest.raises(ConnectivityManagementResultException) as refused:
        groups.get_device_group_information(ACCOUNT, "North & West")
    assert refused.value.error_code == "UnifiedWebService.REQUEST_FAILED.DeviceGroupNotFound"


def test_the_sdk_reads_an_account_and_lists_its_devices(app: Credentials) -> None:
    sdk = log_in(app)
    assert sdk.accounts.get_account_information(ACCOUNT).body.account_name == ACCOUNT
    search = AccountDeviceListFilter(
        [DeviceIdSearch(kind="MDN", contains="6300", startswith="509")]
    )
    request = AccountDeviceListRequest(account_name=ACCOUNT, filter=search, max_number_of_devices=5)
    answer = sdk.device_management.list_devices_information(request).body
    assert answer.has_more_data is False
    (device,) = answer.devices
    assert (device.account_name, device.group_names) == (ACCOUNT, ["Unassigned Devices"])
    assert device.last_activation_date == "2011-01-21T10:55:27-08:00"
    assert [each.id for each in device.device_ids] == [
        "89148000000800784259",
        "5096300587",
        "987603420573553",
    ]


def test_the_sdk_uploads_a_pair_and_waits_for_its_success(app: Credentials) -> None:
    sdk = log_in(app)
    pair = DeviceList(
        [
            DeviceId(kind="imei", id="987603420573553"),
            DeviceId(kind="iccid", id="89148000000800784259"),
        ]
    )
    request = DeviceUploadRequest(ACCOUNT, [pair], "desk@example.com", "SKU1", "IMEI ICCID Pair")
    request_id = sdk.device_management.device_upload(request).body.request_id
    statuses = ["Pending"]

    def is_finished() -> bool:
        answer = sdk.account_requests.get_current_asynchronous_request_status(ACCOUNT, request_id)
        assert answer.body.request_id == request_id
        statuses.append(answer.body.status)
        return statuses[-1] != "Pending"

    wait_until(is_finished)
    assert statuses[-1] == "Success"


def test_the_sdk_registers_a_listener_that_is_told_what_came_of_its_upload_and_deregisters_it(
    app: Credentials,
) -> None:
    sdk = log_in(app)
    with listening() as listener:
        url = f"http://127.0.0.1:{listener.port}/"
        request = RegisterCallbackRequest("DeviceService", url, "ann", "hush")
        made = sdk.connectivity_callbacks.register_callback(ACCOUNT, request).body
        assert (made.account_name, made.service_name) == (ACCOUNT, "DeviceService")
        (listed,) = sdk.connectivity_callbacks.list_registered_callbacks(ACCOUNT).body
        assert (listed.account_name, listed.service_name) == (ACCOUNT, "DeviceService")
        assert (listed.url, listed.username, hasattr(listed, "password")) == (url, "ann", False)
        pair = DeviceList(
            [DeviceId("987603420573553", "imei"), DeviceId("89148000000800784259", "iccid")]
        )
        upload = DeviceUploadRequest(ACCOUNT, [pair], "desk@example.com", "SKU1", "IMEI ICCID Pair")
        request_id = sdk.device_management.device_upload(upload).body.request_id
        (message,) = listener.arrived(1)
        assert (message["requestId"], message["status"]) == (request_id, "Success")
    gone = sdk.connectivity_callbacks.deregister_callback(ACCOUNT, "DeviceService").body
    assert gone.service_name == "DeviceService"
    assert not sdk.connectivity_callbacks.list_registered_callbacks(ACCOUNT).body
    with pytest.raises(ConnectivityManagementResultException):
        sdk.connectivity_callbacks.deregister_callback(ACCOUNT, "DeviceService")
