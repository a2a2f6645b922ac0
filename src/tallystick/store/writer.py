"""What changes the store: facts in, and the kept answer after them, in the same transaction."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any, NamedTuple

import polars as pl

from tallystick.core.facts import GroupMember, Sim, SimActivation, SimExpectation
from tallystick.core.selection import UNASSIGNED
from tallystick.store.judging import Batch, Facts, Judged, judge, rows_of, together
from tallystick.store.reader import Connection, Reader

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from tallystick.store.reader import WholeApp, WholeUser

SIMS_A_REFRESH = 65_536
TOLD_MAX = 100  # activations that the store is asked to tell the new ones of
KEY_COLUMNS = 5  # the first so many of a row of the kept answer are its key


class AnswerRow(NamedTuple):
    """One row of the kept answer, its key first and in the answer's order."""

    account_id: int
    generation: str
    activated_at: int
    iccid: int
    post_imei: int
    pre_imei: int
    wire: bytes


class Refreshed(NamedTuple):
    """How many rows of the kept answer a refresh opened and closed; a row that reads differently is both."""

    opened: int
    closed: int


class Taken(NamedTuple):
    """What became of a batch of facts: those that said something new, those that repeated, unknown accounts made."""

    accepted: int
    duplicate: int
    accounts_made: tuple[str, ...] = ()


