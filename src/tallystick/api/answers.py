"""What accounts, users, apps, SIMs and the like read like in JSON, of calls and commands."""

from __future__ import annotations

import json
from datetime import UTC
from typing import TYPE_CHECKING, Any

import msgspec

from tallystick.core.approval import Approval
from tallystick.core.identifiers import Iccid, Imei
from tallystick.core.imports import THOUSANDTHS, receipt_in
from tallystick.core.moments import Moment, since, wire, wire_or_none
from tallystick.core.pairing import FirstUse
from tallystick.core.roles import Role
from tallystick.core.selection import UNASSIGNED
from tallystick.fleet import hardware, histories
from tallystick.fleet.ledger import IdentityChange

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import tzinfo

    from tallystick.access import App, Credentials, User
    from tallystick.access.personal_tokens import PersonalToken
    from tallystick.access.sessions import OwnSession
    from tallystick.core.acts import AuditRecord
    from tallystick.core.allowed import Allowed
    from tallystick.core.identifiers import Mdn
    from tallystick.core.imports import ImportRecord
    from tallystick.core.ledger import ChangeSet
    from tallystick.core.pairing import Expectation, Pairing
    from tallystick.fleet import inventory
    from tallystick.fleet.accounts import Account
    from tallystick.fleet.groups import ChangedGroup, Group, MemberPage
    from tallystick.fleet.ledger import ExpectationChange
    from tallystick.store.devices import Device
    from tallystick.store.explanations import KeptExplanation


class ListedAccount(msgspec.Struct):
    """An account by its name, and whether it asks for approval."""

    name: str
    approval: Approval


class AccountList(msgspec.Struct):
    """Every account, by name."""

    accounts: list[ListedAccount]


class AccountAnswer(msgspec.Struct):
    """An account: its SIMs, its groups beside the default one, and which users see it.

    `first_use` is what it expects of SIMs while no expectation is in force; `approval` is whether
    another person has to approve what is to be expected of its SIMs.
    """

    name: str
    first_use: FirstUse
    approval: Approval
    sims: int
    groups: int
    users: list[str]


class SecretAnswer(msgspec.Struct):
    """A secret of an app that holds; null where it has no end, or its beginning is not known."""

    id: str
    made_at: str | None
    expires_at: str | None


class TokenAnswer(msgspec.Struct):
    """A token of an app that holds; without scopes it opens all that the app has."""

    id: str
    scopes: list[str]
    expires_in_s: int


class AppAnswer(msgspec.Struct):
    """An app: its scopes, and the seconds that its token has left, null where it has none."""

    name: str
    key: str
    scopes: list[str]
    token_expires_in_s: int | None
    secrets: list[SecretAnswer]
    tokens: list[TokenAnswer]


class AppList(msgspec.Struct):
    """Every app, by name."""

    apps: list[AppAnswer]


class CredentialsAnswer(msgspec.Struct):
    """An app's key and secret; the secret is shown this once."""

    key: str
    secret: str


class SessionAnswer(msgspec.Struct):
    """A session of a user that has not ended; `of` is `console`, or `calls` of an app."""

    id: str
    begun_at: str | None
    used_at: str
    of: str


class SessionList(msgspec.Struct):
    """The sessions of a user, the last used first."""

    sessions: list[SessionAnswer]


class PersonalTokenAnswer(msgspec.Struct):
    """A token of a user's own."""

    name: str
    scopes: list[str]
    made_at: str
    expires_at: str


class PersonalTokenList(msgspec.Struct):
    """The tokens of a user's own, by name."""

    tokens: list[PersonalTokenAnswer]


class NewPersonalTokenAnswer(msgspec.Struct):
    """A token of a user's own, shown this once."""

    token: str


class UserAnswer(msgspec.Struct):
    """A user: the accounts they see, their role, and whether failed logins locked them."""

    name: str
    accounts: list[str]
    all_accounts: bool
    role: Role
    locked: bool


class UserList(msgspec.Struct):
    """Every user, by name."""

    users: list[UserAnswer]


class GroupAnswer(msgspec.Struct):
    """A group; the default one holds the SIMs that are in no other."""

    name: str
    description: str
    is_default: bool


class GroupList(msgspec.Struct):
    """Every group of an account: the default one, then the others by name."""

    groups: list[GroupAnswer]


class Member(msgspec.Struct):
    """A SIM in a group; `mdn` is null where it is not known."""

    iccid: str
    mdn: str | None


