"""Which addresses are the public internet's."""

from __future__ import annotations

import pytest

from tallystick.core.addresses import (
    is_disguised,
    is_metadata,
    is_private_name,
    is_public,
)

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


@pytest.mark.parametrize(
    "address",
    [
        "169.254.169.254", "169.254.170.2", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe",
        "fe80::a9fe:a9fe%eth0", "fd00:ec2::254", "100.100.100.200", "168.63.129.16",
    ],
)  # fmt: skip
def test_where_clouds_hand_out_credentials_is_known(address: str) -> None:
    assert is_metadata(address)


@pytest.mark.parametrize(
    "address", ["10.0.0.1", "127.0.0.1", "8.8.8.8", "fd00::1", "168.63.129.17"]
)
def test_other_addresses_are_no_such_place(address: str) -> None:
    assert not is_metadata(address)


@pytest.mark.parametrize(
    "name",
    ["localhost", "LocalHost.", "a.localhost", "metadata", "b.internal", "c.lan.", "home.arpa"],
)
def test_names_of_private_networks_are_known(name: str) -> None:
    assert is_private_name(name)


@pytest.mark.parametrize("name", ["listener.example", "internal.example", "localhost.example.com"])
def test_other_names_may_be_of_the_internet(name: str) -> None:
    assert not is_private_name(name)


@pytest.mark.parametrize("host", ["127.1", "2130706433", "0x7f.0.0.1", "0X7F000001", "127.0.0.1."])
def test_an_address_in_disguise_is_known(host: str) -> None:
    assert is_disguised(host)


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "::1", "::ffff:1.2.3.4", "a1.example", "1.example", "0xyz.example"]
)
def test_an_address_in_its_usual_form_and_a_name_are_none_in_disguise(host: str) -> None:
    assert not is_disguised(host)
