"""Token buckets: so many at once, then at a rate, for each name by itself."""

from __future__ import annotations

import pytest

from tallystick.core.addresses import block_of
from tallystick.core.buckets import NAMES_MAX, Buckets


def test_so_many_come_at_once_and_then_one_after_each_interval() -> None:
    buckets = Buckets(2.0, 3)
    assert [buckets.take("a", 100.0) for _ in range(4)] == [0, 0, 0, 0.5]
    assert buckets.take("b", 100.0) == 0
    assert buckets.take("a", 100.4) == pytest.approx(0.1)  # what was refused costs nothing
    assert buckets.take("a", 100.5) == 0
    assert buckets.take("a", 100.5) == 0.5
    assert [buckets.take("a", 200.0) for _ in range(4)] == [0, 0, 0, 0.5]


def test_what_is_given_back_can_be_taken_again() -> None:
    buckets = Buckets(1.0, 1)
    for _ in range(3):
        assert buckets.take("a", 0.0) == 0
        buckets.give_back("a")
    buckets.give_back("never seen")


def test_names_beyond_the_most_are_forgotten_the_full_and_the_oldest_first() -> None:
    buckets = Buckets(1.0, 1)
    for number in range(NAMES_MAX):
        buckets.take(number, 0.0)
    assert buckets.take("new", 0.5) == 0
    assert buckets.take(NAMES_MAX - 1, 0.5) == 0.5
    assert buckets.take(0, 0.5) == 0


@pytest.mark.parametrize(
    ("address", "block"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("fe80::1%eth0", "fe80::/64"),
        ("no:address", "no:address"),
    ],
)
def test_addresses_of_one_customer_are_one_block(address: str, block: str) -> None:
    assert block_of(address) == block
