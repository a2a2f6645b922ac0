"""Doctor: is everything here as a server needs it, and if not, what is to be mended?

Each check gives findings. It looks only, and changes nothing. A *problem* keeps the program from
working, or facts from being safe; a *warning* should be looked at.
"""

from __future__ import annotations

import platform
from dataclasses import fields
from datetime import UTC
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from tallystick.core.errors import BackupRefused, SettingRefused, StoreRefused
from tallystick.core.moments import MICROSECONDS_A_SECOND, wire
from tallystick.operations.file_limit import connections_allowed
from tallystick.operations.readiness import FREE_BYTES_MIN
from tallystick.settings import text_of, variable, without_password
from tallystick.store import backups
from tallystick.tracing import require_packages

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tallystick.core.moments import Moment
    from tallystick.settings import Settings, Sourced
    from tallystick.store import Reader, Store

MIB = 1 << 20
FREE_BYTES_SCARCE = 1 << 30  # a warning from here on
CHECKED_BYTES_MAX = 256 * MIB  # a larger store takes too long to be checked in passing
CLOCK_OFF_MAX = 60 * MICROSECONDS_A_SECOND
EARLIEST_NOW = 1_764_115_200_000_000  # 2025-11-26, before which no version was made


class State(StrEnum):
    """How bad a finding is."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


class Finding(NamedTuple):
    """What one check has found, in a sentence, and what to do about it; empty where nothing is."""

    check: str
    state: State
    text: str
    mend: str = ""


class Machine(NamedTuple):
    """What the machine says of itself: its time, and how many files a process may open, if bound.

    `versions` are those of the parts that matter, by name.
    """

    now: Moment
    files_max: int | None
    versions: Mapping[str, str]


def examine(sourced: Sourced, config: Path | None, store: Store, machine: Machine) -> list[Finding]:
    """Make every check. `config` is the file of settings, if there is one."""
    database = sourced.settings.database
    return [
        _versions(machine),
        *_settings(sourced, config),
        *_traces(sourced.settings),
        *_files_of(database),
        *_store(store, sourced),
        *_disk(store),
        _clock(database, machine),
        _file_limit(sourced, machine),
    ]


def _versions(machine: Machine) -> Finding:
    names = {"Python": platform.python_version(), **machine.versions}
    listed = ", ".join(f"{name} {number}" for name, number in sorted(names.items()))
    return Finding("versions", State.OK, listed)


def _settings(sourced: Sourced, config: Path | None) -> Iterator[Finding]:
    given = [
        f"{each.name} = {without_password(text_of(getattr(sourced.settings, each.name)))}"
        f" ({_by(sourced.place(each.name), each.name)})"
        for each in fields(sourced.settings)
        if each.name in sourced.places
    ]
    text = ", ".join(given) if given else "every setting has its default"
    yield Finding("settings", State.OK, text)
    if config is not None and backups.is_read_by_others(config) and _has_password(sourced):
        yield Finding(
            "settings",
            State.WARNING,
            f"{config} has a password in it, and other users of this machine can read it",
            f"chmod 600 {config}, or name a file of its own with the key database_file",
        )


def _traces(settings: Settings) -> Iterator[Finding]:
    if not settings.traces:
        return
    try:
        require_packages()
    except SettingRefused as refusal:
        yield Finding("traces", State.PROBLEM, refusal.message)
        return
    yield Finding("traces", State.OK, "they go where OTEL_EXPORTER_OTLP_ENDPOINT says")


def _by(place: str, name: str) -> str:
    return "environment" if place == variable(name) else place


def _has_password(sourced: Sourced) -> bool:
    database = sourced.settings.database
    is_in_config = not sourced.place("database").startswith(variable("database"))
    return is_in_config and without_password(database) != database


def _files_of(database: str) -> Iterator[Finding]:
    """Who may read and write the files of a store on SQLite, and who has it open."""
    try:
        file = backups.file_of(database)
    except BackupRefused:
        return  # a server of its own has the files
    if not file.exists():
        return
    if backups.is_read_by_others(file):
        yield Finding(
            "permissions",
            State.WARNING,
            f"{file} can be read by other users of this machine, and holds phone numbers",
            f"chmod 600 {file}",
        )
    try:
        is_open = backups.is_open_elsewhere(file)
    except OSError as error:
        mend = f"run the program as the owner of {file}, or give the file to the one it runs as"
        text = f"{file} cannot be written: {error.strerror}"
        yield Finding("permissions", State.PROBLEM, text, mend)
    else:
        text = "another process has the store open" if is_open else "no other process has it open"
        yield Finding("in use", State.OK, text)


def _store(store: Store, sourced: Sourced) -> Iterator[Finding]:
    """Whether the store is there, has this program's schema, and is sound."""
    try:
        with store.snapshot() as reader:
            zone = reader.wire_zone()
            is_unfinished = bool(reader.unfinished_work())
            is_small = _is_small(sourced.settings.database)
            damage = list(_damage(reader)) if is_small else None
    except StoreRefused as refusal:
        yield Finding("store", State.PROBLEM, refusal.message)
        return
    yield Finding("store", State.OK, f"{store.name} is there and has this program's schema")
    if damage is None:
        text = "not looked for where it would take long; `tallystick verify --integrity` does"
        yield Finding("damage", State.OK, text)
    elif not damage:
        yield Finding("damage", State.OK, "none is found")
    for text in damage or ():
        yield Finding("damage", State.PROBLEM, text, "see docs/howto/repair-a-damaged-store.md")
    if is_unfinished:
        text = "a change of many SIMs is not finished"
        mend = "let a server or `tallystick init` finish it, if no process is at it"
        yield Finding("store", State.WARNING, text, mend)
    if zone != sourced.settings.time_zone:
        text = f"rows are kept in {zone} and printed anew in {sourced.settings.time_zone}"
        yield Finding("time zone", State.WARNING, text, "run `tallystick init`, or set the other")


