"""Every setting, read once from the environment and a file, checked and frozen.

A variable of the environment goes before the file, and the file before the default; an option of a
command goes before all of them.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from tallystick.core.addresses import Network, networks
from tallystick.core.errors import SettingRefused
from tallystick.core.identifiers import shown
from tallystick.core.moments import zone_named
from tallystick.logs import FORMATS, LEVELS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from dataclasses import Field
    from datetime import tzinfo

PREFIX = "TALLYSTICK_"
FILE_SUFFIX = "_FILE"
TEST_PREFIX = "TALLYSTICK_TEST_"  # read by the test suite, none of the program's
CONFIG_VARIABLE = "TALLYSTICK_CONFIG"  # names the file of settings
CONFIG_NAME = "tallystick.toml"  # of that file in the current directory, where none is named
BY_DEFAULT = "default"
PORT_MAX = 65535
PUBLIC_URL = re.compile(r"https?://[A-Za-z0-9.\-\[\]:]+/?")
BEFORE_HOST = re.compile(r"^([a-z]*:/*)?.*@")
PASSWORD_WORD = re.compile(r"(password=)[^&]*", re.IGNORECASE)


def _database(text: str) -> str:
    is_file = text.startswith("sqlite:///") and text != "sqlite:///"
    if not (is_file or text.startswith("postgresql://")):
        message = "must be sqlite:///relative.db, sqlite:////absolute/path.db or postgresql://user@host/database"
        raise ValueError(message)
    return text


def without_password(address: str) -> str:
    """The address of a database as it may be shown.

    Whatever may be a password is left out, also of a malformed one.
    """
    return PASSWORD_WORD.sub(r"\1…", BEFORE_HOST.sub(r"\1…@", address))


def _zone_name(text: str) -> str:
    zone_named(text)
    return text


def _generations(text: str) -> tuple[str, ...]:
    names = tuple(sorted({word.strip() for word in text.split(",") if word.strip()}))
    if not names:
        message = "must name at least one generation, like 4G or 4G,5G"
        raise ValueError(message)
    return names


def _host(text: str) -> str:
    if not text:
        message = "must name an address to listen on"
        raise ValueError(message)
    return text


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < int(text) <= PORT_MAX):
        message = f"must be a port, 1-{PORT_MAX}"
        raise ValueError(message)
    return int(text)


def _port_or_none(text: str) -> int:
    return 0 if text == "0" else _port(text)


def _public_url(text: str) -> str:
    if text and not PUBLIC_URL.fullmatch(text):
        message = "must be empty or an address without a path, like https://tally.example"
        raise ValueError(message)
    return text.removesuffix("/").lower()


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        message = "must be a whole number from 1 on"
        raise ValueError(message)
    return int(text)


def _count_or_none(text: str) -> int:
    return 0 if text == "0" else _count(text)


def _networks(text: str) -> tuple[Network, ...]:
    try:
        return networks(text)
    except ValueError as error:
        message = "must be addresses or networks, like 10.0.0.7 or 10.0.0.0/24,2001:db8::/64"
        raise ValueError(message) from error


def _yes_or_no(text: str) -> bool:
    if text not in {"yes", "no"}:
        message = "must be yes or no"
        raise ValueError(message)
    return text == "yes"


def _one_of(*words: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text not in words:
            message = f"must be one of {', '.join(words)}"
            raise ValueError(message)
        return text

    return read


_log_format = _one_of(*FORMATS)
_log_level = _one_of(*LEVELS)


def _setting(default: str, read: Callable[[str], Any], about: str) -> Any:  # noqa: ANN401 - a field of any type
    return field(default=read(default), metadata={"read": read, "about": about})


@dataclass(frozen=True, slots=True)
class Settings:
    """What the program was told.

    Each setting is the environment variable of its name, in capitals, and the key of its name in
    the file of settings.
    """

    database: str = _setting("sqlite:///tallystick.db", _database, "Where the store is.")
    time_zone: str = _setting("UTC", _zone_name, "The zone in which answers print their times.")
    generations: tuple[str, ...] = _setting(
        "4G", _generations, "Which SIMs are reported, with commas between."
    )
    host: str = _setting("127.0.0.1", _host, "The address that the server listens on.")
    port: int = _setting("8080", _port, "The port that the server listens on.")
    workers: int = _setting("1", _count, "How many processes serve.")
    threads: int = _setting("16", _count, "How many requests each of them works at at a time.")
    connections: int = _setting("4096", _count, "How many connections each of them holds open.")
    keep_alive_s: int = _setting(
        "75", _count, "How many seconds a connection may go without the head of a call."
    )
    body_s: int = _setting("60", _count, "How many seconds the body of a call may take to come.")
    call_s: int = _setting("300", _count, "How many seconds a whole call may take.")
    bytes_a_s: int = _setting(
        "1024", _count, "How many bytes a second of a body and of an answer must go over."
    )
    address_calls_a_s: int = _setting(
        "10000", _count_or_none, "How many calls a second one address may make; 0 for any number."
    )
    app_calls_a_s: int = _setting(
        "5000", _count_or_none, "How many calls a second one app may make; 0 for any number."
    )
    user_calls_a_s: int = _setting(
        "2000", _count_or_none, "How many calls a second one user may make; 0 for any number."
    )
    login_tries_a_min: int = _setting(
        "20",
        _count_or_none,
        "How many wrong secrets a minute one name may be tried with at an address; 0 for any.",
    )
    health_port: int = _setting(
        "0", _port_or_none, "A port of its own for /healthz and /readyz; 0 for none."
    )
    metrics_host: str = _setting("127.0.0.1", _host, "The address of the port for /metrics alone.")
    metrics_port: int = _setting(
        "0", _port_or_none, "A port of its own for /metrics, open to all there; 0 for none."
    )
    log_format: str = _setting("text", _log_format, "How lines of the log read: text or json.")
    log_level: str = _setting(
        "info", _log_level, "From which level on lines are logged: debug, info, warning or error."
    )
    log_requests: bool = _setting("no", _yes_or_no, "Whether every call is a line of the log.")
    traces: bool = _setting(
        "no", _yes_or_no, "Whether traces of what is done go to a collector of OpenTelemetry."
    )
    public_url: str = _setting(
        "", _public_url, "Where browsers reach the server, if not at the address that they name."
    )
    tls_certificate: str = _setting(
        "", str, "The file of the server's certificate and its chain, for TLS; empty for none."
    )
    tls_key: str = _setting("", str, "The file of the certificate's private key.")
    trusted_proxies: tuple[Network, ...] = _setting(
        "", _networks, "Which proxies are believed about the caller's address, with commas between."
    )
    callback_private_addresses: bool = _setting(
        "no", _yes_or_no, "Whether callbacks may go to private addresses, and there over http."
    )

    audit_days: int = _setting(
        "730", _count_or_none, "How many days the audit's records are kept; 0 for good."
    )

    @property
    def zone(self) -> tzinfo:
        """The zone itself."""
        return zone_named(self.time_zone)

    @property
    def url(self) -> str:
        """Where the server answers; an address of IPv6 stands in brackets."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.tls_certificate else 'http'}://{host}:{self.port}"

    @property
    def is_over_tls(self) -> bool:
        """Whether callers reach the server over TLS: its own, or that of a proxy before it."""
        return bool(self.tls_certificate) or self.public_url.startswith("https:")


