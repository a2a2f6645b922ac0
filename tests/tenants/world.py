"""Two tenants in one store, with names that nothing else has, and everybody who may ask for them.

What one tenant has is planted in every table; what belongs to a third, which is not there at all,
has the same form.
"""

from __future__ import annotations

import base64
import secrets
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from typing import TYPE_CHECKING

import apsw
import pytest
from falcon import testing

from tallystick import outbox
from tallystick.access import UserChange
from tallystick.core.approval import Approval, Decider
from tallystick.core.errors import MismatchNotFound, NameTaken, SessionRefused, UserNotFound
from tallystick.core.explanations import note_of
from tallystick.core.facts import (
    GroupMember,
    HardwareType,
    Identity,
    Sim,
    SimActivation,
    SimExpectation,
)
from tallystick.core.identifiers import Iccid, Imei, Imsi, Mdn, Tac
from tallystick.core.ledger import Origin
from tallystick.core.moments import BEGINNING, Moment, parse_moment
from tallystick.core.roles import Role
from tallystick.fleet import accounts, explanations, ledger, review
from tallystick.intake import ListedImport, LiveIntake, propose_facts
from tallystick.outbox.uploads import Pair, Uploads
from tallystick.settings import Settings
from tallystick.store import open_store
from tallystick.store.callbacks import ListenerRow
from tallystick.thingspace.rows import wire_row
from tallystick.wiring import build_app
from tests.quick_access import quick_access

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tallystick.access import Access
    from tallystick.store import Store

PASSWORD = "correct horse"
SERVICE = "DeviceService"
SEEN_AT = parse_moment("2026-05-05T10:00:00Z")
HEX = "0" * 64
ALL, MINE, OTHERS, MISSING = "all", "mine", "others", "missing"
LISTENER_PASSWORD = "hear-ye-hear-ye"
"""A secret of listeners, which no answer has."""


@dataclass(frozen=True)
class Tenant:
    """What is one tenant's. `number` makes its identifiers, `word` its names."""

    number: int
    word: str

    @property
    def account(self) -> str:
        """Its account."""
        return f"account-of-{self.word}"

    @property
    def iccid(self) -> Iccid:
        """A SIM that is in other hardware than expected."""
        return Iccid.parse(f"89148000{self.number}0000001")

    @property
    def proposed(self) -> Iccid:
        """A SIM that change sets are about."""
        return Iccid.parse(f"89148000{self.number}0000002")

    @property
    def home(self) -> Imei:
        """Where the SIM is expected."""
        return Imei.parse(f"35209900{self.number}81")

    @property
    def seen(self) -> Imei:
        """Where the SIM was seen."""
        return Imei.parse(f"35715209{self.number}62")

    @property
    def mdn(self) -> Mdn:
        """Its phone number."""
        return Mdn.parse(f"50963{self.number}")

    @property
    def imsi(self) -> Imsi:
        """Its IMSI."""
        return Imsi.parse(f"3104100{self.number}000")

    @cached_property
    def names(self) -> dict[str, str]:
        """Every name and identifier that is this tenant's alone, by what it is."""
        named = ("group", "description", "listener", "note", "ticket", "user", "app", "view")
        return {each: f"{each}-of-{self.word}" for each in ("account", *named)} | {
            "iccid": str(self.iccid),
            "proposed": str(self.proposed),
            "imei": str(self.home),
            "seen": str(self.seen),
            "mdn": str(self.mdn),
            "imsi": str(self.imsi),
        }


TENANTS = {
    MINE: Tenant(51331, "mine"),
    OTHERS: Tenant(72772, "them"),
    MISSING: Tenant(93993, "none"),
}
TABLES = """
    SELECT name FROM sqlite_schema
    WHERE type = 'table' AND name NOT LIKE 'audit%' AND name <> 'sessions' ORDER BY name
"""
NO_NUMBERS = {"proposal": "999998", "applied": "999999"}
DAY_ONE = parse_moment("2026-01-01T00:00:00Z")


@dataclass
class Caller:
    """Somebody who asks, by one door.

    The doors are `nobody`, `app`, `session` (a user through an app), `console` (a user in a
    browser) and `token` (one of a user's own). `sees` is the tenant that they may ask about, `ALL`,
    or none. Of one who `has_ended`, the token or session holds no more.
    """

    name: str
    door: str
    scopes: tuple[str, ...] = ()
    role: Role | None = None
    sees: str = ""
    has_ended: bool = False
    headers: dict[str, str] = field(default_factory=dict)
    csrf: str = ""

    def may_see(self, tenant: str) -> bool:
        """Whether what is this tenant's may be in an answer to them."""
        is_whole = self.door in {"app", "token"} and "admin" in self.scopes
        return is_whole or self.sees in {ALL, tenant}


