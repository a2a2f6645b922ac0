"""Where a callback may go: a URL that is parsed once, and the rule of which machines are called.

A server that calls whatever address it is told to can be made to call its own network. So only the
public internet may be called, and only over TLS, unless the operator says that private addresses
are meant. Where clouds hand out the credentials of their machines is never called.
"""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import urlsplit

from tallystick.core.addresses import (
    is_address,
    is_disguised,
    is_metadata,
    is_private_name,
    is_public,
)
from tallystick.core.errors import InvalidValue
from tallystick.core.identifiers import shown

URL_LENGTH_MAX = 2000
URL_FORM = re.compile(rf"[!-~]{{1,{URL_LENGTH_MAX}}}")
"""What may stand in a request line: ASCII that can be seen."""
PORTS = {"https": 443, "http": 80}
SETTING = "TALLYSTICK_CALLBACK_PRIVATE_ADDRESSES"
EXAMPLE = "https://listener.example/callbacks"


class Target(NamedTuple):
    """A parsed URL."""

    is_tls: bool
    host: str
    port: int
    path: str


def parse_url(url: str) -> Target:
    """The target that a listener's URL names.

    Raises `InvalidValue`, which does not repeat what may be a password.
    """
    if not URL_FORM.fullmatch(url):
        without_password = shown(url.rpartition("@")[2])
        message = f"url must be 1-{URL_LENGTH_MAX} visible ASCII characters, not {without_password}"
        raise InvalidValue(message)
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        message = f"url must be an address like {EXAMPLE}; its host or port cannot be read"
        raise InvalidValue(message) from error
    if "@" in parts.netloc:
        message = "url must have no user or password in it; they belong in username and password"
        raise InvalidValue(message)
    if parts.scheme not in PORTS or not parts.hostname or parts.fragment or port == 0:
        message = f"url must be an address like {EXAMPLE}, not {shown(url)}"
        raise InvalidValue(message)
    query = f"?{parts.query}" if parts.query else ""
    return Target(
        parts.scheme == "https",
        parts.hostname,
        port or PORTS[parts.scheme],
        (parts.path or "/") + query,
    )


def why_not_registered(target: Target, *, private_allowed: bool) -> str | None:
    """What speaks against a listener there as far as its URL tells, None if nothing does.

    A host's name is looked up at each delivery, not here.
    """
    if not (target.is_tls or private_allowed):
        return (
            f"url must begin with https://; http:// is for private addresses, which need {SETTING}"
        )
    if is_disguised(target.host):
        return f"{target.host} must be a name, or an address of four decimal numbers"
    if is_address(target.host):
        return why_not_called(target, target.host, private_allowed=private_allowed)
    if is_private_name(target.host) and not private_allowed:
        return f"{target.host} is a name of a private network; calling it needs {SETTING}"
    return None


def why_not_called(target: Target, address: str, *, private_allowed: bool) -> str | None:
    """What speaks against calling a target at one of its IP addresses, None if nothing does."""
    if is_metadata(address):
        return f"{address} is never called: clouds hand out credentials of machines there"
    if is_public(address):
        return None if target.is_tls else f"{address} is public, and only https:// may call it"
    return (
        None if private_allowed else f"{address} is no public address; calling it needs {SETTING}"
    )
