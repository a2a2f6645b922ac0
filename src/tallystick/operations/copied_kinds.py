"""Every kind of rows that a copy of a store has: its columns, and how rows are read and put.

A table whose rows belong to none of these kinds is lost by a copy.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from tallystick.core.approval import Approval
from tallystick.core.ledger import ChangeSet
from tallystick.core.pairing import FirstUse
from tallystick.store.copying import WholeApp, WholeUser
from tallystick.store.explanations import KeptExplanation
from tallystick.store.saved_views import SavedView

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from tallystick.store import Reader, Writer
    from tallystick.store.walking import SimRange


NUMBER, TEXT = pl.Int64, pl.String
Rows = pl.DataFrame


@dataclass(frozen=True)
class CopiedKind:
    """A kind of rows that are copied: its columns, the key first, and how it is read and put."""

    name: str
    columns: dict[str, Any]
    key_columns: int
    read: Callable[[Reader, SimRange], Rows | Iterable[Sequence[Any]]]
    put: Callable[[Writer, Rows], object]

    @property
    def key(self) -> list[str]:
        """The columns that tell rows apart."""
        return list(self.columns)[: self.key_columns]

    def rows(self, reader: Reader, part: SimRange) -> Rows:
        """The rows of a range, or all of a kind that is not told of SIMs, in order."""
        rows = self.read(reader, part)
        if not isinstance(rows, pl.DataFrame):
            rows = pl.DataFrame(list(rows), schema=self.columns, orient="row")
        return rows.sort(list(self.columns), nulls_last=False)


def _put_accounts(writer: Writer, rows: Rows) -> None:
    """Put accounts before the facts: these are judged by what accounts expect."""
    account_ids, _ = writer.account_ids_made(set(rows["name"]))
    for name, first_use, approval in rows.iter_rows():
        writer.set_first_use(account_ids[name], FirstUse(first_use))
        writer.set_approval(account_ids[name], Approval(approval))


def _accounts(reader: Reader) -> Iterator[tuple[str, FirstUse, Approval]]:
    approvals = reader.approvals()
    for name, first_use in reader.first_uses().items():
        yield name, first_use, approvals[name]


def _put_apps(writer: Writer, rows: Rows) -> None:
    for row in rows.iter_rows():
        writer.put_app(WholeApp(*row))


def _put_app_keepers(writer: Writer, rows: Rows) -> None:
    for name, keeper in rows.iter_rows():
        writer.note_app_keeper(name, keeper)


def _put_users(writer: Writer, rows: Rows) -> None:
    for row in rows.iter_rows():
        writer.put_user(WholeUser(*row))


def _put_grants(writer: Writer, rows: Rows) -> None:
    for user, account in rows.iter_rows():
        writer.grant(user, account)


def _put_saved_views(writer: Writer, rows: Rows) -> None:
    for name, *view in rows.iter_rows():
        user = writer.user(name)
        assert user is not None  # noqa: S101 - users are put before their views
        writer.save_view(user.user_id, SavedView(*view))


def _deliveries(reader: Reader) -> Iterator[tuple[Any, ...]]:
    for account, service, request_id, outcome, *rest in reader.whole_deliveries():
        yield account, service, request_id, outcome.decode(), *rest


def _put_deliveries(writer: Writer, rows: Rows) -> None:
    writer.put_deliveries(
        [
            (account, service, request_id, outcome.encode(), *rest)
            for account, service, request_id, outcome, *rest in rows.iter_rows()
        ]
    )


def _kept(reader: Reader, part: SimRange) -> Iterator[tuple[Any, ...]]:
    for *columns, wire, reasons in reader.whole_mismatches_between(*part):
        yield *columns, wire.decode(), None if reasons is None else reasons.decode()


def _put_nothing(writer: Writer, rows: Rows) -> None:
    """The kept answer follows from the facts."""


USER_COLUMNS = {
    "name": TEXT,
    "password_argon2": TEXT,
    "all_accounts": NUMBER,
    "failed_logins": NUMBER,
    "role": TEXT,
    "tokens": TEXT,
}
LISTENER_COLUMNS = dict.fromkeys(("account", "service", "url", "username", "password"), TEXT)
DELIVERY_COLUMNS = {
    "account": TEXT,
    "service": TEXT,
    "request_id": TEXT,
    "outcome": TEXT,
    "attempts": NUMBER,
    "since": NUMBER,
    "next_try_at": NUMBER,
    "given_up_at": NUMBER,
    "last_error": TEXT,
}
CHANGE_SET_NUMBERS = (
    "change_set_id",
    "brought_at",
    "decided_at",
    "undoes",
    "added",
    "corrected",
    "removed",
)
CHANGE_SET_COLUMNS = dict.fromkeys(ChangeSet._fields, TEXT) | dict.fromkeys(
    CHANGE_SET_NUMBERS, NUMBER
)
SIM_COLUMNS = {
    "iccid": NUMBER,
    "mdn": NUMBER,
    "account": TEXT,
    "activation_date": NUMBER,
    "generation": TEXT,
}
EXPLANATION_COLUMNS: dict[str, Any] = dict.fromkeys(
    KeptExplanation._fields, NUMBER
) | dict.fromkeys(("explained_by", "ticket", "note", "ended_by"), TEXT)
KEPT_COLUMNS = {
    "iccid": NUMBER,
    "account": TEXT,
    "generation": TEXT,
    "activated_at": NUMBER,
    "pre_imei": NUMBER,
    "post_imei": NUMBER,
    "wire": TEXT,
    "reasons": TEXT,
}
# Each needs those before it.
WHOLE_KINDS = (
    CopiedKind(
        "accounts",
        {"name": TEXT, "first_use": TEXT, "approval": TEXT},
        1,
        lambda reader, _: _accounts(reader),
        _put_accounts,
    ),
    CopiedKind(
        "groups",
        {"account": TEXT, "name": TEXT, "description": TEXT},
        2,
        lambda reader, _: reader.whole_groups(),
        lambda writer, rows: writer.put_groups(rows.rows()),
    ),
    CopiedKind(
        "types",
        {"tac": NUMBER, "manufacturer": TEXT, "model": TEXT},
        1,
        lambda reader, _: reader.whole_types(),
        lambda writer, rows: writer.take_types(rows),
    ),
    CopiedKind(
        "apps",
        dict.fromkeys(WholeApp._fields, TEXT),
        1,
        lambda reader, _: reader.whole_apps(),
        _put_apps,
    ),
    CopiedKind(
        "apps' keepers",
        {"name": TEXT, "keeper": TEXT},
        1,
        lambda reader, _: reader.app_keepers().items(),
        _put_app_keepers,
    ),
    CopiedKind("users", USER_COLUMNS, 1, lambda reader, _: reader.whole_users(), _put_users),
    CopiedKind(
        "change sets",
        CHANGE_SET_COLUMNS,
        1,
        lambda reader, _: reader.whole_change_sets(),
        lambda writer, rows: writer.put_change_sets(map(ChangeSet._make, rows.iter_rows())),
    ),
    CopiedKind(
        "users' accounts",
        {"user": TEXT, "account": TEXT},
        2,
        lambda reader, _: reader.grants(),
        _put_grants,
    ),
    CopiedKind(
        "saved views",
        {"user": TEXT, "name": TEXT, "asked": TEXT},
        2,
        lambda reader, _: reader.whole_saved_views(),
        _put_saved_views,
    ),
    CopiedKind(
        "callback listeners",
        LISTENER_COLUMNS,
        2,
        lambda reader, _: reader.whole_listeners(),
        lambda writer, rows: writer.put_listeners(rows.rows()),
    ),
)
DELIVERIES = CopiedKind(
    "deliveries", DELIVERY_COLUMNS, 3, lambda reader, _: _deliveries(reader), _put_deliveries
)
FACT_KINDS = (
    CopiedKind(
        "SIMs",
        SIM_COLUMNS,
        1,
        lambda reader, part: reader.whole_sims_between(*part),
        lambda writer, rows: writer.take_sims(rows),
    ),
    CopiedKind(
        "expectations of several members",
        {"iccid": NUMBER, "value": NUMBER, "members": TEXT},
        2,
        lambda reader, part: reader.whole_lists_between(*part),
        lambda writer, rows: writer.put_lists(rows.rows()),
    ),
    CopiedKind(
        "expectations",
        dict.fromkeys(("iccid", "effective_from", "imei", "change_set_id"), NUMBER),
        2,
        lambda reader, part: reader.whole_expectations_between(*part),
        lambda writer, rows: writer.move_expectations(rows),
    ),
    CopiedKind(
        "former expectations",
        dict.fromkeys(
            ("iccid", "effective_from", "ended_in", "version", "change_set_id", "imei"), NUMBER
        ),
        4,
        lambda reader, part: reader.whole_former_between(*part),
        lambda writer, rows: writer.put_former(rows),
    ),
    CopiedKind(
        "proposed expectations",
        dict.fromkeys(("iccid", "effective_from", "change_set_id", "imei"), NUMBER),
        3,
        lambda reader, part: reader.whole_proposed_between(*part),
        lambda writer, rows: writer.put_proposed(rows),
    ),
    CopiedKind(
        "identities",
        dict.fromkeys(("subscriber", "valid_from", "iccid", "change_set_id"), NUMBER),
        2,
        lambda reader, part: reader.whole_identities_between(*part),
        lambda writer, rows: writer.move_identities(rows),
    ),
    CopiedKind(
        "former identities",
        dict.fromkeys(
            ("subscriber", "valid_from", "ended_in", "version", "change_set_id", "iccid"), NUMBER
        ),
        4,
        lambda reader, part: reader.whole_former_identities_between(*part),
        lambda writer, rows: writer.put_former_identities(rows),
    ),
    CopiedKind(
        "activations by IMSI or MSISDN",
        {"subscriber": NUMBER, "activated_at": NUMBER, "imei": NUMBER, "source": TEXT},
        3,
        lambda reader, part: reader.named_between(*part),
        lambda writer, rows: writer.move_named_activations(rows),
    ),
    CopiedKind(
        "activations",
        {"iccid": NUMBER, "activated_at": NUMBER, "imei": NUMBER},
        3,
        lambda reader, part: reader.whole_activations_between(*part),
        lambda writer, rows: writer.take_activations(rows),
    ),
    CopiedKind(
        "group members",
        {"iccid": NUMBER, "account": TEXT, "group": TEXT},
        2,
        lambda reader, part: reader.members_between(*part),
        lambda writer, rows: writer.take_group_members(
            rows.select("account", "group", "iccid").rows()
        ),
    ),
    CopiedKind(
        "explanations",
        EXPLANATION_COLUMNS,
        4,
        lambda reader, part: reader.whole_explanations_between(*part),
        lambda writer, rows: writer.put_explanations(map(KeptExplanation._make, rows.iter_rows())),
    ),
)
KEPT = CopiedKind("kept rows", KEPT_COLUMNS, 6, _kept, _put_nothing)
