"""A store's whole content, for another store, with names for the numbers that are its own."""

from __future__ import annotations

import json
from collections import defaultdict
from typing import TYPE_CHECKING, Any, NamedTuple

from tallystick.core.ledger import ChangeSet
from tallystick.store.access import AccessChanges, TokenRow
from tallystick.store.accounts import AccountQuestions
from tallystick.store.callbacks import (
    CallbackChanges,
    CallbackQuestions,
    ListenerRow,
    WholeDelivery,
)
from tallystick.store.explanations import KeptExplanation
from tallystick.store.facts import sim_of
from tallystick.store.groups import GroupChanges
from tallystick.store.verifying import KeptRow

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    import polars as pl

    from tallystick.core.facts import Sim


class WholeApp(NamedTuple):
    """An app with everything that is kept of it; its secrets and tokens are lists as JSON."""

    key: str
    name: str
    scopes: str
    secrets: str
    tokens: str


class WholeUser(NamedTuple):
    """A user with everything that is kept of them but the accounts granted by name.

    Their own tokens are a list as JSON.
    """

    name: str
    password_argon2: str
    all_accounts: int
    failed_logins: int
    role: str
    tokens: str


def _lists_by_first(rows: Iterable[tuple[Any, ...]]) -> defaultdict[str, list[list[Any]]]:
    """The rows behind each value of the first column; bytes as hexadecimal digits."""
    lists: defaultdict[str, list[list[Any]]] = defaultdict(list)
    for first, *rest in rows:
        lists[first].append([each.hex() if isinstance(each, bytes) else each for each in rest])
    return lists


class MovingQuestions(CallbackQuestions, AccountQuestions):
    """All there is, range by range of SIMs."""

    def first_sim_after(self, after: int) -> int | None:
        """The first SIM after this one of which anything is told; None at the end."""
        return self._value(int, "moving_first_sim", after=after)

    def count_between(self, after: int, up_to: int) -> int:
        """How many SIMs, expectations and activations there are in a range of SIMs."""
        return self._value(int, "moving_count", after=after, up_to=up_to) or 0

    def whole_sims_between(self, after: int, up_to: int) -> Iterator[Sim]:
        """What is known of the SIMs of a range."""
        names = self.account_names()
        for iccid, mdn, account_id, *rest in self._connection.stream(
            "moving_sims", after=after, up_to=up_to
        ):
            yield sim_of((iccid, mdn, names[account_id], *rest))

    def whole_expectations_between(self, after: int, up_to: int) -> pl.DataFrame:
        """`iccid`, `effective_from`, `imei` and `change_set_id` of a range of SIMs."""
        return self._connection.frame("moving_expectations", after=after, up_to=up_to)

    def whole_lists_between(self, after: int, up_to: int) -> Iterator[tuple[int, int, str]]:
        """SIM, value and text of the values of a range of SIMs that have several members."""
        rows = self._connection.stream("moving_lists", after=after, up_to=up_to)
        yield from ((iccid, value, members) for iccid, value, members in rows)

    def whole_former_between(self, after: int, up_to: int) -> pl.DataFrame:
        """Give the values that ended, of a range of SIMs, with all of their columns."""
        return self._connection.frame("moving_former", after=after, up_to=up_to)

    def whole_proposed_between(self, after: int, up_to: int) -> pl.DataFrame:
        """`iccid`, `effective_from`, `change_set_id` and `imei` of a range of SIMs."""
        return self._connection.frame("moving_proposed", after=after, up_to=up_to)

    def whole_change_sets(self) -> Iterator[ChangeSet]:
        """Every change set as it is kept."""
        return (ChangeSet(*row) for row in self._connection.stream("whole_change_sets"))

    def whole_activations_between(self, after: int, up_to: int) -> pl.DataFrame:
        """`iccid`, `activated_at` and `imei` of a range of SIMs.

        Not those activations that only follow from ones that name an IMSI or MSISDN.
        """
        seen = self._connection.frame("moving_activations", after=after, up_to=up_to)
        followers = self._connection.frame("moving_followers", after=after, up_to=up_to)
        if followers.is_empty():
            return seen
        return seen.join(followers, on=seen.columns, how="anti")

    def whole_identities_between(self, after: int, up_to: int) -> pl.DataFrame:
        """`subscriber`, `valid_from`, `iccid` and `change_set_id` of a range of subscribers."""
        return self._connection.frame("moving_identities", after=after, up_to=up_to)

    def whole_former_identities_between(self, after: int, up_to: int) -> pl.DataFrame:
        """Give the identities that ended, of a range of subscribers, with all of their columns."""
        return self._connection.frame("moving_former_identities", after=after, up_to=up_to)

    def named_between(self, after: int, up_to: int) -> Iterator[tuple[int, int, int, str]]:
        """Subscriber, moment, IMEI and source of the activations of a range of subscribers."""
        rows = self._connection.stream("moving_named", after=after, up_to=up_to)
        yield from ((subscriber, at, imei, source) for subscriber, at, imei, source in rows)

    def members_between(self, after: int, up_to: int) -> Iterator[tuple[int, str, str]]:
        """SIM, account and group of the memberships of a range of SIMs."""
        accounts = self.account_names()
        groups = {group_id: name for group_id, _, name, _ in self._connection.rows("whole_groups")}
        for iccid, account_id, group_id in self._connection.stream(
            "moving_members", after=after, up_to=up_to
        ):
            yield iccid, accounts[account_id], groups[group_id]

    def whole_mismatches_between(self, after: int, up_to: int) -> Iterator[KeptRow]:
        """The kept rows of a range of SIMs, in no order."""
        accounts = self.account_names()
        for iccid, account_id, *rest in self._connection.stream(
            "moving_mismatches", after=after, up_to=up_to
        ):
            yield KeptRow(iccid, accounts[account_id], *rest)

    def whole_explanations_between(self, after: int, up_to: int) -> Iterator[KeptExplanation]:
        """What was said of the rows of a range of SIMs."""
        rows = self._connection.stream("moving_explanations", after=after, up_to=up_to)
        return (KeptExplanation(*row) for row in rows)

    def whole_groups(self) -> list[tuple[str, str, str]]:
        """Account, name and description of every group."""
        accounts = self.account_names()
        rows = self._connection.rows("whole_groups")
        return [
            (accounts[account_id], name, description) for _, account_id, name, description in rows
        ]

    def whole_listeners(self) -> list[tuple[str, ...]]:
        """Account, service, URL, username and password of every listener."""
        names = self.account_names()
        return [(names[account_id], *rest) for account_id, *rest in self.listeners(names)]

    def whole_deliveries(self) -> list[tuple[Any, ...]]:
        """Every delivery that waits or was given up: `WholeDelivery`, with the account's name."""
        names = self.account_names()
        return [
            (names[account_id], *rest)
            for account_id, *rest in self._connection.rows("whole_deliveries")
        ]

    def whole_apps(self) -> list[WholeApp]:
        """Every app as it is kept."""
        secrets = _lists_by_first(self._connection.rows("whole_app_secrets"))
        tokens = _lists_by_first(self._connection.rows("whole_tokens"))
        return [
            WholeApp(key, name, scopes, json.dumps(secrets[key]), json.dumps(tokens[key]))
            for key, name, scopes in self._connection.rows("whole_apps")
        ]

    def whole_users(self) -> list[WholeUser]:
        """Every user as they are kept."""
        tokens = _lists_by_first(self._connection.rows("whole_personal_tokens"))
        return [
            WholeUser._make((*row, json.dumps(tokens[row[0]])))
            for row in self._connection.rows("users_whole")
        ]

    def grants(self) -> list[tuple[str, str]]:
        """User and account of every account that was granted by name."""
        return [(user, account) for user, account in self._connection.rows("grants")]


