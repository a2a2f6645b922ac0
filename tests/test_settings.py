"""Settings are read once; an unknown or malformed one stops the start."""

from __future__ import annotations

import dataclasses
from datetime import UTC
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest

from tallystick.core.errors import SettingRefused
from tallystick.core.moments import zone_named
from tallystick.settings import PREFIX, Settings, read_settings, read_sourced, variable

if TYPE_CHECKING:
    from pathlib import Path

NAMES = [each.name for each in dataclasses.fields(Settings)]
# One value that does for each setting, and is not its default.
ANOTHER = {
    "TALLYSTICK_DATABASE": "sqlite:////srv/fleet.db",
    "TALLYSTICK_TIME_ZONE": "America/Los_Angeles",
    "TALLYSTICK_GENERATIONS": "5G",
    "TALLYSTICK_HOST": "0.0.0.0",  # noqa: S104 - a value to read, not an address to listen on
    "TALLYSTICK_PORT": "65535",
    "TALLYSTICK_WORKERS": "3",
    "TALLYSTICK_THREADS": "4",
    "TALLYSTICK_CONNECTIONS": "100",
    "TALLYSTICK_KEEP_ALIVE_S": "5",
    "TALLYSTICK_BODY_S": "5",
    "TALLYSTICK_CALL_S": "50",
    "TALLYSTICK_BYTES_A_S": "1",
    "TALLYSTICK_AUDIT_DAYS": "30",
    "TALLYSTICK_HEALTH_PORT": "8081",
    "TALLYSTICK_ADDRESS_CALLS_A_S": "1",
    "TALLYSTICK_APP_CALLS_A_S": "0",
    "TALLYSTICK_USER_CALLS_A_S": "2",
    "TALLYSTICK_LOGIN_TRIES_A_MIN": "3",
    "TALLYSTICK_TLS_CERTIFICATE": "/etc/tallystick/certificate.pem",
    "TALLYSTICK_TLS_KEY": "/etc/tallystick/key.pem",
    "TALLYSTICK_TRUSTED_PROXIES": "192.0.2.1/32,2001:db8::/64",
    "TALLYSTICK_METRICS_HOST": "192.0.2.1",
    "TALLYSTICK_METRICS_PORT": "9464",
    "TALLYSTICK_LOG_FORMAT": "json",
    "TALLYSTICK_LOG_LEVEL": "warning",
    "TALLYSTICK_LOG_REQUESTS": "yes",
    "TALLYSTICK_TRACES": "yes",
    "TALLYSTICK_PUBLIC_URL": "https://tally.example",
    "TALLYSTICK_CALLBACK_PRIVATE_ADDRESSES": "yes",
}


def test_without_any_variable_the_defaults_hold() -> None:
    settings = read_settings({"PATH": "/bin", "HOME": "/nowhere"})
    assert settings == Settings()
    assert settings.database == "sqlite:///tallystick.db"
    assert settings.zone is UTC
    assert settings.generations == ("4G",)
    assert (settings.host, settings.port) == ("127.0.0.1", 8080)


def test_every_setting_is_tried_below() -> None:
    assert {variable(name) for name in NAMES} == set(ANOTHER)


@pytest.mark.parametrize("name", NAMES)
def test_each_variable_sets_its_setting_and_no_other(name: str) -> None:
    read = read_settings({variable(name): ANOTHER[variable(name)]})
    assert [each for each in NAMES if getattr(read, each) != getattr(Settings(), each)] == [name]


@pytest.mark.parametrize("name", NAMES)
def test_each_says_in_one_sentence_what_it_is_about(name: str) -> None:
    (setting,) = (each for each in dataclasses.fields(Settings) if each.name == name)
    assert setting.metadata["about"].endswith(".")


def test_settings_are_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Settings().port = 1  # type: ignore[misc] # that it cannot be set is the point


@pytest.mark.parametrize("name", NAMES)
def test_each_can_come_from_a_file(tmp_path: Path, name: str) -> None:
    path = tmp_path / "value"
    path.write_text(ANOTHER[variable(name)] + "\n")
    read = read_settings({variable(name) + "_FILE": str(path)})
    assert read == read_settings({variable(name): ANOTHER[variable(name)]})


def test_a_variable_and_its_file_together_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "port"
    path.write_text("81")
    both = {"TALLYSTICK_PORT": "80", "TALLYSTICK_PORT_FILE": str(path)}
    for environment in (both, dict(reversed(both.items()))):
        with pytest.raises(
            SettingRefused, match="TALLYSTICK_PORT and TALLYSTICK_PORT_FILE are both set"
        ):
            read_settings(environment)