def _is_small(database: str) -> bool:
    size_bytes = backups.size_of(database)
    return size_bytes is not None and size_bytes <= CHECKED_BYTES_MAX


def _damage(reader: Reader) -> Iterator[str]:
    for check in reader.integrity_checks():
        yield from reader.damage_found(check)


def _disk(store: Store) -> Iterator[Finding]:
    try:
        space = store.space()
    except StoreRefused as refusal:
        yield Finding("disk", State.PROBLEM, refusal.message)
        return
    if space is None:
        return
    text = f"{space.free_bytes // MIB:,} MiB are free, the log takes {space.log_bytes // MIB:,} MiB"
    mend = "free space on that disk, or move the store to a larger one"
    if space.is_read_only:
        yield Finding("disk", State.PROBLEM, "the disk can only be read", "mount it for writing")
    elif space.free_bytes < FREE_BYTES_MIN:
        yield Finding("disk", State.PROBLEM, text, mend)
    elif space.free_bytes < FREE_BYTES_SCARCE:
        yield Finding("disk", State.WARNING, text, mend)
    else:
        yield Finding("disk", State.OK, text)


def _clock(database: str, machine: Machine) -> Finding:
    """Whether the clock may be right: it is not before what has happened already."""
    now = wire(machine.now, UTC)
    mend = "set the clock, and keep it right by NTP"
    if machine.now < EARLIEST_NOW:
        return Finding("clock", State.PROBLEM, f"it says {now}, which is long past", mend)
    changed_at = backups.changed_at(database)
    if changed_at is not None and changed_at - machine.now > CLOCK_OFF_MAX:
        text = f"it says {now}, and the store was last written after that"
        return Finding("clock", State.WARNING, text, mend)
    return Finding("clock", State.OK, f"it says {now}")


def _file_limit(sourced: Sourced, machine: Machine) -> Finding:
    wanted = sourced.settings.connections
    if machine.files_max is None:
        return Finding("file limit", State.OK, "a process may open any number of files")
    text = f"a process may open {machine.files_max:,} files"
    allowed = connections_allowed(machine.files_max)
    if allowed < wanted:
        text += f", so that a worker holds {allowed:,} connections, not {wanted:,}"
        mend = "raise it (ulimit -Hn, LimitNOFILE=), or set TALLYSTICK_CONNECTIONS"
        return Finding("file limit", State.WARNING, text, mend)
    return Finding("file limit", State.OK, text)