class GroupPage(GroupAnswer):
    """A group with some of its SIMs in order of ICCID.

    `next` is null, or what to ask for those behind them with.
    """

    sims: list[Member]
    next: str | None


class GroupChanged(GroupAnswer):
    """A group as it is now, and those ids that no SIM of the account has."""

    passed_over: list[str]


class ListedSim(msgspec.Struct):
    """A SIM in a list; what is not known is null.

    `last_seen_at` and `last_imei` say when and where it was last seen, `expected_imei` where it is
    expected now.
    """

    iccid: str
    account: str
    group: str
    mdn: str | None
    activation_date: str | None
    generation: str
    last_seen_at: str | None
    last_imei: str | None
    expected_imei: str | None


class SimPage(msgspec.Struct):
    """Some SIMs in order of ICCID; `next` is null, or what to ask for those behind them with."""

    sims: list[ListedSim]
    next: str | None


class SimAnswer(msgspec.Struct):
    """A SIM in short. While it waits to be loaded, only its ICCID and the counts are known."""

    iccid: str
    waiting: bool
    account: str | None
    group: str | None
    mdn: str | None
    activation_date: str | None
    generation: str | None
    expectations: int
    activations: int
    mismatches: int


def account_list(approvals: Mapping[str, Approval]) -> AccountList:
    """Accounts, as they read."""
    return AccountList([ListedAccount(name, approval) for name, approval in approvals.items()])


def account_answer(account: Account) -> AccountAnswer:
    """An account, as it reads."""
    return AccountAnswer(
        account.name,
        account.first_use,
        account.approval,
        account.sims,
        account.groups,
        list(account.users),
    )


def audit_answer(record: AuditRecord, zone: tzinfo) -> dict[str, Any]:
    """A record of the audit, as it reads; `at_us` and `digest` are for who proves the chain."""
    entry = record.entry
    return {
        "number": record.number,
        "at": wire(Moment(entry.at), zone),
        "at_us": entry.at,
        "via": entry.via,
        "actor": entry.actor,
        "action": entry.action,
        "subject": entry.subject,
        "address": entry.address,
        "outcome": entry.outcome,
        "request_id": entry.request_id,
        "details": json.loads(entry.details),
        "digest": record.digest.hex(),
    }


def import_answer(record: ImportRecord, zone: tzinfo) -> dict[str, Any]:
    """An import of a file, as it reads.

    `share` is how much of the work is done, of 1, null where the size of the file is not known;
    `receipt` is null until there is one.
    """
    return {
        "id": record.number,
        "state": str(record.state),
        "kind": record.kind,
        "file": record.file,
        "actor": record.actor,
        "begun_at": wire(record.begun_at, zone),
        "ended_at": wire_or_none(record.ended_at, zone),
        "share": None if record.share is None else record.share / THOUSANDTHS,
        "facts": record.facts,
        "message": record.message,
        "reject_lines": record.reject_lines,
        "receipt": receipt_in(record),
    }


def app_answer(app: App) -> AppAnswer:
    """An app, as it reads."""
    secrets = [
        SecretAnswer(each.name, wire_or_none(each.made_at, UTC), wire_or_none(each.expires_at, UTC))
        for each in app.secrets
    ]
    tokens = [TokenAnswer(each.name, list(each.scopes), each.expires_in_s) for each in app.tokens]
    return AppAnswer(app.name, app.key, list(app.scopes), app.token_expires_in_s, secrets, tokens)


def session_list(sessions: Iterable[OwnSession]) -> SessionList:
    """Sessions of a user, as they read."""
    return SessionList(
        [
            SessionAnswer(
                each.name,
                wire_or_none(each.begun_at, UTC),
                wire(each.used_at, UTC),
                "console" if each.in_console else "calls",
            )
            for each in sessions
        ]
    )


def personal_token_list(tokens: Iterable[PersonalToken]) -> PersonalTokenList:
    """Tokens of a user's own, as they read."""
    return PersonalTokenList(
        [
            PersonalTokenAnswer(
                each.name, list(each.scopes), wire(each.made_at, UTC), wire(each.expires_at, UTC)
            )
            for each in tokens
        ]
    )


def credentials_answer(made: Credentials) -> CredentialsAnswer:
    """A key and a secret, as they read."""
    return CredentialsAnswer(made.key, made.secret)


def user_answer(user: User) -> UserAnswer:
    """A user, as they read."""
    return UserAnswer(user.name, list(user.accounts), user.all_accounts, user.role, user.locked)


def group_answer(group: Group) -> GroupAnswer:
    """A group, as it reads."""
    return GroupAnswer(group.name, group.description, group.is_default)