def test_a_file_that_cannot_be_read_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "latin").write_bytes(b"\xff\xfe")
    for path in (tmp_path / "none", tmp_path, tmp_path / "latin"):
        with pytest.raises(SettingRefused, match=f"TALLYSTICK_HOST_FILE: cannot read {path}"):
            read_settings({"TALLYSTICK_HOST_FILE": str(path)})


def test_a_malformed_value_from_a_file_names_the_variable_that_was_set(tmp_path: Path) -> None:
    path = tmp_path / "port"
    path.write_text("eighty")
    with pytest.raises(
        SettingRefused, match=r"TALLYSTICK_PORT_FILE: must be a port, 1-65535, not 'eighty'"
    ):
        read_settings({"TALLYSTICK_PORT_FILE": str(path)})


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("TALLYSTICK_DATABSE", "TALLYSTICK_DATABASE"),
        ("TALLYSTICK_TIMEZONE", "TALLYSTICK_TIME_ZONE"),
        ("TALLYSTICK_GENERATION", "TALLYSTICK_GENERATIONS"),
        ("TALLYSTICK_WORKER_FILE", "TALLYSTICK_WORKERS"),
        ("TALLYSTICK_port", "TALLYSTICK_PORT"),
    ],
)
def test_an_unknown_variable_is_refused_with_the_one_that_was_meant(name: str, meant: str) -> None:
    with pytest.raises(
        SettingRefused, match=rf"{name}: there is no such setting; did you mean {meant}\?"
    ):
        read_settings({name: "1"})


def test_an_unknown_variable_like_no_other_is_refused_with_where_to_look() -> None:
    with pytest.raises(SettingRefused, match="TALLYSTICK_: there is no such setting"):
        read_settings({PREFIX: "1"})
    with pytest.raises(SettingRefused, match="`tallystick settings` lists those there are"):
        read_settings({"TALLYSTICK_QQQQQQQQQQQQQQQQQQQQQQ": "1"})


def test_variables_of_the_test_suite_and_of_other_programs_are_none_of_ours() -> None:
    assert (
        read_settings({"TALLYSTICK_TEST_ANYTHING": "x", "TALLYSTICK": "x", "XTALLYSTICK_PORT": "x"})
        == Settings()
    )


MALFORMED = [
    ("TALLYSTICK_PUBLIC_URL", "tally.example", "must be empty or an address without a path"),
    ("TALLYSTICK_PUBLIC_URL", "https://tally.example/x", "must be empty or an address"),
    ("TALLYSTICK_DATABASE", "", "must be sqlite:///"),
    ("TALLYSTICK_DATABASE", "fleet.db", "must be sqlite:///"),
    ("TALLYSTICK_DATABASE", "sqlite://fleet.db", "must be sqlite:///"),
    ("TALLYSTICK_DATABASE", "sqlite:///", "must be sqlite:///"),
    ("TALLYSTICK_DATABASE", "mysql://host/fleet", "must be sqlite:///"),
    ("TALLYSTICK_TIME_ZONE", "", "must be a zone of the IANA database"),
    ("TALLYSTICK_TIME_ZONE", "Los Angeles", "must be a zone of the IANA database"),
    ("TALLYSTICK_TIME_ZONE", "+08:00", "must be a zone of the IANA database"),
    ("TALLYSTICK_TIME_ZONE", "../../etc/passwd", "must be a zone of the IANA database"),
    ("TALLYSTICK_TIME_ZONE", "/etc/localtime", "must be a zone of the IANA database"),
    ("TALLYSTICK_TIME_ZONE", "America", "must be a zone of the IANA database"),
    ("TALLYSTICK_GENERATIONS", "", "must name at least one generation"),
    ("TALLYSTICK_GENERATIONS", " , ", "must name at least one generation"),
    ("TALLYSTICK_HOST", "", "must name an address"),
    ("TALLYSTICK_PORT", "", "must be a port"),
    ("TALLYSTICK_PORT", "0", "must be a port"),
    ("TALLYSTICK_PORT", "65536", "must be a port"),
    ("TALLYSTICK_PORT", "-1", "must be a port"),
    ("TALLYSTICK_PORT", "8080 ", "must be a port"),
    ("TALLYSTICK_PORT", "٨٠", "must be a port"),
    ("TALLYSTICK_PORT", "9" * 100, "must be a port"),
    ("TALLYSTICK_WORKERS", "0", "must be a whole number from 1 on"),
    ("TALLYSTICK_WORKERS", "two", "must be a whole number from 1 on"),
    ("TALLYSTICK_THREADS", "1.5", "must be a whole number from 1 on"),
]


