"""Integrity: is what lies on the disk what was written?

The database compares its own structures, as far as it can, and every fact is held against the
values that such a fact may have. Whether the kept answer follows from the facts is the business of
`verify`. A byte that turned one possible value into another is found by neither, unless a row of
the report hangs on it.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from tallystick.core.errors import InvalidValue, StoreBroken
from tallystick.core.identifiers import Iccid, parse_name
from tallystick.store import Reader
from tallystick.store.verifying import IMPOSSIBLE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from tallystick.store import Store


class Damage(NamedTuple):
    """What one check found, in a sentence."""

    check: str
    text: str


class Checked(NamedTuple):
    """One check that was made: its name, and what it found."""

    check: str
    damage: tuple[Damage, ...]


def check_integrity(store: Store) -> Iterator[Checked]:
    """Make every check in a snapshot of its own, so that one that breaks off ends no other."""
    with store.snapshot() as reader:
        own_checks = reader.integrity_checks()
    for name in own_checks:
        yield _checked(store, name, partial(Reader.damage_found, check=name))
    yield _checked(store, "names", _impossible_names)
    for kind in IMPOSSIBLE:
        yield _checked(store, kind, partial(_impossible, kind=kind))


def _checked(store: Store, name: str, find: Callable[[Reader], Iterable[str]]) -> Checked:
    try:
        with store.snapshot() as reader:
            faults = list(find(reader))
    except StoreBroken as broken:  # what cannot be read is damage too
        faults = [broken.message]
    return Checked(name, tuple(Damage(name, text) for text in faults))


def _impossible(reader: Reader, kind: str) -> Iterator[str]:
    impossible = reader.impossible(kind)
    if impossible is not None:
        first = Iccid.digits(max(impossible.iccid, 0))
        yield f"{impossible.rows:,} {kind} with values that none can have, the first of SIM {first}"


def _impossible_names(reader: Reader) -> Iterator[str]:
    for account in reader.accounts():
        try:
            parse_name("account", account)
        except InvalidValue as refusal:
            yield refusal.message