def group_page(page: MemberPage) -> GroupPage:
    """A group with some of its SIMs, as they read."""
    sims = [Member(str(member.iccid), _text(member.mdn)) for member in page.members]
    group = page.group
    return GroupPage(
        group.name,
        group.description,
        group.is_default,
        sims,
        sims[-1].iccid if page.has_more else None,
    )


def group_changed(changed: ChangedGroup) -> GroupChanged:
    """A group that was changed, as it reads."""
    group, passed_over = changed.group, changed.passed_over
    ids = [str(each) for each in (*passed_over.iccids, *passed_over.mdns)]
    return GroupChanged(group.name, group.description, group.is_default, ids)


def sim_page(page: inventory.SimPage, zone: tzinfo) -> SimPage:
    """Some SIMs, as they read in a zone."""
    sims = [_listed_sim(sim, page, zone) for sim in page.sims]
    return SimPage(sims, sims[-1].iccid if page.has_more else None)


def _listed_sim(sim: Device, page: inventory.SimPage, zone: tzinfo) -> ListedSim:
    last = page.last_seen.get(sim.iccid)
    return ListedSim(
        iccid=str(sim.iccid),
        account=sim.account,
        group=sim.group or UNASSIGNED,
        mdn=_text(sim.mdn),
        activation_date=wire_or_none(sim.activation_date, zone),
        generation=sim.generation,
        last_seen_at=None if last is None else wire(last.activated_at, zone),
        last_imei=None if last is None else str(last.imei),
        expected_imei=_text(page.expected.get(sim.iccid)),
    )


def sim_answer(record: inventory.SimRecord, zone: tzinfo) -> SimAnswer:
    """A SIM, as it reads in a zone."""
    sim = record.sim
    return SimAnswer(
        iccid=str(record.iccid),
        waiting=sim is None,
        account=sim and sim.account,
        group=record.group,
        mdn=sim and _text(sim.mdn),
        activation_date=sim and wire_or_none(sim.activation_date, zone),
        generation=sim and sim.generation,
        expectations=record.expectations,
        activations=record.activations,
        mismatches=record.mismatches,
    )


def sim_history(page: histories.SimHistory, zone: tzinfo) -> dict[str, Any]:
    """A page of a SIM's history, as it reads in a zone."""
    sim = page.sim
    return {
        "iccid": str(page.iccid),
        "waiting": sim is None,
        "account": sim and sim.account,
        "mdn": sim and _text(sim.mdn),
        "activation_date": sim and wire_or_none(sim.activation_date, zone),
        "generation": sim and sim.generation,
        "expectations": [_expectation(put, zone) for put in page.expectations],
        "pairings": [_pairing(stay, zone) for stay in page.stays],
        "next": histories.next_of(page),
    }


class HardwareClaim(msgspec.Struct):
    """An expectation that allows the hardware; `until` is null while no other came after it.

    `effective_from` null is from the beginning. `by` says what names the hardware: `imei`, `tac`
    for its model, or `list` for a value of several.
    """

    effective_from: str | None
    until: str | None
    imei: str
    by: str


class HardwareSim(msgspec.Struct):
    """A SIM of hardware: when it was seen there, and the newest expectations that allow it.

    The times are null and `activations` is 0 where it was never seen there; `account` is null while
    it waits to be loaded.
    """

    iccid: str
    account: str | None
    first_seen_at: str | None
    last_seen_at: str | None
    activations: int
    expectations: list[HardwareClaim]


class HardwareType(msgspec.Struct):
    """Who makes the hardware, and as what; both are null where its TAC is not known."""

    tac: str
    manufacturer: str | None
    model: str | None


class HardwarePage(msgspec.Struct):
    """Some SIMs of hardware, the one that was seen last first.

    `next` is null, or what to ask for the others with. `is_cut` is whether there may be SIMs that
    were not looked at, because so many of other accounts show this number.
    """

    imei: str
    type: HardwareType
    sims: list[HardwareSim]
    next: str | None
    is_cut: bool


def hardware_page(page: hardware.HardwarePage, zone: tzinfo) -> HardwarePage:
    """Some SIMs of hardware, as they read in a zone."""
    known = page.type
    return HardwarePage(
        str(page.imei),
        HardwareType(
            str(page.imei.tac), known and known.manufacturer, (known and known.model) or None
        ),
        [_hardware_sim(sim, zone) for sim in page.sims],
        page.next_page and hardware.place_text(page.next_page),
        page.is_cut,
    )