def everybody() -> list[Caller]:
    """Every kind of caller, by every door."""
    viewer, operator = Role.VIEWER, Role.OPERATOR
    return [
        Caller("nobody", "nobody"),
        *(Caller(f"app-{scope}", "app", (scope,)) for scope in ("m2m", "intake", "admin")),
        Caller("app-ended", "app", ("m2m", "intake", "admin"), has_ended=True),
        Caller("session-viewer", "session", ("m2m",), viewer, MINE),
        Caller("session-operator", "session", ("m2m",), operator, MINE),
        Caller("session-all", "session", ("m2m",), operator, ALL),
        Caller("session-none", "session", ("m2m",), operator),
        Caller("session-ended", "session", ("m2m",), operator, ALL, has_ended=True),
        Caller("session-intake", "session", ("intake",), operator, ALL),
        *(Caller(f"console-{role}", "console", (), role, MINE) for role in Role),
        Caller("console-all", "console", (), operator, ALL),
        Caller("console-none", "console", (), operator),
        Caller("console-ended", "console", (), operator, ALL, has_ended=True),
        Caller("token-viewer", "token", ("m2m",), viewer, MINE),
        Caller("token-operator", "token", ("m2m",), operator, MINE),
        Caller("token-intake", "token", ("intake",), operator, ALL),
        Caller("token-admin", "token", ("admin",), operator, ALL),
        Caller("token-ended", "token", ("admin",), operator, ALL, has_ended=True),
    ]


