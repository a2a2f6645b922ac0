"""Prometheus' text format, version 0.0.4: families of samples, printed exactly."""

from __future__ import annotations

from enum import StrEnum
from math import inf
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"
TO_ESCAPE = str.maketrans({"\\": r"\\", "\n": r"\n"})
TO_ESCAPE_IN_LABEL = TO_ESCAPE | str.maketrans({'"': r"\""})

Labels = tuple[tuple[str, str], ...]


class MetricKind(StrEnum):
    """What a family measures."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


class Sample(NamedTuple):
    """One number; `ending` is what its name has behind the family's, like `_bucket`."""

    value: float
    labels: Labels = ()
    ending: str = ""


class Family(NamedTuple):
    """Samples of one name, and a sentence about them."""

    name: str
    kind: MetricKind
    about: str
    samples: tuple[Sample, ...]


def exposition(families: Iterable[Family]) -> str:
    """Print families; those without samples are left out."""
    return "".join(f"{line}\n" for family in families if family.samples for line in _lines(family))


def histogram_samples(
    bounds: Iterable[float], counts: Iterable[int], total: float, labels: Labels
) -> Iterator[Sample]:
    """Give the samples of one histogram.

    `counts` are those of the values up to each bound and above the one before, and last of the
    values above all bounds; `total` is the sum of all values.
    """
    count = 0
    for bound, in_bucket in zip((*bounds, inf), counts, strict=True):
        count += in_bucket
        yield Sample(count, (*labels, ("le", number(bound))), "_bucket")
    yield Sample(total, labels, "_sum")
    yield Sample(count, labels, "_count")


def number(value: float) -> str:
    """A number as the format has it."""
    if value == inf:
        return "+Inf"
    return str(int(value)) if value == int(value) else repr(float(value))


def _lines(family: Family) -> Iterator[str]:
    yield f"# HELP {family.name} {family.about.translate(TO_ESCAPE)}"
    yield f"# TYPE {family.name} {family.kind}"
    for sample in family.samples:
        labels = ",".join(
            f'{name}="{value.translate(TO_ESCAPE_IN_LABEL)}"' for name, value in sample.labels
        )
        braced = f"{{{labels}}}" if labels else ""
        yield f"{family.name}{sample.ending}{braced} {number(sample.value)}"