class Writer(Reader):
    """One transaction. Before it is committed, `settle` makes the kept answer follow from what was taken in.

    Facts are the values of `core.facts`, plain tuples of the same columns, or a frame of those columns.
    """

    def __init__(self, connection: Connection, wire_row: Callable[..., bytes]) -> None:
        super().__init__(connection)
        self._wire_row = wire_row
        self._touched: set[int] = set()  # SIMs with new facts, to be asked whether they are suspects
        self._suspects: set[int] = set()  # SIMs that are, to be refreshed
        self._takers: dict[type, Callable[[Any], Taken]] = {
            Sim: self.take_sims,
            SimExpectation: self.take_expectations,
            SimActivation: self.take_activations,
            GroupMember: self.take_group_members,
        }

    def take(self, kind: type, facts: Facts, judged: Judged | None = None) -> Taken:
        """Take facts of one kind in; of two values for one key the later counts.

        `judged` is what `judge` found out of them, being activations, in some snapshot.
        """
        if judged is not None and isinstance(facts, pl.DataFrame):
            return self._take_judged(facts, judged)
        return self._takers[kind](facts)

    def take_all(self, kind: type, batches: Sequence[Batch]) -> list[Taken]:
        """Take several batches of one kind in, each with a count of its own, at about the cost of one.

        Taken together they are counted together. Where nothing was repeated, that says it all; where something
        was, they are undone and taken one by one. Few activations need no second try: the store tells which are new.
        """
        if len(batches) > 1:
            whole = together(batches)
            if kind is SimActivation and not isinstance(whole.facts, pl.DataFrame) and len(whole.facts) <= TOLD_MAX:
                return self._take_told(whole.facts, batches)
            with self._connection.attempt() as attempt:
                taken = self.take(kind, *whole)
                if taken.accepted == len(whole.facts) and not taken.accounts_made:
                    attempt.keep()
                    return [Taken(len(batch.facts), 0) for batch in batches]
        return [self.take(kind, *batch) for batch in batches]

    def _take_told(self, activations: Sequence[tuple[Any, ...]], batches: Sequence[Batch]) -> list[Taken]:
        """Take activations in whose batches follow one another; of a repeated one the first is the new one."""
        new = set(self._connection.rows_of_many("take_activation_told", activations)) if activations else set()
        self._touched.update(row[0] for row in activations)
        taken = []
        for batch in batches:
            mine = new.intersection(map(tuple, rows_of(batch.facts)))
            new -= mine
            taken.append(Taken(len(mine), len(batch.facts) - len(mine)))
        return taken

    def take_sims(self, sims: Facts) -> Taken:
        """Take SIMs in, making accounts that are not known yet."""
        rows = rows_of(sims)
        account_ids, made = self._account_ids({account for _, _, account, _, _ in rows})
        rows = [
            (iccid, mdn, account_ids[account], activation_date, generation)
            for iccid, mdn, account, activation_date, generation in rows
        ]
        return self._take("take_sim", rows, made)

    def take_expectations(self, expectations: Facts) -> Taken:
        """Take expectations in; the same SIM and moment again is a correction."""
        taken = self._take("take_expectation", expectations)
        if taken.accepted:
            self._connection.run("note_changed_expectations")
        return taken

    def take_activations(self, activations: Facts) -> Taken:
        """Take activations in; repeats are counted, not stored twice."""
        if isinstance(activations, pl.DataFrame):
            return self._take_judged(activations, judge(self, activations))
        return self._take("take_activation", activations)

    def _take_judged(self, activations: pl.DataFrame, judged: Judged) -> Taken:
        if not self._connection.sees_one_moment or judged.version != self.expectations_version():
            judged = judge(self, activations)
        # In order of SIM, each page of the table is touched once.
        in_order = activations if activations["iccid"].is_sorted() else activations.sort("iccid")
        changed = self._connection.run_frame("take_activation", in_order)
        self._suspects.update(judged.suspects, self._mismatched(in_order["iccid"], crowded=judged.crowded))
        return Taken(changed, len(activations) - changed)

    def _mismatched(self, iccids: pl.Series, *, crowded: bool) -> Iterable[int]:
        """Those of some SIMs, in order, that have rows kept."""
        if not crowded:
            return self._numbers("mismatched_sims_among", iccids=self._connection.set_of(iccids))
        between = self._numbers("mismatched_sims_between", first=iccids[0], last=iccids[-1])
        places = iccids.search_sorted(pl.Series(between, dtype=pl.Int64))
        return [iccid for iccid, place in zip(between, places, strict=True) if iccids[place] == iccid]

    def take_group_members(self, members: Facts) -> Taken:
        """Put SIMs in groups, making accounts and groups that are not known yet. The kept answer has no part in it.

        Being put in the default group is being taken out of any other.
        """
        rows = rows_of(members)
        account_ids, made = self._account_ids({account for account, _, _ in rows})
        changed = 0
        for is_default, some in groupby(rows, lambda row: row[1] == UNASSIGNED):
            changed += (self._take_out if is_default else self._put_in)(account_ids, list(some))
        return Taken(changed, len(rows) - changed, made)

    def _put_in(self, account_ids: dict[str, int], rows: Sequence[tuple[Any, ...]]) -> int:
        named = {(account_ids[account], group) for account, group, _ in rows}
        group_ids = {(account_id, group): self._group_id_made(account_id, group) for account_id, group in named}
        put = [(account_ids[account], iccid, group_ids[account_ids[account], group]) for account, group, iccid in rows]
        return self._connection.run_many("take_group_member", put)

    def _take_out(self, account_ids: dict[str, int], rows: Sequence[tuple[Any, ...]]) -> int:
        by_account: dict[int, list[int]] = {}
        for account, _, iccid in rows:
            by_account.setdefault(account_ids[account], []).append(iccid)
        return sum(self.leave_groups(account_id, iccids) for account_id, iccids in by_account.items())

    # Groups

    def add_group(self, account_id: int, name: str, description: str) -> None:
        """Make a group of an account known."""
        self._connection.run("add_group", account_id=account_id, name=name, description=description)

    def change_group(self, group_id: int, name: str, description: str) -> None:
        """Give a group this name and this description."""
        self._connection.run("change_group", group_id=group_id, name=name, description=description)

    def delete_group(self, account_id: int, group_id: int) -> None:
        """Forget a group and who was in it."""
        self._connection.run("empty_group", account_id=account_id, group_id=group_id)
        self._connection.run("delete_group", group_id=group_id)

    def put_in_group(self, account_id: int, group_id: int, iccids: Iterable[int]) -> None:
        """Put SIMs in a group, out of the ones they were in."""
        self._connection.run_many("take_group_member", [(account_id, iccid, group_id) for iccid in iccids])

    def take_out_of_group(self, account_id: int, group_id: int, iccids: Iterable[int]) -> None:
        """Take SIMs out of a group."""
        some = self._connection.set_of(iccids)
        self._connection.run("take_out_of_group", account_id=account_id, group_id=group_id, iccids=some)

    def leave_groups(self, account_id: int, iccids: Iterable[int]) -> int:
        """Take SIMs out of whichever group of an account they are in; give how many were in one."""
        return self._connection.run("leave_groups", account_id=account_id, iccids=self._connection.set_of(iccids))

    # Uploads

    def add_upload(self, request_id: str, account_id: int, uploaded_at: int, pairs: bytes) -> None:
        """Put an upload in the queue."""
        self._connection.run(
            "add_upload", request_id=request_id, account_id=account_id, uploaded_at=uploaded_at, pairs=pairs
        )

    def finish_upload(self, upload_id: int, outcome: bytes) -> None:
        """Say what came of an upload, which waits no longer."""
        self._connection.run("finish_upload", upload_id=upload_id, outcome=outcome)

    # The kept answer

    def settle(self) -> Refreshed:
        """Make the kept answer follow from what was taken in; the end of a transaction does it."""
        touched, self._touched = self._touched, set()
        suspects, self._suspects = self._suspects, set()
        for some in _in_parts(sorted(touched)):
            suspects.update(self._numbers("suspects", iccids=self._connection.set_of(some)))
        return self.refresh(sorted(suspects))

    def refresh(self, iccids: Sequence[int]) -> Refreshed:
        """Make the kept answer of these SIMs, in order, follow from the facts: the only writer of it."""
        opened = closed = 0
        for some in _in_parts(iccids):
            right, kept = set(self._right_rows(some)), set(self._kept_rows(some))
            closed += self._connection.run_many("close", [row[:KEY_COLUMNS] for row in sorted(kept - right)])
            opened += self._connection.run_many("open", sorted(right - kept))
        return Refreshed(opened, closed)

    def _right_rows(self, iccids: Sequence[int]) -> Iterator[AnswerRow]:
        """The rows that these SIMs should have."""
        zone, wire_row = self.wire_zone(), self._wire_row
        for account, mdn, activation_date, *row in self._connection.rows(
            "derive", iccids=self._connection.set_of(iccids)
        ):
            _, _, activated_at, iccid, post_imei, pre_imei = row
            wire = wire_row(account, mdn, activation_date, iccid, pre_imei, post_imei, activated_at, zone)
            yield AnswerRow._make((*row, wire))

    def _kept_rows(self, iccids: Sequence[int]) -> Iterator[AnswerRow]:
        """The rows that these SIMs have."""
        rows = self._connection.rows("kept_rows", iccids=self._connection.set_of(iccids))
        return (AnswerRow(*row) for row in rows)

    def set_wire_zone(self, zone: str) -> bool:
        """Print the kept rows in another zone from now on; give whether that changed anything."""
        if not self._connection.run("set_wire_zone", wire_zone=zone):
            return False
        after = -1
        while sims := self._mismatched_sims(after):
            self.refresh(sims)
            after = sims[-1]
        return True

    def _mismatched_sims(self, after: int) -> list[int]:
        return self._numbers("mismatched_sims_after", iccid=after, at_most=SIMS_A_REFRESH)

    def _take(self, query: str, facts: Facts, made: tuple[str, ...] = ()) -> Taken:
        """Take facts in whose first column is the ICCID."""
        changed = self._put(query, facts)
        self._touched.update(facts["iccid"].to_list() if isinstance(facts, pl.DataFrame) else (row[0] for row in facts))
        return Taken(changed, len(facts) - changed, made)

    def _put(self, query: str, facts: Facts) -> int:
        if isinstance(facts, pl.DataFrame):
            return self._connection.run_frame(query, facts)
        return self._connection.run_many(query, facts)

    def _account_ids(self, names: set[str]) -> tuple[dict[str, int], tuple[str, ...]]:
        known = self.accounts()
        made = tuple(sorted(names - known.keys()))
        for name in made:
            self._connection.run("add_account", name=name)
        if made:
            known = self.accounts()
        return {name: known[name] for name in names}, made

    def _group_id_made(self, account_id: int, name: str) -> int:
        if (known := self.group_id(account_id, name)) is not None:
            return known
        self.add_group(account_id, name, "")
        made = self.group_id(account_id, name)
        assert made is not None  # noqa: S101 - made above, in this transaction
        return made

    # Files being taken in

    def note_import_progress(self, digest: bytes, facts_taken: int, accepted: int, duplicate: int) -> None:
        """Remember how far a file has come."""
        self._connection.run(
            "note_import_progress", digest=digest, facts_taken=facts_taken, accepted=accepted, duplicate=duplicate
        )

    def forget_import(self, digest: bytes) -> None:
        """A file has been taken in whole."""
        self._connection.run("forget_import", digest=digest)

    def keep_receipt(self, key_sha256: bytes, facts_sha256: bytes, receipt: bytes, taken_at: int) -> None:
        """Remember what was answered to the call with this idempotency key."""
        self._connection.run(
            "keep_receipt", key_sha256=key_sha256, facts_sha256=facts_sha256, receipt=receipt, taken_at=taken_at
        )

    def forget_receipts(self, taken_before: int) -> None:
        """Forget older receipts."""
        self._connection.run("forget_receipts", taken_before=taken_before)

    # Moving from another store

    def put_accounts(self, names: set[str]) -> None:
        """Make accounts known that are not yet."""
        self._account_ids(names)

    def put_groups(self, groups: Sequence[tuple[str, str, str]]) -> None:
        """Make groups known as they are in another store: account, name and description of each."""
        account_ids, _ = self._account_ids({account for account, _, _ in groups})
        for account, name, description in groups:
            self.change_group(self._group_id_made(account_ids[account], name), name, description)

    def put_app(self, app: WholeApp) -> None:
        """Make an app known as it is in another store."""
        self._connection.run("put_app", **app._asdict())

    def put_user(self, user: WholeUser) -> None:
        """Make a user known as they are in another store."""
        self._connection.run("put_user", **user._asdict())

    def grant(self, name: str, account: str) -> None:
        """Let a user see an account; both are known."""
        user = self.user(name)
        assert user is not None  # noqa: S101 - the caller has put them
        self._connection.run("grant_account", user_id=user.user_id, account_id=self.account_id(account))

    # Access

    def add_app(self, key: str, name: str, secret_sha256: bytes, scopes: str, issue_salt: bytes) -> None:
        """Make an app known."""
        self._connection.run(
            "add_app", key=key, name=name, secret_sha256=secret_sha256, scopes=scopes, issue_salt=issue_salt
        )

    def issue_token(self, key: str, issue_salt: bytes, token_sha256: bytes, token_expires_at: int) -> None:
        """Give an app a new token."""
        self._connection.run(
            "issue_token",
            key=key,
            issue_salt=issue_salt,
            token_sha256=token_sha256,
            token_expires_at=token_expires_at,
        )

    def revoke_token(self, key: str, token_sha256: bytes) -> bool:
        """Revoke an app's token; give whether it was the current one."""
        return self._connection.run("revoke_token", key=key, token_sha256=token_sha256) > 0

    def add_user(self, name: str, password_argon2: str, accounts: Sequence[str], *, all_accounts: bool) -> None:
        """Make a user known, and accounts that they may see and that are not known yet."""
        self._connection.run("add_user", name=name, password_argon2=password_argon2, all_accounts=int(all_accounts))
        user = self.user(name)
        assert user is not None  # noqa: S101 - made above, in this transaction
        account_ids, _ = self._account_ids(set(accounts))
        for account_id in account_ids.values():
            self._connection.run("grant_account", user_id=user.user_id, account_id=account_id)

    def note_failed_login(self, name: str) -> None:
        """Count a failed login, at the same cost for names that exist and names that do not."""
        self._connection.run("note_failed_login", name=name)
        self._connection.run("count_failed_login")

    def forget_failed_logins(self, name: str) -> None:
        """The user's count of failed logins starts anew."""
        self._connection.run("forget_failed_logins", name=name)

    def set_password(self, user_id: int, password_argon2: str) -> None:
        """Give a user another password."""
        self._connection.run("set_password", user_id=user_id, password_argon2=password_argon2)

    def open_session(self, token_sha256: bytes, user_id: int, used_at: int) -> None:
        """Begin a session."""
        self._connection.run("open_session", token_sha256=token_sha256, user_id=user_id, used_at=used_at)

    def use_session(self, token_sha256: bytes, used_at: int) -> None:
        """A session was used."""
        self._connection.run("use_session", token_sha256=token_sha256, used_at=used_at)

    def end_session(self, token_sha256: bytes) -> bool:
        """End a session; give whether there was one."""
        return self._connection.run("end_session", token_sha256=token_sha256) > 0

    def forget_sessions(self, used_before: int) -> None:
        """Forget sessions not used since."""
        self._connection.run("forget_sessions", used_before=used_before)


def _in_parts(iccids: Sequence[int]) -> Iterator[Sequence[int]]:
    return (iccids[start : start + SIMS_A_REFRESH] for start in range(0, len(iccids), SIMS_A_REFRESH))
