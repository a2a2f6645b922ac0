"""The kept answer and the facts it follows from, range by range of SIMs."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tallystick.store.connection import Asking

if TYPE_CHECKING:
    from collections.abc import Iterator


class KeptRow(NamedTuple):
    """A row of the kept answer; `reasons` is None before `init` has filled it in."""

    iccid: int
    account: str
    generation: str
    activated_at: int
    pre_imei: int | None
    post_imei: int
    wire: bytes
    reasons: bytes | None


class VerifyQuestions(Asking):
    """Ranges of SIMs, for comparison with the rule."""

    def verify_bound(self, after: int, at_most: int) -> int | None:
        """Where the next range of SIMs ends, after this one; None at the end."""
        return self._value(int, "verify_next_bound", after=after, at_most=at_most)

    def expected_between(self, after: int, up_to: int) -> Iterator[tuple[int, int]]:
        """SIM and IMEI of the expectations of a range."""
        return self._connection.stream("verify_expectations", after=after, up_to=up_to)

    def activations_between(self, after: int, up_to: int) -> Iterator[tuple[int, int]]:
        """SIM and IMEI of the activations of a range."""
        return self._connection.stream("verify_activations", after=after, up_to=up_to)

    def kept_between(self, after: int, up_to: int) -> Iterator[KeptRow]:
        """The kept rows of a range."""
        return (
            KeptRow(*row)
            for row in self._connection.stream("verify_mismatches", after=after, up_to=up_to)
        )