def variable(name: str) -> str:
    """The environment variable of a setting."""
    return PREFIX + name.upper()


def text_of(value: object) -> str:
    """A setting's value as its variable has it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


def settings_changed(settings: Settings) -> dict[str, str]:
    """The settings that are not the defaults, by their variables, as they may be shown."""
    return {
        variable(each.name): without_password(text_of(value))
        for each in fields(settings)
        if (value := getattr(settings, each.name)) != each.default
    }


class Sourced(NamedTuple):
    """The settings, and where each was given by its name; one that is not there has its default."""

    settings: Settings
    places: Mapping[str, str]

    def place(self, name: str) -> str:
        """Where a setting was given."""
        return self.places.get(name, BY_DEFAULT)


class _Given(NamedTuple):
    """The text that was given under a key, and the place that messages name."""

    text: str
    place: str


def read_settings(environment: Mapping[str, str]) -> Settings:
    """Read every setting.

    Raises `SettingRefused`, which names the variable or the line of the file, the value and what
    would do. `TALLYSTICK_X_FILE` names a file whose content is the value of `TALLYSTICK_X`.
    """
    return read_sourced(environment).settings


def read_sourced(environment: Mapping[str, str]) -> Sourced:
    """The same, with where each setting was given."""
    known = {each.name: each for each in fields(Settings)}
    of_file = _read(_given_in_file(environment), known, "_file")
    by_variable = {variable(name): each for name, each in known.items()}
    given = _given_in_environment(environment)
    of_environment = _read(given, by_variable, FILE_SUFFIX)
    chosen = of_file | of_environment
    values = {name: value for name, (value, _) in chosen.items()}
    return Sourced(Settings(**values), {name: place for name, (_, place) in chosen.items()})


def _given_in_environment(environment: Mapping[str, str]) -> dict[str, _Given]:
    return {
        name: _Given(text, name)
        for name, text in environment.items()
        if name.startswith(PREFIX) and not name.startswith(TEST_PREFIX) and name != CONFIG_VARIABLE
    }


def config_of(environment: Mapping[str, str]) -> Path | None:
    """The file of settings that is named, or else the usual one; None where that is not there."""
    named = environment.get(CONFIG_VARIABLE)
    if named is not None:
        return Path(named)
    return Path(CONFIG_NAME) if Path(CONFIG_NAME).exists() else None


def _given_in_file(environment: Mapping[str, str]) -> dict[str, _Given]:
    path = config_of(environment)
    if path is None:
        return {}
    try:
        text = path.read_text("utf-8")
        content = tomllib.loads(text)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        message = f"{path}: cannot be read as settings: {error}"
        raise SettingRefused(message) from error
    return {
        key: _Given(_text_in_file(value, place), place)
        for key, value in content.items()
        for place in [_place_in_file(path, text, key)]
    }


def _place_in_file(path: Path, text: str, key: str) -> str:
    """The file, the line of a key in it, and the key."""
    form = re.compile(rf"\s*\[*\s*[\"']?{re.escape(key)}\b")
    for number, line in enumerate(text.splitlines(), 1):
        if form.match(line):
            return f"{path}, line {number}: {key}"
    return f"{path}: {key}"


def _text_in_file(value: object, place: str) -> str:
    """A value as its variable would have it. Raises `SettingRefused` for what none can be."""
    if isinstance(value, bool | int | str):
        return text_of(value)
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        return text_of(tuple(value))
    message = f"{place}: must be a text, a number, true or false, or a list of texts"
    raise SettingRefused(message)


def _read(
    given: Mapping[str, _Given], known: Mapping[str, Field[Any]], suffix: str
) -> dict[str, tuple[Any, str]]:
    """The value of each setting that was given, and the place where."""
    values: dict[str, tuple[Any, str]] = {}
    for key, (text, place) in given.items():
        base = key.removesuffix(suffix)
        setting = known.get(base)
        if setting is None:
            message = f"{place}: there is no such setting; {_hint(base, known)}"
            raise SettingRefused(message)
        if key != base and base in given:
            message = f"{given[base].place} and {key} are both set; leave one of them out"
            raise SettingRefused(message)
        value = text if key == base else _content(place, text)
        try:
            values[setting.name] = (setting.metadata["read"](value), place)
        except ValueError as error:
            message = f"{place}: {error}, not {shown(without_password(value))}"
            raise SettingRefused(message) from error
    return values


def _hint(base: str, known: Mapping[str, Field[Any]]) -> str:
    near = difflib.get_close_matches(base, known, n=1)
    return f"did you mean {near[0]}?" if near else "`tallystick settings` lists those there are"


def _content(place: str, path: str) -> str:
    try:
        return Path(path).read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        message = f"{place}: cannot read {path}: {error}"
        raise SettingRefused(message) from error
