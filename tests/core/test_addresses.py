"""Which addresses are the public internet's."""

from __future__ import annotations

import pytest

from tallystick.core.addresses import is_public

PUBLIC = [
    "8.8.8.8",
    "93.184.216.34",
    "2606:2800:220:1::1",
    "::ffff:8.8.8.8",
    "64:ff9b::808:808",
    "2002:808:808::",
]
NOT_PUBLIC = {
    "loopback": ["127.0.0.1", "127.255.255.254", "::1"],
    "private": ["10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "fd00::1"],
    "link-local": ["169.254.169.254", "fe80::1", "fe80::1%eth0"],
    "shared": ["100.64.0.1"],
    "multicast": ["224.0.0.1", "239.255.255.255", "ff02::1", "ff0e::1"],
    "unspecified": ["0.0.0.0", "::"],  # noqa: S104 - a value to read
    "reserved": ["240.0.0.1", "255.255.255.255", "4000::1", "::7f00:1"],
    "site-local": ["fec0::1"],
    "for protocols": [
        "192.0.0.8",
        "192.0.0.170",
        "192.88.99.1",
        "64:ff9b:1::1",
        "2001:20::1",
        "198.18.0.1",
    ],
    "documentation": ["192.0.2.1", "198.51.100.7", "203.0.113.9", "2001:db8::1", "3fff::1"],
    "mapped": ["::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::ffff:224.0.0.1"],
    "translated": ["64:ff9b::7f00:1", "64:ff9b::a00:1"],
    "6to4": ["2002:7f00:1::", "2002:a00:1::1"],
    "Teredo": ["2001:0:4136:e378:8000:63bf:f5ff:fffe"],  # which leads to 10.0.0.1
}


@pytest.mark.parametrize("address", PUBLIC)
def test_an_address_of_the_internet_is_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize("kind", NOT_PUBLIC)
def test_an_address_of_any_other_kind_is_not(kind: str) -> None:
    assert [address for address in NOT_PUBLIC[kind] if is_public(address)] == []


@pytest.mark.parametrize("text", ["", "localhost", "127.1", "0x7f.0.0.1", "[::1]"])
def test_what_is_no_address_is_told_so(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        is_public(text)
