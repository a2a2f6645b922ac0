"""The store's questions: one method each, asked within one snapshot."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeVar

from tallystick.core.facts import Sim
from tallystick.core.identifiers import Iccid, Imei, Mdn
from tallystick.core.moments import Moment
from tallystick.core.pairing import Activation, Expectation

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
    from contextlib import AbstractContextManager

    import polars as pl

    from tallystick.core.window import Window

Value = TypeVar("Value")

ROWS_A_SLICE = 1000  # what a sorted slice of the window aims at: small enough to stay in the processor's cache
SLICES_FIRST = 64
ROWS_A_VALUE_MAX = 16_000  # rows that are joined by the store at once, some 4 MiB
SLICE_GROWTH_MAX = 8


class Attempt(Protocol):
    """Part of a transaction that may be undone alone."""

    def keep(self) -> None:
        """Do not undo it."""


class Connection(Protocol):
    """What the store needs of an engine's connection."""

    @property
    def sees_one_moment(self) -> bool:
        """Whether a snapshot is of one moment: machines of a cluster make a commit visible one after the other."""

    def set_of(self, values: Iterable[int] | Iterable[str]) -> object:
        """Integers, or texts, as one parameter."""

    def rows(self, query: str, **parameters: object) -> Iterator[tuple[Any, ...]]:
        """Rows of a named query, no more of them than memory holds."""

    def stream(self, query: str, **parameters: object) -> Iterator[tuple[Any, ...]]:
        """Rows of a named query, however many, as they are asked for."""

    def row(self, query: str, **parameters: object) -> tuple[Any, ...] | None:
        """First row of a named query."""

    def frame(self, query: str, **parameters: object) -> pl.DataFrame:
        """Rows of a named query of integers, none of them null, as columns."""

    def run(self, query: str, **parameters: object) -> int:
        """Run a named statement; rows changed."""

    def run_many(self, query: str, rows: Sequence[tuple[Any, ...]]) -> int:
        """Run a named statement for all rows; rows changed."""

    def rows_of_many(self, query: str, rows: Sequence[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
        """What a named statement returns, run for some rows, few enough for one statement."""

    def run_frame(self, query: str, frame: pl.DataFrame) -> int:
        """Run a named statement for all rows of a frame; rows changed."""

    def attempt(self) -> AbstractContextManager[Attempt]:
        """Part of a transaction that is undone at the end of the block unless it is kept."""


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose rows a report may have: accounts by number, generations, and within them a group or listed SIMs.

    `group_id` None with `grouped` set means the SIMs of the one account that are in none of its groups.
    """

    account_ids: tuple[int, ...]
    generations: tuple[str, ...]
    iccids: tuple[int, ...] | None = None
    grouped: bool = False
    group_id: int | None = None


class UserRow(NamedTuple):
    """A user as kept."""

    user_id: int
    password_argon2: str
    failed_logins: int


class AppRow(NamedTuple):
    """An app as kept, with its current token's digest."""

    secret_sha256: bytes
    scopes: str
    issue_salt: bytes
    token_sha256: bytes | None
    token_expires_at: int | None


class GroupRow(NamedTuple):
    """A group as kept."""

    group_id: int
    name: str
    description: str


class Member(NamedTuple):
    """A SIM in a list of an account's SIMs."""

    iccid: Iccid
    mdn: Mdn | None


class Device(NamedTuple):
    """A SIM in a list of devices; `group` None is the default one."""

    iccid: Iccid
    mdn: Mdn | None
    account: str
    activation_date: Moment
    generation: str
    group: str | None


class WaitingUpload(NamedTuple):
    """Pairs that are to be taken in, as kept."""

    upload_id: int
    account_id: int
    uploaded_at: Moment
    pairs: bytes


class UploadRow(NamedTuple):
    """What came of an upload; None while it waits."""

    request_id: str
    outcome: bytes | None


class WholeApp(NamedTuple):
    """An app with everything that is kept of it."""

    key: str
    name: str
    secret_sha256: bytes
    scopes: str
    issue_salt: bytes
    token_sha256: bytes | None
    token_expires_at: int | None


class WholeUser(NamedTuple):
    """A user with everything that is kept of them, apart from the accounts that were granted by name."""

    name: str
    password_argon2: str
    all_accounts: int
    failed_logins: int


class KeptRow(NamedTuple):
    """One row of the kept answer, for comparison with the rule."""

    iccid: int
    account: str
    generation: str
    activated_at: int
    pre_imei: int
    post_imei: int
    wire: bytes


class Counts(NamedTuple):
    """How much is in the store."""

    accounts: int
    sims: int
    expectations: int
    activations: int
    mismatches: int


def joined(rows: Iterator[bytes]) -> Iterator[bytes]:
    """Rows as they go over the wire, many at a time with commas between."""
    while value := b",".join(islice(rows, ROWS_A_SLICE)):
        yield value


class Reader:
    """Questions to one snapshot of the store."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    # The report

    def wire_zone(self) -> str:
        """The name of the zone in which the kept rows print their times."""
        return str(self._value(str, "wire_zone"))

    def report(self, scope: Scope, window: Window) -> Iterator[bytes]:
        """Rows as they go over the wire, ordered by the activation's time, then ICCID."""
        bounds = {"earliest": window.earliest, "latest": window.latest}
        if scope.iccids is not None:
            return self._report_of_sims(scope, bounds)
        if scope.grouped:
            return self._report_of_group(scope, bounds)
        if len(scope.account_ids) == 1 and len(scope.generations) == 1:
            return self._wires(
                "report_of_account", account_id=scope.account_ids[0], generation=scope.generations[0], **bounds
            )
        return self._report_of_accounts(scope, window)

    def report_joined(self, scope: Scope, window: Window) -> Iterator[bytes]:
        """The same rows, many at a time with commas between."""
        if scope.iccids is None and not scope.grouped and len(scope.account_ids) == len(scope.generations) == 1:
            count, value = self._report_in_one_value(scope.account_ids[0], scope.generations[0], window)
            if count <= ROWS_A_VALUE_MAX:
                return iter((value,) if count else ())
        return joined(self.report(scope, window))

    def _report_in_one_value(self, account_id: int, generation: str, window: Window) -> tuple[int, bytes]:
        count, value = self._connection.row(
            "report_of_account_joined",
            account_id=account_id,
            generation=generation,
            earliest=window.earliest,
            latest=window.latest,
            at_most=ROWS_A_VALUE_MAX + 1,
        ) or (0, b"")
        return count, value

    def _wires(self, query: str, **parameters: object) -> Iterator[bytes]:
        return (wire for (wire,) in self._connection.stream(query, **parameters))

    def _report_of_accounts(self, scope: Scope, window: Window) -> Iterator[bytes]:
        """Walk the window in slices, so that each sort stays small whatever the answer's size."""
        accounts = self._connection.set_of(scope.account_ids)
        generations = self._connection.set_of(scope.generations)
        after, span = window.earliest, max(1, (window.latest - window.earliest) // SLICES_FIRST)
        while after + 1 < window.latest:
            before = min(after + 1 + span, window.latest)  # a slice is (after, before): `span` moments
            found = 0
            for wire in self._wires(
                "report_of_accounts", account_ids=accounts, generations=generations, earliest=after, latest=before
            ):
                found += 1
                yield wire
            after = Moment(before - 1)
            growth = ROWS_A_SLICE / max(found, 1)
            span = max(1, int(span * min(max(growth, 1 / SLICE_GROWTH_MAX), SLICE_GROWTH_MAX)))

    def _report_of_group(self, scope: Scope, bounds: dict[str, Moment]) -> Iterator[bytes]:
        query, group = (
            ("report_of_unassigned", {})
            if scope.group_id is None
            else ("report_of_group", {"group_id": scope.group_id})
        )
        generations = self._connection.set_of(scope.generations)
        return self._wires(query, account_id=scope.account_ids[0], generations=generations, **group, **bounds)

    def _report_of_sims(self, scope: Scope, bounds: dict[str, Moment]) -> Iterator[bytes]:
        iccids: Iterable[int] = scope.iccids or ()
        if scope.grouped:
            iccids = self._in_group(scope, iccids)
        return self._wires(
            "report_of_sims",
            iccids=self._connection.set_of(sorted(set(iccids))),
            account_ids=self._connection.set_of(scope.account_ids),
            generations=self._connection.set_of(scope.generations),
            **bounds,
        )

    def _in_group(self, scope: Scope, iccids: Iterable[int]) -> set[int]:
        """Those of some SIMs that are in the group, or in none of the account."""
        listed = set(iccids)
        asked = {"account_id": scope.account_ids[0], "iccids": self._connection.set_of(sorted(listed))}
        if scope.group_id is None:
            return listed.difference(self._numbers("sims_in_any_group", **asked))
        return set(self._numbers("sims_in_group", group_id=scope.group_id, **asked))

    # Accounts, groups and SIMs

    def accounts(self) -> dict[str, int]:
        """Every account's number by name."""
        return {name: account_id for account_id, name in self._connection.rows("accounts")}

    def account_id(self, name: str) -> int | None:
        """An account's number."""
        return self._value(int, "account_id", name=name)

    def group_id(self, account_id: int, name: str) -> int | None:
        """A group's number."""
        return self._value(int, "group_id", account_id=account_id, name=name)

    def groups(self, account_id: int) -> list[GroupRow]:
        """The groups of an account that are kept, by name."""
        return [GroupRow(*row) for row in self._connection.rows("groups_of_account", account_id=account_id)]

    def group(self, account_id: int, name: str) -> GroupRow | None:
        """The group of an account that has this name."""
        row = self._connection.row("group_named", account_id=account_id, name=name)
        return None if row is None else GroupRow(*row)

    def members_of_group(self, account_id: int, group_id: int, after: int, at_most: int) -> list[Member]:
        """SIMs of the account that are in the group, in order after one."""
        return self._members("members_of_group", account_id, after, at_most, group_id=group_id)

    def unassigned_sims(self, account_id: int, after: int, at_most: int) -> list[Member]:
        """SIMs of the account that are in none of its groups, in order after one."""
        return self._members("unassigned_sims", account_id, after, at_most)

    def _members(self, query: str, account_id: int, after: int, at_most: int, **group: int) -> list[Member]:
        rows = self._connection.rows(query, account_id=account_id, after=after, at_most=at_most, **group)
        return [Member(Iccid(iccid), None if mdn is None else Mdn(mdn)) for iccid, mdn in rows]

    def devices_after(self, account_ids: Collection[int], after: int, at_most: int) -> list[Device]:
        """SIMs of some accounts, each with its group, in order after one."""
        if len(account_ids) == 1:
            (account_id,) = account_ids
            return self._devices("devices_of_account", account_id=account_id, after=after, at_most=at_most)
        accounts = self._connection.set_of(account_ids)
        return self._devices("devices_of_accounts", account_ids=accounts, after=after, at_most=at_most)

    def devices_among(self, account_ids: Collection[int], iccids: Collection[int]) -> list[Device]:
        """Those of some SIMs that some accounts have, each with its group, in order."""
        accounts, sims = self._connection.set_of(account_ids), self._connection.set_of(iccids)
        return self._devices("devices_among", account_ids=accounts, iccids=sims)

    def _devices(self, query: str, **parameters: object) -> list[Device]:
        return [Device(*_sim(row[:-1]), row[-1]) for row in self._connection.rows(query, **parameters)]

    def sims_in_account(self, account_id: int, iccids: Iterable[int]) -> list[int]:
        """Those of some SIMs that are the account's."""
        return self._numbers("sims_in_account", account_id=account_id, iccids=self._connection.set_of(iccids))

    def iccids_of(self, mdns: Iterable[Mdn]) -> list[Iccid]:
        """The SIMs that have these phone numbers."""
        return [Iccid(iccid) for iccid in self._numbers("sims_of_mdns", mdns=self._connection.set_of(mdns))]

    def sim(self, iccid: Iccid) -> Sim | None:
        """What the device database knows of a SIM."""
        row = self._connection.row("sim", iccid=iccid)
        return None if row is None else _sim(row)

    def expectations_of(self, iccid: Iccid) -> list[Expectation]:
        """Where a SIM was expected, in order."""
        rows = self._connection.rows("expectations_of", iccid=iccid)
        return [Expectation(Moment(effective_from), Imei(imei)) for effective_from, imei in rows]

    def activations_of(self, iccid: Iccid) -> list[Activation]:
        """Where a SIM was seen, in order."""
        rows = self._connection.rows("activations_of", iccid=iccid)
        return [Activation(Moment(activated_at), Imei(imei)) for activated_at, imei in rows]

    def counts(self) -> Counts:
        """How much is in the store."""
        return Counts(*(self._connection.row("count_of_facts") or ()))

    def import_progress(self, digest: bytes) -> tuple[int, int, int] | None:
        """Facts taken, accepted and duplicate so far of a file that was begun and not finished."""
        row = self._connection.row("import_progress", digest=digest)
        return None if row is None else (row[0], row[1], row[2])

    def receipt(self, key_sha256: bytes) -> tuple[bytes, bytes] | None:
        """The digest of the facts and the receipt of the call with this idempotency key."""
        row = self._connection.row("receipt", key_sha256=key_sha256)
        return None if row is None else (row[0], row[1])

    # Uploads

    def has_waiting_upload(self) -> bool:
        """Whether an upload waits for its turn."""
        return bool(self._value(bool, "waiting_upload"))

    def next_upload(self) -> WaitingUpload | None:
        """The upload that has waited longest."""
        row = self._connection.row("next_upload")
        return None if row is None else WaitingUpload(*row)

    def upload_outcome(self, account_id: int, request_id: str) -> UploadRow | None:
        """What came of an upload to an account."""
        row = self._connection.row("upload_outcome", account_id=account_id, request_id=request_id)
        return None if row is None else UploadRow(*row)

    # What activations are judged by

    def expectations_version(self) -> int:
        """How often expectations have changed."""
        return self._value(int, "expectations_version") or 0

    def expected_hardware_between(self, first: int, last: int, at_most: int) -> pl.DataFrame:
        """`iccid` and `hardware` of expectations from one SIM to another, no more rows than are asked for."""
        return self._connection.frame("expected_hardware_between", first=first, last=last, at_most=at_most)

    def expectations_among(self, iccids: Iterable[int]) -> pl.DataFrame:
        """`iccid`, `effective_from` and `hardware` of every expectation of some SIMs."""
        return self._connection.frame("expectations_among", iccids=self._connection.set_of(iccids))

    def has_sims_between(self, first: int, last: int) -> bool:
        """Whether the device database has a SIM from one to another."""
        return bool(self._value(bool, "has_sims_between", first=first, last=last))

    def in_force_since(self, iccids: Iterable[int], moment: Moment) -> dict[int, Moment]:
        """Since when each of some SIMs is expected where it is at a moment; those that are expected nowhere lack."""
        asked = self._connection.set_of(sorted(iccids))
        return {
            iccid: Moment(since)
            for iccid, since in self._connection.rows("in_force_since", iccids=asked, moment=moment)
        }

    def loaded_sims(self, iccids: Iterable[int]) -> pl.Series:
        """Those of some SIMs that are loaded."""
        return self._connection.frame("loaded_sims", iccids=self._connection.set_of(iccids))["iccid"]

    def unknown_sims(self, iccids: Iterable[int]) -> list[int]:
        """Those of some SIMs that the device database does not know, neither loaded nor expected anywhere."""
        asked = set(iccids)
        return sorted(asked.difference(self._numbers("known_sims", iccids=self._connection.set_of(asked))))

    # Verify

    def verify_bound(self, after: int, at_most: int) -> int | None:
        """Where the next range of SIMs ends, after this one; None at the end."""
        return self._value(int, "verify_next_bound", after=after, at_most=at_most)

    def sims_between(self, after: int, up_to: int) -> Iterator[int]:
        """The SIMs of a range, in order."""
        return (iccid for (iccid,) in self._connection.stream("verify_sims", after=after, up_to=up_to))

    def expected_between(self, after: int, up_to: int) -> Iterator[tuple[int, int]]:
        """SIM and IMEI of the expectations of a range."""
        return self._connection.stream("verify_expectations", after=after, up_to=up_to)

    def activations_between(self, after: int, up_to: int) -> Iterator[tuple[int, int]]:
        """SIM and IMEI of the activations of a range."""
        return self._connection.stream("verify_activations", after=after, up_to=up_to)

    def kept_between(self, after: int, up_to: int) -> Iterator[KeptRow]:
        """The kept rows of a range."""
        return (KeptRow(*row) for row in self._connection.stream("verify_mismatches", after=after, up_to=up_to))

    # Moving to another store: names stand for the numbers, which are each store's own

    def first_sim_after(self, after: int) -> int | None:
        """The first SIM after this one of which anything is told; None at the end."""
        return self._value(int, "moving_first_sim", after=after)

    def count_between(self, after: int, up_to: int) -> int:
        """How many SIMs, expectations and activations there are in a range of SIMs."""
        return self._value(int, "moving_count", after=after, up_to=up_to) or 0

    def whole_sims_between(self, after: int, up_to: int) -> Iterator[Sim]:
        """What is known of the SIMs of a range."""
        names = self._account_names()
        for iccid, mdn, account_id, *rest in self._connection.stream("moving_sims", after=after, up_to=up_to):
            yield _sim((iccid, mdn, names[account_id], *rest))

    def whole_expectations_between(self, after: int, up_to: int) -> pl.DataFrame:
        """`iccid`, `effective_from` and `imei` of a range of SIMs."""
        return self._connection.frame("moving_expectations", after=after, up_to=up_to)

    def whole_activations_between(self, after: int, up_to: int) -> pl.DataFrame:
        """`iccid`, `activated_at` and `imei` of a range of SIMs."""
        return self._connection.frame("moving_activations", after=after, up_to=up_to)

    def members_between(self, after: int, up_to: int) -> Iterator[tuple[int, str, str]]:
        """SIM, account and group of the memberships of a range of SIMs."""
        accounts = self._account_names()
        groups = {group_id: name for group_id, _, name, _ in self._connection.rows("whole_groups")}
        for iccid, account_id, group_id in self._connection.stream("moving_members", after=after, up_to=up_to):
            yield iccid, accounts[account_id], groups[group_id]

    def whole_mismatches_between(self, after: int, up_to: int) -> Iterator[KeptRow]:
        """The kept rows of a range of SIMs, in no order."""
        accounts = self._account_names()
        for iccid, account_id, *rest in self._connection.stream("moving_mismatches", after=after, up_to=up_to):
            yield KeptRow(iccid, accounts[account_id], *rest)

    def whole_groups(self) -> list[tuple[str, str, str]]:
        """Account, name and description of every group."""
        accounts = self._account_names()
        rows = self._connection.rows("whole_groups")
        return [(accounts[account_id], name, description) for _, account_id, name, description in rows]

    def whole_apps(self) -> list[WholeApp]:
        """Every app as it is kept."""
        return [WholeApp(*row) for row in self._connection.rows("apps")]

    def whole_users(self) -> list[WholeUser]:
        """Every user as they are kept."""
        return [WholeUser(*row) for row in self._connection.rows("users_whole")]

    def grants(self) -> list[tuple[str, str]]:
        """User and account of every account that was granted by name."""
        return [(user, account) for user, account in self._connection.rows("grants")]

    def _account_names(self) -> dict[int, str]:
        return {account_id: name for name, account_id in self.accounts().items()}

    # Access

    def app(self, key: str) -> AppRow | None:
        """The app with this key."""
        row = self._connection.row("app_of_key", key=key)
        return None if row is None else AppRow(*row)

    def app_named(self, name: str) -> str | None:
        """The key of the app with this name."""
        return self._value(str, "app_named", name=name)

    def app_of_token(self, token_sha256: bytes) -> tuple[str, str, int] | None:
        """Key, scopes and the moment of expiry of the app whose current token has this digest."""
        row = self._connection.row("app_of_token", token_sha256=token_sha256)
        return None if row is None else (row[0], row[1], row[2])

    def user(self, name: str) -> UserRow | None:
        """The user of this name."""
        row = self._connection.row("user_named", name=name)
        return None if row is None else UserRow(*row)

    def users(self) -> list[tuple[str, bool, int]]:
        """Name, whether they see all accounts, and failed logins in a row, of every user."""
        return [(name, bool(all_accounts), failed) for name, all_accounts, failed in self._connection.rows("users")]

    def accounts_granted(self, name: str) -> list[str]:
        """The accounts that a user was granted by name."""
        return [account for (account,) in self._connection.rows("accounts_granted", name=name)]

    def accounts_seen_by(self, user_id: int) -> dict[str, int]:
        """The accounts that a user may see: number by name."""
        rows = self._connection.rows("accounts_seen_by", user_id=user_id)
        return {name: account_id for account_id, name in rows}

    def password_of(self, user_id: int) -> str | None:
        """A user's password hash."""
        return self._value(str, "password_of", user_id=user_id)

    def session(self, token_sha256: bytes) -> tuple[int, Moment] | None:
        """The user of a session and the moment of its last use."""
        row = self._connection.row("session", token_sha256=token_sha256)
        return None if row is None else (row[0], Moment(row[1]))

    def _numbers(self, query: str, **parameters: object) -> list[int]:
        return [number for (number,) in self._connection.rows(query, **parameters)]

    def _value(self, kind: Callable[[Any], Value], query: str, **parameters: object) -> Value | None:
        row = self._connection.row(query, **parameters)
        return None if row is None or row[0] is None else kind(row[0])


def _sim(row: tuple[Any, ...]) -> Sim:
    iccid, mdn, account, activation_date, generation = row
    return Sim(Iccid(iccid), None if mdn is None else Mdn(mdn), account, Moment(activation_date), generation)
