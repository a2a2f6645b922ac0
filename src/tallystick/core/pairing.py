"""The rule of a mismatch, stated once over one SIM's facts (contract, sections 1 and 7).

This is the oracle: every store derives its kept answer in its own set-based way and is held to what
stands here, by the property tests and by `tallystick verify`.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Self

from tallystick.core.allowed import HARDWARE, MODEL, NONE, Allowed, allowed, is_model
from tallystick.core.moments import BEGINNING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from tallystick.core.identifiers import Imei
    from tallystick.core.moments import Moment


class FirstUse(StrEnum):
    """What an account expects of a SIM while no expectation that was taken in is in force."""

    OFF = "off"
    """Nothing: no verdict."""
    IMEI = "imei"
    """To stay in the hardware that it was first seen in."""
    MODEL = "model"
    """To stay in hardware of that model: of the same TAC."""


def is_fit(value: int, first_use: FirstUse, imei: int) -> bool:
    """Whether hardware is as expected; the same model is, where the policy of first use says so."""
    if first_use is FirstUse.MODEL:
        return imei // MODEL == value // MODEL
    return allowed(value).fits(imei)


@dataclass(frozen=True, slots=True, order=True)
class Activation:
    """The network saw the SIM in this hardware at this moment."""

    activated_at: Moment
    imei: Imei


@dataclass(frozen=True, slots=True, order=True)
class Expectation:
    """From this moment on the SIM belongs in this hardware.

    `first_use` is the policy that says so, if one does. `imei` is an IMEI, or what else the
    contract allows (section 7).
    """

    effective_from: Moment
    imei: Imei | Allowed
    first_use: FirstUse = FirstUse.OFF

    def fits(self, imei: Imei) -> bool:
        """Whether a SIM that is seen in this hardware is where it is expected."""
        return is_fit(self.imei, self.first_use, imei)


@dataclass(frozen=True, slots=True)
class Verdict:
    """One activation, judged: `expectation` is None where none was in force."""

    activation: Activation
    previous: Activation | None
    expectation: Expectation | None
    unexpected: bool
    opens: bool

    @property
    def expected(self) -> Allowed | None:
        """What is expected: an IMEI, or what else the contract allows."""
        return None if self.expectation is None else allowed(self.expectation.imei)

    @property
    def expected_hardware(self) -> tuple[int, ...] | None:
        """The expected hardware and models, as they are compared."""
        if self.expected is None:
            return None
        members = self.expected.members
        return tuple(member if is_model(member) else member // HARDWARE for member in members)

    @property
    def moved(self) -> bool:
        """Whether the SIM came from other hardware, or was never seen before."""
        return self.previous is None or self.previous.imei.identity != self.activation.imei.identity


@dataclass(frozen=True, slots=True, order=True)
class Mismatch:
    """An unexpected pairing: a row of the report."""

    activated_at: Moment
    pre_imei: Imei | None
    post_imei: Imei


@dataclass(frozen=True, slots=True)
class Run:
    """Activations in one piece of hardware, one after the other, under one expectation.

    `imei` is that of the first of them.
    """

    imei: Imei
    opened_at: Moment
    last_seen_at: Moment
    activations: int

    @classmethod
    def of(cls, activation: Activation) -> Self:
        """The run of one activation alone."""
        return cls(activation.imei, activation.activated_at, activation.activated_at, 1)


@dataclass(frozen=True, slots=True)
class Pairing:
    """A SIM's stay in one piece of hardware under one expectation.

    `reported` is whether it opened a mismatch.
    """

    imei: Imei
    opened_at: Moment
    last_seen_at: Moment
    activations: int
    expected: Allowed | None
    unexpected: bool
    reported: bool


def in_force_at(expectations: Sequence[Expectation], moment: Moment) -> Expectation | None:
    """The expectation in force at a moment; `expectations` in order of `effective_from`."""
    position = bisect_right(
        expectations, moment, key=lambda expectation: expectation.effective_from
    )
    return expectations[position - 1] if position else None


def with_first_use(
    activations: Collection[Activation], expectations: Collection[Expectation], first_use: FirstUse
) -> list[Expectation]:
    """One SIM's expectations, and the one that follows from its account's policy.

    It stays where it was first seen. That one is undated, so that any that was taken in comes
    before it from its own moment on.
    """
    undated = any(each.effective_from == BEGINNING for each in expectations)
    if first_use is FirstUse.OFF or undated or not activations:
        return list(expectations)
    return [Expectation(BEGINNING, min(activations).imei, first_use), *expectations]


def judge(
    activations: Iterable[Activation], expectations: Iterable[Expectation]
) -> Iterator[Verdict]:
    """Judge one SIM's activations, in order of time and then of IMEI as text."""
    in_force = sorted(expectations)
    previous: Verdict | None = None
    for activation in sorted(set(activations)):
        expectation = in_force_at(in_force, activation.activated_at)
        if expectation is not None and expectation.imei == NONE:
            expectation = None
        unexpected = expectation is not None and not expectation.fits(activation.imei)
        stays = (
            previous is not None
            and previous.unexpected
            and previous.activation.imei.identity == activation.imei.identity
        )
        previous = Verdict(
            activation,
            None if previous is None else previous.activation,
            expectation,
            unexpected,
            opens=unexpected and not stays,
        )
        yield previous


def mismatches(
    activations: Iterable[Activation], expectations: Iterable[Expectation]
) -> list[Mismatch]:
    """The report's rows of one SIM, in order."""
    rows = []
    for verdict in judge(activations, expectations):
        if verdict.opens and verdict.expected is not None:
            pre_imei = verdict.previous.imei if verdict.previous else verdict.expected.first_imei
            rows.append(
                Mismatch(verdict.activation.activated_at, pre_imei, verdict.activation.imei)
            )
    return rows


def stays(runs: Sequence[Run], expectations: Iterable[Expectation]) -> list[Pairing]:
    """One SIM's stays in time, from its runs of activations in order of time.

    A stay begins wherever the hardware, the expected hardware or the verdict changes.
    """
    firsts = [Activation(run.opened_at, run.imei) for run in runs]
    in_order: list[Pairing] = []
    expected_before: tuple[int, ...] | None = None
    for run, verdict in zip(runs, judge(firsts, expectations), strict=True):
        if (
            not in_order
            or verdict.moved
            or verdict.opens
            or verdict.expected_hardware != expected_before
        ):
            in_order.append(
                Pairing(
                    run.imei,
                    run.opened_at,
                    run.last_seen_at,
                    run.activations,
                    expected=verdict.expected,
                    unexpected=verdict.unexpected,
                    reported=verdict.opens,
                )
            )
        else:
            stay = in_order[-1]
            activations = stay.activations + run.activations
            in_order[-1] = replace(stay, last_seen_at=run.last_seen_at, activations=activations)
        expected_before = verdict.expected_hardware
    return in_order