class World:
    """The store with two tenants, the app on it, and its callers."""

    def __init__(
        self, store: Store, access: Access, client: testing.TestClient, path: Path
    ) -> None:
        self.store, self.access, self.client, self._path = store, access, client, path
        self._numbers = {name: {"proposal": 0, "applied": 0} for name in TENANTS}
        self._requests: dict[str, str] = {}
        self._made = 0
        with store.transaction() as writer:
            writer.take_types([HardwareType(Tac(35715209), "Corvid", "C7")])
        self.put_back(MINE, OTHERS)
        self._import = self._taken_in(path.with_name("seen.csv"), TENANTS[OTHERS])
        made = access.add_app("caller-basic", ["m2m"])
        pair = base64.b64encode(f"{made.key}:{made.secret}".encode()).decode()
        self.basic = {"Authorization": f"Basic {pair}"}
        self.callers = everybody()
        for each in self.callers:
            self._make(each)
            self.sign_in(each)

    def _taken_in(self, file: Path, of: Tenant) -> int:
        """Import a file in which a line of one tenant is refused; give the import's number."""
        file.write_text(f"iccid,imei,activated_at\n{of.iccid},{of.seen},soon\n")
        listed = ListedImport(self.store, lambda: SEEN_AT, "activations", f"{of.iccid}.csv", "ann")
        listed.run(str(file))
        return listed.number

    def values(self, tenant: str) -> dict[str, str]:
        """What stands in a call about a tenant, by name; `fresh` is a name that nobody has."""
        of = TENANTS[tenant]
        self._made += 1
        key = (int(SEEN_AT), int(of.iccid), int(of.seen))
        counted = f"1-{sha256(repr([key]).encode()).hexdigest()[:16]}"
        numbers = {name: str(number) for name, number in self._numbers[tenant].items()}
        return of.names | {
            **(NO_NUMBERS if tenant == MISSING else numbers),
            "request": self._requests.get(tenant, "00000000-0000-4000-8000-000000000000"),
            "fresh": f"fresh-{self._made}",
            "import": str(self._import),
            "row": ".".join(map(str, key)),
            "counted": counted,
            "session": HEX,
            "token": HEX,
            "service": SERVICE,
            "password": PASSWORD,
        }

    def put_back(self, *tenants: str) -> None:
        """Give tenants again what a call has changed or removed."""
        for name in tenants:
            self._put_back(name, TENANTS[name])

    def renew(self) -> None:
        """Put both tenants back, with new uploads: accounts may have other names by now."""
        self._requests.clear()
        self.put_back(MINE, OTHERS)

    def _put_back(self, name: str, of: Tenant) -> None:
        names = of.names
        self._rename_back(of.account)
        with self.store.transaction() as writer:
            sims = (of.iccid, of.mdn), (of.proposed, None)
            writer.take_sims([Sim(each, mdn, of.account, DAY_ONE, "4G") for each, mdn in sims])
            accounts.ask(writer, of.account, Approval.OFF)
            writer.take_expectations([SimExpectation(of.iccid, BEGINNING, of.home)])
            writer.take_activations([SimActivation(of.iccid, SEEN_AT, of.seen)])
            writer.take(Identity, [Identity(of.iccid, of.imsi, None, BEGINNING)])
            writer.take_group_members([GroupMember(of.account, names["group"], of.iccid)])
        with suppress(NameTaken):
            self.access.add_user(names["user"], PASSWORD, [of.account], all_accounts=False)
        with suppress(NameTaken):
            self.access.add_personal_token(names["user"], HEX, ["m2m"], 1)
        with suppress(NameTaken):
            self.access.add_app(names["app"], ["m2m"])
        with self.store.transaction() as writer:
            number = accounts.number_of(writer, of.account)
            listener = ListenerRow(
                number, SERVICE, "https://listener.example/", names["listener"], LISTENER_PASSWORD
            )
            outbox.register(writer, listener, private_allowed=False)
            if name not in self._requests:
                uploads = Uploads(self.store, lambda: SEEN_AT, secrets.token_bytes)
                pair = Pair(names["iccid"], names["imei"])
                self._requests[name] = uploads.put(writer, number, [pair], "app/requester")
            key = (SEEN_AT, of.iccid, of.seen)
            note = note_of(names["user"], SEEN_AT, names["ticket"], names["note"])
            with suppress(MismatchNotFound):  # where a made-up call has corrected it
                explanations.explain(writer, [key], {of.account: number}, note, None)
        self._propose_again(name, of)

    def _rename_back(self, account: str) -> None:
        with self.store.transaction() as writer:
            for each in writer.accounts():
                if each == f"{account}-renamed":
                    accounts.rename(writer, each, account)

    def _propose_again(self, name: str, of: Tenant) -> None:
        """Have a change set of each state, whatever was decided about the last ones."""
        with self.store.snapshot() as reader:
            states = {
                what: number and ledger.change_set(reader, number).state
                for what, number in self._numbers[name].items()
            }
        if states["proposal"] != "proposed":
            self._numbers[name]["proposal"] = self._propose(of)
        if states["applied"] != "applied":
            number = self._numbers[name]["applied"] = self._propose(of)
            ledger.approve(self.store, number, Decider("approver"), SEEN_AT)

    def _propose(self, of: Tenant) -> int:
        self._made += 1
        moment = Moment(DAY_ONE + self._made * 1_000_000)
        origin = Origin("planner", SEEN_AT, ticket=of.names["ticket"], reason=of.names["note"])
        origin = review.for_sims(origin, [of.proposed])
        return propose_facts(self.store, [SimExpectation(of.proposed, moment, of.home)], origin)

    def _make(self, caller: Caller) -> None:
        if caller.scopes and caller.door != "token":
            made = self.access.add_app(f"caller-{caller.name}", caller.scopes)
            issued = self.access.issue_token(made.key, made.secret)
            caller.headers["Authorization"] = f"Bearer {issued.access_token}"
            if caller.has_ended and caller.door == "app":
                self.access.end_tokens(f"caller-{caller.name}")

    def sign_in(self, caller: Caller) -> None:
        """Let a caller who is a user begin anew: they may have ended their own session."""
        if caller.role is None:
            return
        name = f"caller-{caller.name}"
        granted = [TENANTS[caller.sees].account] if caller.sees in TENANTS else []
        with suppress(UserNotFound):
            self.access.remove_user(name)
        self.access.add_user(
            name, PASSWORD, granted, all_accounts=caller.sees == ALL, role=caller.role
        )
        if caller.door == "session":
            caller.headers["VZ-M2M-Token"] = self.access.login(name, PASSWORD)
        elif caller.door == "console":
            token = self.access.sign_in(name, PASSWORD)
            caller.headers |= {"Cookie": f"tallystick-session={token}"}
            caller.csrf = sha256(f"csrf {token}".encode()).hexdigest()
        else:
            token = self.access.add_personal_token(name, "own", caller.scopes, 1)
            caller.headers["Authorization"] = f"Bearer {token}"
        if caller.has_ended:
            self.access.end_sessions_of_user(name)
            self.access.change_user(name, UserChange(password=f"{PASSWORD} 2"))

    def sign_in_again(self, caller: Caller) -> None:
        """Let a user whose session may have ended begin another, if it has."""
        with self.store.snapshot() as reader:
            is_there = reader.user(f"caller-{caller.name}") is not None
        try:
            self.access.user_of_session(caller.headers["VZ-M2M-Token"])
        except SessionRefused:
            is_there = False
        if not is_there:
            self.sign_in(caller)

    def content(self) -> str:
        """What tells the content of the store from any other: all but the audit and sessions."""
        digest = sha256()
        with closing(apsw.Connection(str(self._path))) as connection:
            for (table,) in connection.execute(TABLES).fetchall():
                rows = connection.execute(f'SELECT * FROM "{table}"').fetchall()  # noqa: S608 - ours
                digest.update(repr((table, sorted(map(repr, rows)))).encode())
        return digest.hexdigest()


NOW = parse_moment("2026-06-01T12:00:00Z")


@contextmanager
def opened_world(path: Path) -> Iterator[World]:
    """Two tenants in a fresh store, and the app on it, whose passwords are hashed in no time."""
    with open_store(f"sqlite:///{path}", wire_row) as store, pytest.MonkeyPatch.context() as patch:
        store.init("UTC")
        patch.setattr("tallystick.wiring.system_clock", lambda: NOW)
        access = quick_access(store, lambda: NOW, secrets.token_bytes)
        live = LiveIntake(store, lambda: NOW, lambda: 0.0)
        uploads = Uploads(store, lambda: NOW, secrets.token_bytes)
        settings = Settings(login_tries_a_min=0, address_calls_a_s=0, app_calls_a_s=0)
        app = build_app(settings, store, access, live, uploads)
        yield World(store, access, testing.TestClient(app), path)
        live.close()
        access.close()


def planted(tenant: str) -> Mapping[str, str]:
    """What must not come to others."""
    return TENANTS[tenant].names
