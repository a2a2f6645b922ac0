"""Secrets that overlap and end, tokens with fewer scopes, and tokens of users' own."""

from __future__ import annotations

from secrets import token_bytes
from typing import TYPE_CHECKING

import pytest
from argon2 import PasswordHasher

from tallystick.access import TOKEN_S, Access, UserChange
from tallystick.access.personal_tokens import TOKENS_OF_USER_MAX
from tallystick.core.errors import (
    AppRefused,
    InvalidValue,
    NameTaken,
    NotFound,
    ScopeRefused,
    ScopeUnknown,
    SessionRefused,
    TokenRefused,
    UserNotFound,
)
from tallystick.core.ledger import is_same_hand
from tallystick.core.moments import SECONDS_A_DAY
from tallystick.core.roles import Role

if TYPE_CHECKING:
    from tallystick.store import Store
    from tests.conftest import Clock

PASSWORD = "correct horse"
HOUR_S = 3600


@pytest.fixture
def user(access: Access) -> str:
    access.add_user("ada", PASSWORD, [], all_accounts=True, role=Role.OPERATOR)
    return "ada"


# Secrets


def test_an_old_secret_holds_beside_the_new_one_for_as_long_as_was_said(
    access: Access, clock: Clock
) -> None:
    old = access.add_app("reports", ["m2m"])
    before = access.issue_token(*old).access_token
    new = access.rotate_app("reports", overlap_s=2 * HOUR_S)
    assert access.caller(before, "m2m").app_name == "reports"
    clock.advance(HOUR_S)
    tokens = {access.issue_token(*pair).access_token for pair in (old, new)}
    assert len(tokens) == 2
    for token in tokens:
        assert access.caller(token, "m2m").app_key == new.key == old.key
    ends = [secret.expires_at for secret in access.app_named("reports").secrets]
    assert sorted(ends, key=bool) == [None, clock() + HOUR_S * 1_000_000]
    clock.advance(HOUR_S)
    with pytest.raises(AppRefused):
        access.issue_token(*old)
    assert access.issue_token(*new)
    assert len(access.app_named("reports").secrets) == 1


def test_an_app_has_two_secrets_at_most_and_one_where_nothing_overlaps(
    access: Access, clock: Clock
) -> None:
    pairs = [access.add_app("reports", ["m2m"])]
    for _ in range(2):
        clock.advance(1)
        pairs.append(access.rotate_app("reports", overlap_s=SECONDS_A_DAY))
    with pytest.raises(AppRefused):
        access.issue_token(*pairs[0])
    token = access.issue_token(*pairs[1]).access_token
    last = access.rotate_app("reports")
    for pair in pairs:
        with pytest.raises(AppRefused):
            access.check_app(*pair)
    with pytest.raises(TokenRefused):
        access.caller(token, "m2m")
    assert access.issue_token(*last)


def test_a_secret_ends_after_the_days_that_were_said(access: Access, clock: Clock) -> None:
    app = access.add_app("guest", ["m2m"], valid_s=SECONDS_A_DAY)
    clock.advance(SECONDS_A_DAY - 1)
    token = access.issue_token(*app).access_token
    clock.advance(1)
    with pytest.raises(AppRefused):
        access.issue_token(*app)
    assert access.caller(token, "m2m")  # clients are promised an hour
    clock.advance(TOKEN_S)
    with pytest.raises(TokenRefused):
        access.caller(token, "m2m")


# Scopes of tokens


def test_a_token_with_fewer_scopes_opens_no_others(access: Access) -> None:
    app = access.add_app("loader", ["m2m", "intake"])
    narrow = access.issue_token(*app, ["intake"])
    assert narrow.scope == "intake"
    assert access.issue_token(*app, ["intake", "foreign"]) == narrow
    whole = access.issue_token(*app)
    assert whole.scope == "m2m intake"
    assert whole.access_token != narrow.access_token
    assert access.issue_token(*app, ["ts.read"]) == whole
    assert access.issue_token(*app, ["intake", "m2m"]) == whole
    assert access.caller(narrow.access_token, "intake")
    with pytest.raises(ScopeRefused, match="asked for without the scope m2m"):
        access.caller(narrow.access_token, "m2m")
    access.change_app("loader", ["m2m"])
    with pytest.raises(ScopeRefused, match="the app lacks the scope intake"):
        access.caller(narrow.access_token, "intake")
    with pytest.raises(ScopeUnknown, match="it has m2m"):
        access.issue_token(*app, ["intake"])


def test_tokens_are_listed_and_ended_by_a_name_that_opens_nothing(access: Access) -> None:
    app = access.add_app("loader", ["m2m", "intake"])
    tokens = [access.issue_token(*app, scopes).access_token for scopes in ([], ["intake"])]
    listed = access.app_named("loader").tokens
    assert sorted(each.scopes for each in listed) == [(), ("intake",)]
    assert not {each.name for each in listed} & set(tokens)
    (narrow,) = (each.name for each in listed if each.scopes)
    assert access.end_tokens("loader", narrow) == 1
    assert access.caller(tokens[0], "m2m")
    with pytest.raises(TokenRefused):
        access.caller(tokens[1], "intake")
    assert access.end_tokens("loader") == 1
    assert access.app_named("loader").tokens == ()
    with pytest.raises(InvalidValue, match="token must be 64 hexadecimal digits"):
        access.end_tokens("loader", "x")


# Sessions