class MovingChanges(CallbackChanges, GroupChanges, AccessChanges):
    """What is put in as it is in another store."""

    def put_groups(self, groups: Sequence[tuple[str, str, str]]) -> None:
        """Make groups known as they are in another store: account, name and description of each."""
        account_ids, _ = self.account_ids_made({account for account, _, _ in groups})
        for account, name, description in groups:
            self.change_group(self._group_id_made(account_ids[account], name), name, description)

    def put_listeners(self, listeners: Sequence[tuple[str, ...]]) -> None:
        """Make listeners known as they are in another store."""
        account_ids = self.accounts()
        for account, *rest in listeners:
            self.put_listener(ListenerRow(account_ids[account], *rest))

    def put_deliveries(self, deliveries: Sequence[tuple[Any, ...]]) -> None:
        """Put deliveries in the outbox as they are in another store."""
        account_ids = self.accounts()
        for account, *rest in deliveries:
            self.put_delivery(WholeDelivery(account_ids[account], *rest))

    def put_change_sets(self, change_sets: Iterable[ChangeSet]) -> None:
        """Make change sets known as they are in another store."""
        for change_set in change_sets:
            self._connection.run("put_change_set", **change_set._asdict())

    def put_former(self, former: pl.DataFrame) -> None:
        """Keep values that ended in another store, in the order in which they did."""
        columns = ["ended_in", "iccid", "effective_from", "change_set_id", "imei", "version"]
        self._connection.run_frame("keep_former", former.select(columns))
        self._connection.run("raise_expectations_version", version=former["version"].max())

    def put_former_identities(self, former: pl.DataFrame) -> None:
        """Keep identities that ended in another store, in the order in which they did."""
        columns = ["ended_in", "subscriber", "valid_from", "change_set_id", "iccid", "version"]
        self._connection.run_frame("keep_former_identity", former.select(columns))
        self._connection.run("raise_identities_version", version=former["version"].max())

    def put_proposed(self, proposed: pl.DataFrame) -> None:
        """Keep what proposals of another store would put."""
        columns = ["change_set_id", "iccid", "effective_from", "imei"]
        self._connection.run_frame("propose_expectation", proposed.select(columns))

    def put_app(self, app: WholeApp) -> None:
        """Make an app known as it is in another store, with its secrets and tokens alone."""
        self.remove_app(app.key)
        self._connection.run("put_app", key=app.key, name=app.name, scopes=app.scopes)
        for digest, made_at, expires_at in json.loads(app.secrets):
            self.add_app_secret(app.key, bytes.fromhex(digest), made_at, expires_at)
        for digest, secret, scopes, salt, expires_at in json.loads(app.tokens):
            token = TokenRow(bytes.fromhex(digest), bytes.fromhex(salt), expires_at)
            self.issue_token(app.key, bytes.fromhex(secret), scopes, token)

    def put_user(self, user: WholeUser) -> None:
        """Make a user known as they are in another store, with their own tokens alone."""
        parameters = user._asdict()
        tokens = json.loads(parameters.pop("tokens"))
        self._connection.run("put_user", **parameters)
        known = self.user(user.name)
        assert known is not None  # noqa: S101 - put above, in this transaction
        self.end_personal_tokens_of(known.user_id)
        for digest, *rest in tokens:
            self.add_personal_token(bytes.fromhex(digest), known.user_id, *rest)

    def grant(self, name: str, account: str) -> None:
        """Let a user see an account; both are known."""
        user = self.user(name)
        assert user is not None  # noqa: S101 - the caller has put them
        self._connection.run(
            "grant_account", user_id=user.user_id, account_id=self.account_id(account)
        )
