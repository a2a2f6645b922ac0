"""Addresses of the network: which belong to the public internet, and which to private networks."""

from __future__ import annotations

import re
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

NAT64 = IPv6Network("64:ff9b::/96")
"""The last 32 bits are an IPv4 address (RFC 6052)."""
IPV4_BITS = 0xFFFF_FFFF
UNICAST = IPv6Network("2000::/3")
"""The only part of IPv6 that is handed out to the internet (RFC 4291)."""
SET_ASIDE = (IPv4Network("192.0.0.0/24"), IPv4Network("192.88.99.0/24"), IPv6Network("3fff::/20"))
"""Set aside by IANA too, which not every version of the standard library knows."""
METADATA = (
    IPv4Network("169.254.0.0/16"),  # most clouds
    IPv4Network("100.100.100.200/32"),  # Alibaba
    IPv4Network("168.63.129.16/32"),  # Azure
    IPv4Network("192.0.0.192/32"),  # Oracle
    IPv6Network("fe80::/10"),
    IPv6Network("fd00:ec2::254/128"),  # Amazon
    IPv6Network("fd20:ce::254/128"),  # Google
)
"""Where clouds hand their machines' credentials to whoever asks from the machine itself."""
PRIVATE_ENDINGS = (
    "localhost",  # RFC 6761
    "local",  # RFC 6762
    "internal",  # ICANN
    "home.arpa",  # RFC 8375
    "localdomain",
    "intranet",
    "private",
    "corp",
    "home",
    "lan",
)
"""Names that end so are of private networks: nobody can register them on the internet."""
NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")

Address = IPv4Address | IPv6Address


def block_of(text: str) -> str:
    """The addresses that one customer of a provider has: of IPv4 one, of IPv6 the /64 around it."""
    if ":" not in text:
        return text
    try:
        address = _meant(IPv6Address(text.partition("%")[0]))
    except ValueError:
        return text
    if isinstance(address, IPv4Address):
        return str(address)
    return str(IPv6Network((int(address) >> 64 << 64, 64)))


Network = IPv4Network | IPv6Network
PORT_BEHIND = re.compile(r"\[(?P<v6>[^\]]*)\](?::\d+)?|(?P<v4>[\d.]+):\d+")


def networks(text: str) -> tuple[Network, ...]:
    """Addresses and networks with commas between. Raises `ValueError`."""
    return tuple(ip_network(word.strip()) for word in text.split(",") if word.strip())


def caller_behind(peer: str, forwarded_for: str, proxies: Collection[Network]) -> str:
    """The address of the caller, by what trusted proxies say in `X-Forwarded-For`.

    Each proxy appends the address that called it. So the caller is the last address that is not a
    trusted proxy's; what stands before it may be made up. Without a trusted proxy it is the peer.
    """
    caller = peer
    for hop in reversed(forwarded_for.split(",")):
        if not _is_in(caller, proxies):
            break
        named = _without_port(hop.strip())
        if not is_address(named):
            break
        caller = named
    return caller


def _is_in(text: str, those: Collection[Network]) -> bool:
    address = _address(text) if is_address(text) else None
    return address is not None and any(address in network for network in those)


def _without_port(text: str) -> str:
    form = PORT_BEHIND.fullmatch(text)
    return text if form is None else form["v6"] or form["v4"] or ""


def is_public(text: str) -> bool:
    """Whether an IP address is one of the public internet: `ValueError` where it is none at all.

    Loopback, private, link-local, shared, multicast, reserved and documentation addresses are not.
    An IPv6 address that stands for an IPv4 address is what that one is.
    """
    address = _address(text)
    if isinstance(address, IPv6Address) and address not in UNICAST:
        return False
    if any(address in network for network in SET_ASIDE):
        return False
    return address.is_global and not (
        address.is_multicast or address.is_reserved or address.is_unspecified
    )


def is_metadata(text: str) -> bool:
    """Whether a machine of a cloud is asked for its credentials at an IP address."""
    address = _address(text)
    return any(address in network for network in METADATA)


def is_private_name(host: str) -> bool:
    """Whether a host's name can only be one of a private network; for names, not addresses.

    A name without a dot is completed by the resolver to one of its own network.
    """
    name = host.lower().rstrip(".")
    if "." not in name:
        return True
    return any(f".{name}".endswith(f".{ending}") for ending in PRIVATE_ENDINGS)


def is_disguised(host: str) -> bool:
    """Whether a host is an IPv4 address in a form that hides which: 127.1, 0x7f000001, 2130706433.

    Resolvers read such forms as an address. No name of the internet ends in a number.
    """
    last = host.lower().rstrip(".").rpartition(".")[2]
    return NUMBER.fullmatch(last) is not None and not is_address(host)


def is_address(text: str) -> bool:
    """Whether a text is an IP address at all."""
    try:
        _address(text)
    except ValueError:
        return False
    return True


def _address(text: str) -> Address:
    """The address that is meant by a text, which may carry the zone of a machine."""
    return _meant(ip_address(text.partition("%")[0]))


def _meant(address: Address) -> Address:
    """Give the IPv4 address that an IPv6 address is mapped or translated to, else itself."""
    if isinstance(address, IPv4Address):
        return address
    if address in NAT64:
        return IPv4Address(int(address) & IPV4_BITS)
    tunnelled = address.teredo[1] if address.teredo else address.sixtofour
    return address.ipv4_mapped or tunnelled or address
