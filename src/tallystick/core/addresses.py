"""Addresses of the network: which belong to the public internet, and which to private networks."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

NAT64 = IPv6Network("64:ff9b::/96")  # RFC 6052: the last 32 bits are an IPv4 address
IPV4_BITS = 0xFFFF_FFFF
UNICAST = IPv6Network(
    "2000::/3"
)  # RFC 4291: the only part of IPv6 that is handed out to the internet
# Set aside by IANA too, which not every version of the standard library knows.
SET_ASIDE = (IPv4Network("192.0.0.0/24"), IPv4Network("192.88.99.0/24"), IPv6Network("3fff::/20"))

Address = IPv4Address | IPv6Address


def is_public(text: str) -> bool:
    """Whether an IP address is one of the public internet: `ValueError` where it is none at all.

    Loopback, private, link-local, shared, multicast, reserved and documentation addresses are not.
    An IPv6 address that stands for an IPv4 address is what that one is.
    """
    address = _meant(ip_address(text.partition("%")[0]))
    if isinstance(address, IPv6Address) and address not in UNICAST:
        return False
    if any(address in network for network in SET_ASIDE):
        return False
    return address.is_global and not (
        address.is_multicast or address.is_reserved or address.is_unspecified
    )


def _meant(address: Address) -> Address:
    """Give the IPv4 address that an IPv6 address is mapped or translated to, else itself."""
    if isinstance(address, IPv4Address):
        return address
    if address in NAT64:
        return IPv4Address(int(address) & IPV4_BITS)
    tunnelled = address.teredo[1] if address.teredo else address.sixtofour
    return address.ipv4_mapped or tunnelled or address