def test_an_operator_lists_and_ends_the_sessions_of_a_user(access: Access, user: str) -> None:
    sessions = [access.login(user, PASSWORD) for _ in range(2)]
    listed = access.sessions_of_user(user)
    assert len(listed) == 2
    access.end_sessions_of_user(user, listed[0].name)
    assert len(access.sessions_of_user(user)) == 1
    access.end_sessions_of_user(user)
    for session in sessions:
        with pytest.raises(SessionRefused):
            access.user_of_session(session)
    with pytest.raises(UserNotFound):
        access.sessions_of_user("nobody")


def test_of_too_many_sessions_of_a_user_those_end_that_were_used_longest_ago(
    access: Access, user: str, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tallystick.access.sessions.SESSIONS_OF_USER_MAX", 2)
    console = access.sign_in(user, PASSWORD)
    programs = []
    for _ in range(3):
        clock.advance(1)
        programs.append(access.login(user, PASSWORD))
    with pytest.raises(SessionRefused):
        access.user_of_session(programs[0])
    for program in programs[1:]:
        assert access.user_of_session(program)
    assert access.caller_in_console(console)


# Tokens of users' own


def test_a_token_of_a_users_own_speaks_for_the_user_until_it_ends(
    access: Access, user: str, clock: Clock
) -> None:
    token = access.add_personal_token(user, "laptop", ["m2m"], 30)
    caller = access.caller_by_personal_token(token, "admin", "m2m")
    assert (caller.user_name, caller.app_key, caller.role) == (user, "", Role.OPERATOR)
    assert is_same_hand(f"console/{user}", caller.name, {})
    with pytest.raises(ScopeRefused):
        access.caller_by_personal_token(token, "admin")
    clock.advance(30 * SECONDS_A_DAY - 1)
    assert access.caller_by_personal_token(token, "m2m")
    clock.advance(1)
    with pytest.raises(TokenRefused):
        access.caller_by_personal_token(token, "m2m")
    assert [each.name for each in access.personal_tokens_of(user)] == ["laptop"]
    access.end_personal_token(user, "laptop")
    with pytest.raises(NotFound):
        access.end_personal_token(user, "laptop")


@pytest.mark.parametrize("less", [UserChange(role=Role.APPROVER), UserChange(all_accounts=False)])
def test_a_users_token_opens_no_more_than_their_role_and_view_do_now(
    access: Access, user: str, less: UserChange
) -> None:
    token = access.add_personal_token(user, "ops", ["m2m", "admin"], 1)
    assert access.caller_by_personal_token(token, "admin")
    access.change_user(user, less)
    with pytest.raises(ScopeRefused):
        access.caller_by_personal_token(token, "admin")
    assert access.caller_by_personal_token(token, "m2m")
    with pytest.raises(InvalidValue, match="may have m2m by their role and by what"):
        access.add_personal_token(user, "load", ["intake"], 1)


@pytest.mark.parametrize("end", ["password", "removal"])
def test_a_users_tokens_end_with_their_password_and_with_them(
    access: Access, user: str, end: str
) -> None:
    token = access.add_personal_token(user, "laptop", ["m2m"], 1)
    if end == "password":
        access.change_user(user, UserChange(password="battery staple"))
    else:
        access.remove_user(user)
    with pytest.raises(TokenRefused):
        access.caller_by_personal_token(token, "m2m")


def test_a_users_tokens_have_names_of_their_own_and_are_few(access: Access, user: str) -> None:
    for number in range(TOKENS_OF_USER_MAX):
        access.add_personal_token(user, str(number), ["m2m"], 1)
    with pytest.raises(NameTaken):
        access.add_personal_token(user, "0", ["m2m"], 1)
    with pytest.raises(InvalidValue, match="as many as there may be"):
        access.add_personal_token(user, "one more", ["m2m"], 1)
    for days in (0, 367):
        with pytest.raises(InvalidValue, match="valid for 1 to 366 days"):
            access.add_personal_token(user, "x", ["m2m"], days)


# Passwords


def test_a_weaker_hash_is_made_anew_when_its_user_logs_in(
    store: Store, clock: Clock, user: str
) -> None:
    access = Access(store, clock, token_bytes)
    weaken_hash(store, user)
    hashes = []
    for _ in range(2):
        assert access.login(user, PASSWORD)
        hashes.append(hash_of(store, user))
    assert "m=19456,t=2,p=1" in hashes[0]
    assert hashes[0] == hashes[1]


def test_of_two_logins_at_once_one_hashes_the_password_anew_and_both_are_let_in(
    store: Store, clock: Clock, user: str
) -> None:
    others: list[str] = []

    def while_another_logs_in(count: int) -> bytes:
        """Random bytes, of which a login asks for 16 twice: for its token and to hash anew."""
        asked.append(count)
        if asked == [16, 16]:
            others.append(Access(store, clock, token_bytes).login(user, PASSWORD))
        return token_bytes(count)

    asked: list[int] = []
    weaken_hash(store, user)
    access = Access(store, clock, while_another_logs_in)
    sessions = {access.login(user, PASSWORD), *others}
    assert len(sessions) == 2
    assert len({access.user_of_session(each) for each in sessions}) == 1


def weaken_hash(store: Store, user: str) -> None:
    """Have a user's password hashed as an old version did."""
    weak = PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1).hash(PASSWORD)
    with store.transaction() as writer:
        kept = writer.user(user)
        assert kept
        writer.set_password(kept.user_id, weak)


def hash_of(store: Store, user: str) -> str:
    """The hash of a user's password."""
    with store.snapshot() as reader:
        kept = reader.user(user)
        assert kept
        return kept.password_argon2