@pytest.mark.parametrize(("name", "value", "reason"), MALFORMED)
def test_a_malformed_value_is_refused_with_the_variable_the_reason_and_the_value(
    name: str, value: str, reason: str
) -> None:
    with pytest.raises(SettingRefused) as refusal:
        read_settings({name: value})
    assert refusal.value.message.startswith(f"{name}: {reason}")
    assert repr(value)[:30] in refusal.value.message
    assert len(refusal.value.message) < 200


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Where the file of settings is."""
    return tmp_path / "some.toml"


def in_file(config: Path, text: str, **variables: str) -> Settings:
    config.write_text(text, "utf-8")
    return read_settings({"TALLYSTICK_CONFIG": str(config), **variables})


@pytest.mark.parametrize("name", NAMES)
def test_each_can_be_given_in_the_file_of_settings(config: Path, name: str) -> None:
    value = ANOTHER[variable(name)]
    read = in_file(config, f'{name} = "{value}"\n')
    assert read == read_settings({variable(name): value})


def test_values_in_the_file_may_be_numbers_truths_and_lists(config: Path) -> None:
    text = 'port = 9000\ncallback_private_addresses = true\ngenerations = ["5G", "4G"]\n'
    read = in_file(config, text)
    assert (read.port, read.callback_private_addresses) == (9000, True)
    assert read.generations == ("4G", "5G")


def test_a_variable_goes_before_the_file_and_the_file_before_the_default(config: Path) -> None:
    config.write_text("port = 9000\nworkers = 3\n")
    named = {"TALLYSTICK_CONFIG": str(config), "TALLYSTICK_PORT": "9001"}
    sourced = read_sourced(named)
    assert (sourced.settings.port, sourced.settings.workers) == (9001, 3)
    assert sourced.place("port") == "TALLYSTICK_PORT"
    assert sourced.place("workers") == f"{config}, line 2: workers"
    assert sourced.place("host") == "default"


def test_a_value_can_come_from_a_file_that_the_file_of_settings_names(
    config: Path, tmp_path: Path
) -> None:
    (tmp_path / "secret").write_text("postgresql://a:b@c/d\n")
    read = in_file(config, f'database_file = "{tmp_path}/secret"\n')
    assert read.database == "postgresql://a:b@c/d"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("\n\nprot = 1\n", r", line 3: prot: there is no such setting; did you mean port\?"),
        ("zzzzz = 1", r", line 1: zzzzz: there is no such setting; `tallystick settings` lists"),
        ("# port\nport = 0\n", r", line 2: port: must be a port, 1-65535, not '0'"),
        ("port = 1.5", r", line 1: port: must be a text, a number, true or false, or a list"),
        ("\n[port]\na = 1", r", line 2: port: must be a text, a number, true or false"),
        ("port = 1\nport_file = 'x'", r"line 1: port and port_file are both set"),
        ("port = x\n", r": cannot be read as settings: .*\(at line 1, column 8\)"),
        ("database = 'mysql://u:secret@h/x'", r"line 1: database: must be sqlite:///(?!.*secret)"),
    ],
)
def test_what_is_wrong_with_the_file_is_said_with_its_line(
    config: Path, text: str, reason: str
) -> None:
    with pytest.raises(SettingRefused, match=f"^{config}.*{reason}"):
        in_file(config, text, TALLYSTICK_PORT="80")


def test_a_file_of_settings_that_is_named_has_to_be_there(config: Path) -> None:
    with pytest.raises(SettingRefused, match=rf"{config}: cannot be read as settings"):
        read_settings({"TALLYSTICK_CONFIG": str(config)})


def test_generations_are_a_set_of_words() -> None:
    assert read_settings({"TALLYSTICK_GENERATIONS": "5G, 4G,5G,"}).generations == ("4G", "5G")


def test_a_zone_is_named_as_the_iana_database_names_it() -> None:
    assert zone_named("UTC") is UTC
    assert zone_named("America/Los_Angeles") == ZoneInfo("America/Los_Angeles")
    assert read_settings({"TALLYSTICK_TIME_ZONE": "Asia/Kathmandu"}).zone == ZoneInfo(
        "Asia/Kathmandu"
    )