def _hardware_sim(sim: hardware.HardwareSim, zone: tzinfo) -> HardwareSim:
    times = sim.times
    return HardwareSim(
        str(sim.iccid),
        sim.account,
        times and wire(times.first_seen_at, zone),
        times and wire(times.last_seen_at, zone),
        times.activations if times else 0,
        [
            HardwareClaim(
                since(claim.effective_from, zone),
                wire_or_none(claim.until, zone),
                claim.imei,
                claim.by,
            )
            for claim in sim.claims
        ],
    )


def _expectation(expectation: Expectation, zone: tzinfo) -> dict[str, Any]:
    return {
        "effective_from": since(expectation.effective_from, zone),
        "imei": str(expectation.imei),
    }


def _pairing(pairing: Pairing, zone: tzinfo) -> dict[str, Any]:
    return {
        "imei": str(pairing.imei),
        "opened_at": wire(pairing.opened_at, zone),
        "last_seen_at": wire(pairing.last_seen_at, zone),
        "activations": pairing.activations,
        "expected_imei": _text(pairing.expected),
        "verdict": _verdict(pairing),
    }


def _verdict(pairing: Pairing) -> str:
    """Say in one word how a stay was judged.

    `unexpected` is a stay that goes on in the same hardware, so that no new row opens.
    """
    if pairing.expected is None:
        return "unjudged"
    if pairing.reported:
        return "mismatch"
    return "unexpected" if pairing.unexpected else "expected"


def change_set_answer(change_set: ChangeSet, zone: tzinfo) -> dict[str, Any]:
    """A change set, as it reads in a zone; what is not known or was not given is null."""
    answer = change_set._asdict()
    for name in ("brought_at", "decided_at"):
        answer[name] = None if answer[name] is None else wire(answer[name], zone)
    for name in ("detail", "ticket", "reason", "decided_by"):
        answer[name] = answer[name] or None
    return answer


class ExplanationAnswer(msgspec.Struct):
    """What somebody said of a mismatch.

    `until` is null where it holds until the SIM is seen in that hardware again; `ended_at` and
    `ended_by` are null while nobody took it back or replaced it.
    """

    iccid: str
    imei: str
    activated_at: str
    explained_by: str
    explained_at: str
    ticket: str | None
    note: str | None
    until: str | None
    ended_by: str | None
    ended_at: str | None


class ExplanationList(msgspec.Struct):
    """What was said of a SIM's mismatches, the newest of them first."""

    explanations: list[ExplanationAnswer]


def explanation_list(kept: Iterable[KeptExplanation], zone: tzinfo) -> ExplanationList:
    """Explanations as they read in a zone."""
    return ExplanationList([_explanation(each, zone) for each in kept])


def _explanation(kept: KeptExplanation, zone: tzinfo) -> ExplanationAnswer:
    note, until, _ = kept.explanation
    return ExplanationAnswer(
        str(Iccid(kept.iccid)),
        str(Imei(kept.post_imei)),
        wire(Moment(kept.activated_at), zone),
        note.by,
        wire(note.at, zone),
        note.ticket or None,
        note.text or None,
        wire_or_none(until, zone),
        kept.ended_by or None,
        None if kept.ended_at is None else wire(Moment(kept.ended_at), zone),
    )


def change_set_with_changes(
    change_set: ChangeSet,
    changes: Iterable[ExpectationChange | IdentityChange],
    in_all: int,
    zone: tzinfo,
) -> dict[str, Any]:
    """A change set and the first of its changes, as they read in a zone, and how many there are."""
    return change_set_answer(change_set, zone) | {
        "changes_in_all": in_all,
        "changes": [change_answer(change, zone) for change in changes],
    }


def change_answer(change: ExpectationChange | IdentityChange, zone: tzinfo) -> dict[str, Any]:
    """What became of one expectation or identity, as it reads in a zone."""
    if isinstance(change, IdentityChange):
        subscriber = change.subscriber
        return {
            "imsi": str(subscriber) if subscriber.kind == "imsi" else None,
            "msisdn": str(subscriber) if subscriber.kind == "msisdn" else None,
            "valid_from": since(change.valid_from, zone),
            "old_iccid": _text(change.old_iccid),
            "new_iccid": _text(change.new_iccid),
        }
    return {
        "iccid": str(change.iccid),
        "effective_from": since(change.effective_from, zone),
        "old_imei": _text(change.old_imei),
        "new_imei": _text(change.new_imei),
    }


def _text(identifier: Iccid | Imei | Mdn | Allowed | None) -> str | None:
    return None if identifier is None else str(identifier)
