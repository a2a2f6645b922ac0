"""Apps and tokens, users and passwords, sessions and their end."""

from __future__ import annotations

import secrets
import threading
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from typing import TYPE_CHECKING

import pytest
from zxcvbn.frequency_lists import FREQUENCY_LISTS

from tallystick.access import (
    CLOCK_AHEAD_S_MAX,
    FAILED_LOGINS_MAX,
    HELD_OVER_S,
    IDLE_S_MAX,
    RENEWED_S,
    TOKEN_S,
    Access,
    User,
    UserChange,
)
from tallystick.access.passwords import PASSWORD_LENGTH_MIN, Passwords
from tallystick.access.sessions import STRANGE_ADDRESSES_MAX
from tallystick.core.errors import (
    AppNotFound,
    AppRefused,
    InvalidValue,
    NameTaken,
    PasswordRefused,
    ScopeRefused,
    SessionExpired,
    SessionRefused,
    TokenRefused,
    UserNotFound,
)
from tallystick.core.roles import Role
from tests.engines import content_of, rows_of
from tests.listening import wait_until
from tests.quick_access import quick_access

if TYPE_CHECKING:
    from tallystick.store import Store
    from tests.conftest import Clock

PASSWORD = "correct horse"
DAY_S = 24 * 60 * 60


@pytest.fixture
def elsewhere(store: Store, clock: Clock) -> Access:
    """Access to the same store from another worker."""
    return quick_access(store, clock, secrets.token_bytes)


@pytest.fixture
def user(access: Access) -> str:
    """A user who may log in."""
    access.add_user("ada", PASSWORD, ["0342077109-00001"], all_accounts=False)
    return "ada"


def fail_to_log_in(access: Access, name: str, times: int) -> None:
    """Log in with a wrong password."""
    for _ in range(times):
        with pytest.raises(PasswordRefused):
            access.login(name, "wrong")


# Apps and tokens


def test_a_token_is_the_same_for_an_hour_from_its_first_issue(access: Access, clock: Clock) -> None:
    app = access.add_app("reports", ["m2m"])
    first = access.issue_token(app.key, app.secret)
    assert (first.scope, first.expires_in_s) == ("m2m", TOKEN_S)
    clock.advance(TOKEN_S - RENEWED_S)
    assert access.issue_token(app.key, app.secret) == first._replace(expires_in_s=RENEWED_S)
    clock.advance(RENEWED_S - 1)
    assert access.caller(first.access_token, "m2m").app_key == app.key
    clock.advance(1)
    with pytest.raises(TokenRefused):
        access.caller(first.access_token, "m2m")
    assert access.issue_token(app.key, app.secret).access_token != first.access_token


def test_in_its_last_minute_a_token_is_replaced_and_holds_until_shortly_past_its_end(
    access: Access, elsewhere: Access, clock: Clock
) -> None:
    app = access.add_app("reports", ["m2m"])
    first = access.issue_token(app.key, app.secret).access_token
    clock.advance(TOKEN_S - RENEWED_S + 0.001)
    second = access.issue_token(app.key, app.secret)
    assert second.access_token != first
    assert second.expires_in_s == TOKEN_S
    assert elsewhere.issue_token(app.key, app.secret) == second
    clock.advance(RENEWED_S + HELD_OVER_S - 0.01)
    for token in (first, second.access_token):
        assert elsewhere.caller(token, "m2m").app_key == app.key
    clock.advance(0.01)
    with pytest.raises(TokenRefused):
        elsewhere.caller(first, "m2m")
    assert elsewhere.caller(second.access_token, "m2m").app_key == app.key


def test_no_request_of_a_whole_hour_gets_less_than_a_minute(access: Access, clock: Clock) -> None:
    app = access.add_app("reports", ["m2m"])
    for _ in range(3):
        for _ in range(TOKEN_S // 20):
            issued = access.issue_token(app.key, app.secret)
            assert RENEWED_S <= issued.expires_in_s <= TOKEN_S
            clock.advance(20.5)


def test_a_replaced_token_is_revoked_as_the_current_one_is(access: Access, clock: Clock) -> None:
    app = access.add_app("reports", ["m2m"])
    first = access.issue_token(app.key, app.secret).access_token
    clock.advance(TOKEN_S - 10)
    second = access.issue_token(app.key, app.secret).access_token
    access.revoke_token(app.key, app.secret, first)
    with pytest.raises(TokenRefused):
        access.caller(first, "m2m")
    assert access.caller(second, "m2m").app_key == app.key


def test_a_new_secret_ends_a_replaced_token_too(access: Access, clock: Clock) -> None:
    app = access.add_app("reports", ["m2m"])
    first = access.issue_token(app.key, app.secret).access_token
    clock.advance(TOKEN_S - 10)
    second = access.issue_token(app.key, app.secret).access_token
    access.rotate_app("reports")
    for token in (first, second):
        with pytest.raises(TokenRefused):
            access.caller(token, "m2m")


def test_a_token_from_before_the_clock_was_put_back_does_not_hold(
    access: Access, clock: Clock
) -> None:
    app = access.add_app("reports", ["m2m"])
    first = access.issue_token(app.key, app.secret).access_token
    clock.advance(-CLOCK_AHEAD_S_MAX)
    assert access.caller(first, "m2m").app_key == app.key
    clock.advance(-1)
    with pytest.raises(TokenRefused):
        access.caller(first, "m2m")
    assert access.app_named("reports").token_expires_in_s is None
    second = access.issue_token(app.key, app.secret)
    assert second.expires_in_s == TOKEN_S
    clock.advance(TOKEN_S)
    for token in (first, second.access_token):
        with pytest.raises(TokenRefused):
            access.caller(token, "m2m")


def test_a_revoked_token_ends_and_the_next_one_is_new(access: Access) -> None:
    app = access.add_app("reports", ["m2m"])
    first = access.issue_token(app.key, app.secret).access_token
    access.revoke_token(app.key, app.secret, first)
    with pytest.raises(TokenRefused):
        access.caller(first, "m2m")
    second = access.issue_token(app.key, app.secret).access_token
    assert second != first
    access.revoke_token(app.key, app.secret, first)
    assert access.caller(second, "m2m").app_key == app.key


def test_an_app_cannot_revoke_the_token_of_another(access: Access) -> None:
    mine, other = access.add_app("mine", ["m2m"]), access.add_app("other", ["m2m"])
    token = access.issue_token(mine.key, mine.secret).access_token
    access.revoke_token(other.key, other.secret, token)
    assert access.caller(token, "m2m").app_key == mine.key


def test_workers_that_issue_at_once_issue_the_same_token(access: Access, elsewhere: Access) -> None:
    app = access.add_app("reports", ["m2m"])
    together = threading.Barrier(8)

    def issue(number: int) -> str:
        together.wait()
        return (access, elsewhere)[number % 2].issue_token(app.key, app.secret).access_token

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(issue, range(8)))) == 1


def test_a_wrong_key_or_secret_is_refused(access: Access) -> None:
    app = access.add_app("reports", ["m2m"])
    for key, secret in ((app.key, "wrong"), ("wrong", app.secret), (app.key, ""), ("", "")):
        with pytest.raises(AppRefused):
            access.issue_token(key, secret)
        with pytest.raises(AppRefused):
            access.revoke_token(key, secret, "token")


def test_a_token_opens_the_scopes_of_its_app_only(access: Access) -> None:
    app = access.add_app("loader", ["intake", "m2m"])
    issued = access.issue_token(app.key, app.secret)
    assert issued.scope == "m2m intake"
    assert access.caller(issued.access_token, "intake").app_key == app.key
    with pytest.raises(ScopeRefused, match="admin"):
        access.caller(issued.access_token, "admin")


def test_an_unknown_scope_and_a_name_taken_are_refused(access: Access) -> None:
    with pytest.raises(InvalidValue, match="'everything'"):
        access.add_app("reports", ["everything"])
    access.add_app("reports", ["m2m"])
    with pytest.raises(NameTaken, match="'reports'"):
        access.add_app("reports", ["m2m"])


def test_no_secret_rests_in_the_store(access: Access, database: str, user: str) -> None:
    app = access.add_app("reports", ["m2m"])
    token = access.issue_token(app.key, app.secret).access_token
    session = access.login(user, PASSWORD)
    kept = content_of(database)
    assert app.key.encode() in kept
    for secret in (app.secret, token, session, PASSWORD):
        assert secret.encode() not in kept
        if len(secret) == 64:
            assert bytes.fromhex(secret) not in kept


# Users


def test_users_are_listed_with_what_they_see_and_whether_they_are_locked(
    access: Access, user: str
) -> None:
    access.add_user("bob", PASSWORD, [], all_accounts=True)
    fail_to_log_in(access, "bob", FAILED_LOGINS_MAX)
    assert access.users() == [
        User(user, ("0342077109-00001",), all_accounts=False, role=Role.VIEWER, locked=False),
        User("bob", (), all_accounts=True, role=Role.VIEWER, locked=True),
    ]


@pytest.mark.parametrize("name", ["", "x" * 65, "tab\there", "line\nbreak", "\x00"])
def test_names_are_printable_and_bounded(access: Access, name: str) -> None:
    with pytest.raises(InvalidValue, match="user name"):
        access.add_user(name, PASSWORD, [], all_accounts=False)
    with pytest.raises(InvalidValue, match="account"):
        access.add_user("ada", PASSWORD, [name], all_accounts=False)
    with pytest.raises(InvalidValue, match="app name"):
        access.add_app(name, ["m2m"])


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("console", "the ledger calls users of the console so"),
        *((name, "must have no /") for name in ("console/ann", "sync/ann", "/sync", "sync/")),
    ],
)
def test_no_app_is_named_as_users_of_the_console_or_of_another_app_are(
    access: Access, name: str, why: str
) -> None:
    with pytest.raises(InvalidValue, match=why):
        access.add_app(name, ["m2m"])


@pytest.mark.parametrize(
    "password",
    ["Password1!", "tallystick", "ada12345", "12345678", "q1w2e3r4", "Babygirl7", "Jonathan!"],
)
def test_a_password_that_everybody_guesses_first_is_refused(
    access: Access, user: str, password: str
) -> None:
    with pytest.raises(InvalidValue, match="one of the first that anybody would guess"):
        access.change_user(user, UserChange(password=password))
    assert access.login(user, PASSWORD)


def test_the_three_thousand_most_used_passwords_that_are_long_enough_are_refused() -> None:
    passwords = Passwords(secrets.token_bytes)
    long_enough = [
        each for each in FREQUENCY_LISTS["passwords"] if len(each) >= PASSWORD_LENGTH_MIN
    ]
    for password in long_enough[:3_000]:
        with pytest.raises(InvalidValue, match="one of the first that anybody would guess"):
            passwords.chosen(password.upper(), "ada")


@pytest.mark.parametrize("password", ["", "x", "seven77", "x" * 257])
def test_a_password_that_is_too_short_or_too_long_is_refused(
    access: Access, user: str, password: str
) -> None:
    message = f"password must be 8-256 characters, not {len(password)}"
    with pytest.raises(InvalidValue, match=message):
        access.add_user("bob", password, [], all_accounts=False)
    with pytest.raises(InvalidValue, match=message):
        access.change_user(user, UserChange(password=password))
    assert access.login(user, PASSWORD)


def test_a_password_of_eight_letters_of_any_script_or_of_a_sentence_will_do(
    access: Access, user: str
) -> None:
    for password in ("ключ-ель", "olive tram " * 23 + "end"):
        access.change_user(user, UserChange(password=password))
        assert access.login(user, password)


def test_a_password_is_compared_as_it_was_typed(access: Access, user: str) -> None:
    password = " Olive tram " * 21 + "ends"
    assert len(password) == 256
    access.change_user(user, UserChange(password=password))
    for other in (password[:-1], password.strip(), password.lower(), password + "x"):
        with pytest.raises(PasswordRefused):
            access.login(user, other)
    assert access.login(user, password)


def test_a_user_needs_a_name_of_their_own(access: Access, user: str) -> None:
    with pytest.raises(NameTaken):
        access.add_user(user, PASSWORD, [], all_accounts=False)


def test_five_failed_logins_in_a_row_lock_the_user_until_an_operator_unlocks(
    access: Access, elsewhere: Access, user: str, clock: Clock
) -> None:
    fail_to_log_in(access, user, FAILED_LOGINS_MAX)
    clock.advance(DAY_S)
    for worker in (access, elsewhere):
        with pytest.raises(PasswordRefused):
            worker.login(user, PASSWORD)
    access.unlock_user(user)
    assert access.login(user, PASSWORD)


def fail_from(access: Access, user: str, address: str, times: int) -> None:
    """Wrong passwords from an address."""
    for _ in range(times):
        with pytest.raises(PasswordRefused):
            access.login(user, "wrong", address)


def test_a_stranger_does_not_lock_a_user_out_where_they_have_logged_in_before(
    access: Access, elsewhere: Access, user: str
) -> None:
    home, new = "192.0.2.1", "198.51.100.9"
    assert access.login(user, PASSWORD, home)
    access.unlock_user(user)  # which forgets strange addresses alone
    for number in range(STRANGE_ADDRESSES_MAX + 1):
        fail_from(elsewhere, user, f"203.0.113.{number}", FAILED_LOGINS_MAX)
    with pytest.raises(PasswordRefused):
        access.login(user, PASSWORD, new)
    for each in (access, elsewhere):
        assert each.login(user, PASSWORD, home)
    with pytest.raises(PasswordRefused):  # a login at home does not open the lock for strangers
        access.login(user, PASSWORD, new)
    access.unlock_user(user)
    assert access.login(user, PASSWORD, new)
    assert not access.user_named(user).locked


def test_a_stranger_at_one_address_locks_a_user_out_of_that_address_alone(
    access: Access, elsewhere: Access, user: str, clock: Clock
) -> None:
    first, second, stranger = "192.0.2.1", "198.51.100.9", "203.0.113.9"
    fail_from(elsewhere, user, stranger, 3 * FAILED_LOGINS_MAX)
    assert access.login(user, PASSWORD, first)
    assert access.login(user, PASSWORD, second)
    clock.advance(DAY_S)
    with pytest.raises(PasswordRefused):
        access.login(user, PASSWORD, stranger)
    assert access.user_named(user).locked


def test_strangers_have_a_hundred_guesses_in_all_until_an_operator_unlocks(
    access: Access, user: str
) -> None:
    """However many addresses they have, and however often the user logs in where they always do.

    NIST SP 800-63B allows so many.
    """
    guesses = (STRANGE_ADDRESSES_MAX + 1) * FAILED_LOGINS_MAX
    assert guesses == 100
    for number in range(guesses):
        fail_from(access, user, f"203.0.113.{number}", 1)
        assert access.login(user, PASSWORD, "192.0.2.1")
    for number in range(STRANGE_ADDRESSES_MAX):
        fail_from(access, user, f"203.0.113.{number}", FAILED_LOGINS_MAX - 1)
    for number in (0, guesses, guesses + 1):
        with pytest.raises(PasswordRefused):
            access.login(user, PASSWORD, f"203.0.113.{number}")


def test_five_wrong_passwords_from_where_a_user_logs_in_lock_them_there(
    access: Access, user: str
) -> None:
    home, office = "2001:db8::1", "192.0.2.7"
    assert access.login(user, PASSWORD, home)
    assert access.login(user, PASSWORD, office)
    fail_from(access, user, "2001:db8::ffff", FAILED_LOGINS_MAX)
    with pytest.raises(PasswordRefused):
        access.login(user, PASSWORD, home)
    assert access.login(user, PASSWORD, office)
    assert access.user_named(user).locked
    access.unlock_user(user)
    assert not access.user_named(user).locked
    assert access.login(user, PASSWORD, home)


def test_an_address_is_known_for_ninety_days_and_so_are_the_last_twenty(
    access: Access, user: str, clock: Clock
) -> None:
    addresses = [f"192.0.2.{number}" for number in range(21)]
    for address in addresses:
        assert access.login(user, PASSWORD, address)
        clock.advance(1)
    for number in range(STRANGE_ADDRESSES_MAX + 1):
        fail_from(access, user, f"203.0.113.{number}", FAILED_LOGINS_MAX)
    with pytest.raises(PasswordRefused):
        access.login(user, PASSWORD, addresses[0])
    assert access.login(user, PASSWORD, addresses[20])
    clock.advance(91 * DAY_S)
    with pytest.raises(PasswordRefused):
        access.login(user, PASSWORD, addresses[20])


def test_a_correct_login_starts_the_count_anew(access: Access, user: str) -> None:
    for _ in range(2):
        fail_to_log_in(access, user, FAILED_LOGINS_MAX - 1)
        assert access.login(user, PASSWORD)


def test_guesses_made_at_the_same_time_lock_all_the_same(access: Access, user: str) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: fail_to_log_in(access, user, 1), range(FAILED_LOGINS_MAX)))
    with pytest.raises(PasswordRefused):
        access.login(user, PASSWORD)


def test_every_refused_login_reads_the_same(access: Access, user: str) -> None:
    access.add_user("locked", PASSWORD, [], all_accounts=False)
    fail_to_log_in(access, "locked", FAILED_LOGINS_MAX)
    messages = set()
    for name, password in (
        (user, "wrong"),
        (user, ""),
        ("nobody", PASSWORD),
        ("locked", PASSWORD),
        ("", ""),
    ):
        with pytest.raises(PasswordRefused) as refused:
            access.login(name, password)
        messages.add(refused.value.message)
    assert len(messages) == 1


def test_unlocking_nobody_is_refused(access: Access) -> None:
    with pytest.raises(UserNotFound, match="'nobody'"):
        access.unlock_user("nobody")


# Sessions


def test_a_session_lives_while_it_is_used_and_ends_after_twenty_idle_minutes(
    access: Access, user: str, clock: Clock
) -> None:
    session = access.login(user, PASSWORD)
    for _ in range(5):
        clock.advance(IDLE_S_MAX)
        assert access.user_of_session(session) == 1
    clock.advance(IDLE_S_MAX + 1)
    for _ in range(2):
        with pytest.raises(SessionExpired):
            access.user_of_session(session)
    with pytest.raises(SessionExpired):
        access.logout(session)


def test_an_expired_session_is_told_from_an_unknown_one_for_a_day(
    access: Access, user: str, clock: Clock
) -> None:
    session = access.login(user, PASSWORD)
    clock.advance(DAY_S)
    access.login(user, PASSWORD)
    with pytest.raises(SessionExpired):
        access.user_of_session(session)
    clock.advance(DAY_S)
    access.login(user, PASSWORD)
    with pytest.raises(SessionRefused):
        access.user_of_session(session)


@pytest.mark.parametrize(
    "token", ["", "nonsense", "9d956929-1e6a-4db4-8764-f18e4ce5de09", "9" * 36]
)
def test_a_token_that_is_no_session_is_refused(access: Access, token: str) -> None:
    with pytest.raises(SessionRefused):
        access.user_of_session(token)


def test_a_second_login_does_not_end_the_first_session_and_a_logout_only_its_own(
    access: Access, user: str
) -> None:
    first, second = access.login(user, PASSWORD), access.login(user, PASSWORD)
    access.logout(first)
    with pytest.raises(SessionRefused):
        access.user_of_session(first)
    assert access.user_of_session(second) == 1


def test_the_use_of_a_session_reaches_other_workers(
    access: Access, elsewhere: Access, user: str, clock: Clock
) -> None:
    session = access.login(user, PASSWORD)
    clock.advance(IDLE_S_MAX)
    access.user_of_session(session)
    access.close()
    clock.advance(IDLE_S_MAX)
    assert elsewhere.user_of_session(session) == 1
    elsewhere.close()


def test_the_use_of_a_session_is_saved_without_being_asked(
    access: Access, store: Store, user: str, clock: Clock
) -> None:
    session = access.login(user, PASSWORD)
    clock.advance(1)
    access.user_of_session(session)
    wait_until(lambda: last_use(store, session) == clock())


def last_use(store: Store, session: str) -> int:
    """When a session was last used, as saved."""
    with store.snapshot() as reader:
        found = reader.session(sha256(session.encode()).digest())
    assert found
    return found[1]


def test_using_a_session_does_not_wait_for_whoever_writes(
    access: Access, store: Store, user: str
) -> None:
    session = access.login(user, PASSWORD)
    with store.transaction():
        assert access.user_of_session(session) == 1


def test_a_reset_password_is_in_force_at_once(access: Access, user: str) -> None:
    session = access.login(user, PASSWORD)
    with pytest.raises(PasswordRefused):
        access.reset_password(access.user_of_session(session), "wrong")
    password = access.reset_password(access.user_of_session(session), PASSWORD)
    with pytest.raises(PasswordRefused):
        access.login(user, PASSWORD)
    assert access.login(user, password)
    assert access.user_of_session(session) == 1


def test_wrong_old_passwords_lock_the_user_as_failed_logins_do(
    access: Access, elsewhere: Access, user: str
) -> None:
    session = access.login(user, PASSWORD)
    for _ in range(FAILED_LOGINS_MAX - 1):
        with pytest.raises(PasswordRefused):
            access.reset_password(access.user_of_session(session), "wrong")
    fail_to_log_in(elsewhere, user, 1)
    with pytest.raises(PasswordRefused):
        access.reset_password(access.user_of_session(session), PASSWORD)
    with pytest.raises(PasswordRefused):
        elsewhere.login(user, PASSWORD)
    access.unlock_user(user)
    assert access.login(user, access.reset_password(access.user_of_session(session), PASSWORD))


def test_a_reset_password_starts_the_count_of_failures_anew(access: Access, user: str) -> None:
    session = access.login(user, PASSWORD)
    password = PASSWORD
    for _ in range(2):
        for _ in range(FAILED_LOGINS_MAX - 1):
            with pytest.raises(PasswordRefused):
                access.reset_password(access.user_of_session(session), "wrong")
        password = access.reset_password(access.user_of_session(session), password)


def test_a_session_from_before_the_clock_was_put_back_has_ended(
    access: Access, elsewhere: Access, user: str, clock: Clock
) -> None:
    session = access.login(user, PASSWORD)
    clock.advance(-CLOCK_AHEAD_S_MAX)
    assert access.user_of_session(session) == 1
    clock.advance(-1)
    for worker in (elsewhere, access):
        if worker is access:
            clock.advance(-CLOCK_AHEAD_S_MAX)
        with pytest.raises(SessionExpired):
            worker.user_of_session(session)


def test_sessions_of_a_clock_that_was_far_ahead_are_forgotten(
    access: Access, user: str, clock: Clock
) -> None:
    session = access.login(user, PASSWORD)
    clock.advance(-3 * DAY_S)
    access.login(user, PASSWORD)
    with pytest.raises(SessionRefused):
        access.user_of_session(session)


def test_of_two_resets_at_once_one_is_refused(access: Access, user: str) -> None:
    session = access.login(user, PASSWORD)

    def reset(_: int) -> str | None:
        try:
            return access.reset_password(access.user_of_session(session), PASSWORD)
        except PasswordRefused:
            return None

    with ThreadPoolExecutor(4) as pool:
        (password,) = filter(None, pool.map(reset, range(4)))
    assert access.login(user, password)


# Administration


def test_apps_are_listed_by_name_with_what_is_left_of_their_tokens(
    access: Access, clock: Clock
) -> None:
    second, first = access.add_app("writer", ["intake", "m2m"]), access.add_app("reader", ["m2m"])
    access.issue_token(second.key, second.secret)
    clock.advance(600)
    listed = [
        (app.name, app.key, app.scopes, len(app.secrets), app.token_expires_in_s)
        for app in access.apps()
    ]
    assert listed == [
        ("reader", first.key, ("m2m",), 1, None),
        ("writer", second.key, ("m2m", "intake"), 1, TOKEN_S - 600),
    ]
    clock.advance(TOKEN_S)
    assert access.app_named("writer").token_expires_in_s is None


def test_an_apps_scopes_change_for_the_token_that_it_has(access: Access) -> None:
    app = access.add_app("reports", ["m2m"])
    token = access.issue_token(app.key, app.secret).access_token
    access.change_app("reports", ["admin"])
    assert access.caller(token, "admin").app_key == app.key
    with pytest.raises(ScopeRefused):
        access.caller(token, "m2m")


@pytest.mark.parametrize("scopes", [[], ["everything"]])
def test_an_app_needs_scopes_that_there_are(access: Access, scopes: list[str]) -> None:
    access.add_app("reports", ["m2m"])
    with pytest.raises(InvalidValue, match="scope"):
        access.change_app("reports", scopes)
    with pytest.raises(InvalidValue, match="scope"):
        access.add_app("others", scopes)


def test_a_new_secret_ends_the_old_one_and_its_token_at_once_in_every_worker(
    access: Access, elsewhere: Access
) -> None:
    old = access.add_app("reports", ["m2m"])
    token = elsewhere.issue_token(old.key, old.secret).access_token
    new = access.rotate_app("reports")
    assert new.key == old.key
    with pytest.raises(TokenRefused):
        elsewhere.caller(token, "m2m")
    with pytest.raises(AppRefused):
        elsewhere.issue_token(old.key, old.secret)
    assert elsewhere.issue_token(new.key, new.secret).access_token != token


def test_a_removed_app_is_gone_with_its_token_and_its_name_is_free(
    access: Access, elsewhere: Access
) -> None:
    app = access.add_app("reports", ["m2m"])
    token = access.issue_token(app.key, app.secret).access_token
    access.remove_app("reports")
    with pytest.raises(TokenRefused):
        elsewhere.caller(token, "m2m")
    with pytest.raises(AppRefused):
        elsewhere.issue_token(app.key, app.secret)
    assert access.add_app("reports", ["m2m"]).key != app.key


def test_an_app_that_there_is_not_is_refused_by_name(access: Access) -> None:
    for ask in (access.app_named, access.rotate_app, access.remove_app):
        with pytest.raises(AppNotFound, match="nobody's"):
            ask("nobody's")
    with pytest.raises(AppNotFound, match="nobody's"):
        access.change_app("nobody's", ["m2m"])


def test_a_user_is_granted_and_revoked_accounts_while_a_session_goes_on(
    access: Access, store: Store, user: str
) -> None:
    session = access.login(user, PASSWORD)
    access.change_user(
        user, UserChange(grant=["new", "0342077109-00001"], revoke=["0342077109-00001"])
    )
    with store.snapshot() as reader:
        assert list(reader.view_of(access.user_of_session(session)).accounts) == ["new"]
    access.change_user(user, UserChange(all_accounts=True))
    assert access.user_named(user) == User(
        user, ("new",), all_accounts=True, role=Role.VIEWER, locked=False
    )
    access.change_user(user, UserChange(all_accounts=False))
    assert access.users() == [
        User(user, ("new",), all_accounts=False, role=Role.VIEWER, locked=False)
    ]


def test_a_change_that_cannot_be_made_whole_is_not_made_at_all(access: Access, user: str) -> None:
    with pytest.raises(InvalidValue, match="nobody's"):
        access.change_user(user, UserChange(grant=["new"], revoke=["nobody's"], all_accounts=True))
    assert access.users() == [
        User(user, ("0342077109-00001",), all_accounts=False, role=Role.VIEWER, locked=False)
    ]


def test_a_password_that_an_operator_sets_ends_the_sessions_and_unlocks_nobody(
    access: Access, user: str
) -> None:
    session = access.login(user, PASSWORD)
    access.change_user(user, UserChange(password="battery staple"))
    with pytest.raises(SessionRefused):
        access.user_of_session(session)
    fail_to_log_in(access, user, FAILED_LOGINS_MAX)
    access.change_user(user, UserChange(password="another one"))
    with pytest.raises(PasswordRefused):
        access.login(user, "another one")
    access.unlock_user(user)
    assert access.login(user, "another one")
    with pytest.raises(InvalidValue, match="password"):
        access.change_user(user, UserChange(password=""))


def test_a_removed_users_sessions_end_at_once_and_are_not_the_next_ones(
    access: Access, elsewhere: Access, user: str, database: str
) -> None:
    """A store may give the number of a removed user to the next one."""
    session = access.login(user, PASSWORD)
    elsewhere.user_of_session(session)
    access.remove_user(user)
    access.add_user("eve", PASSWORD, [], all_accounts=True)
    with pytest.raises(SessionRefused):
        elsewhere.user_of_session(session)
    elsewhere.close()  # which saves the last use of a session that is no more
    assert (
        rows_of(database, "SELECT 1 FROM sessions")
        == rows_of(database, "SELECT 1 FROM user_accounts")
        == []
    )
    with pytest.raises(PasswordRefused):
        access.login(user, PASSWORD)


def test_a_user_removed_in_the_middle_of_a_login_gets_no_session(
    access: Access, elsewhere: Access, user: str, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fits = elsewhere._passwords.fits  # noqa: SLF001 - a moment that no caller can hit from outside

    def fits_and_is_removed(password: str, password_argon2: str) -> bool:
        access.remove_user(user)
        return fits(password, password_argon2)

    monkeypatch.setattr(elsewhere._passwords, "fits", fits_and_is_removed)  # noqa: SLF001 - the same
    with pytest.raises(PasswordRefused):
        elsewhere.login(user, PASSWORD)
    assert rows_of(database, "SELECT 1 FROM sessions") == []


def test_a_user_that_there_is_not_is_refused_by_name(access: Access) -> None:
    for ask in (access.user_named, access.remove_user):
        with pytest.raises(UserNotFound, match="nobody"):
            ask("nobody")
    with pytest.raises(UserNotFound, match="nobody"):
        access.change_user("nobody", UserChange(all_accounts=True))


def test_a_user_lists_and_ends_their_own_sessions_and_no_others(
    access: Access, user: str, clock: Clock
) -> None:
    access.add_user("bob", PASSWORD, [], all_accounts=True)
    program, others = access.login(user, PASSWORD), access.login("bob", PASSWORD)
    clock.advance(60)
    browser = access.sign_in(user, PASSWORD)
    user_id = access.user_of_session(program)
    listed = access.sessions_of(user_id, browser)
    assert {(each.in_console, each.is_this) for each in listed} == {(True, True), (False, False)}
    assert [each.begun_at for each in listed if each.is_this] == [clock()]
    (name,) = [each.name for each in listed if not each.is_this]
    access.end_session_of(access.user_of_session(others), name)
    assert len(access.sessions_of(user_id, browser)) == 2
    access.end_session_of(user_id, name)
    with pytest.raises(SessionRefused):
        access.user_of_session(program)
    access.login(user, PASSWORD)
    access.end_other_sessions_of(user_id, browser)
    assert [each.is_this for each in access.sessions_of(user_id, browser)] == [True]
    assert access.user_of_session(others) != user_id


def test_a_hash_costs_what_owasp_asks_for_and_an_unknown_user_costs_the_same(
    store: Store, clock: Clock, database: str
) -> None:
    usual = Access(store, clock, secrets.token_bytes)
    usual.add_user("ada", PASSWORD, [], all_accounts=True)
    ((kept,),) = rows_of(database, "SELECT password_argon2 FROM users")
    parameters = kept.split("$")[:4]
    assert parameters == ["", "argon2id", "v=19", "m=19456,t=2,p=1"]
    assert usual._passwords.nobodys_argon2.split("$")[:4] == parameters  # noqa: SLF001 - time is no proof


def test_in_a_store_without_accounts_some_users_see_all_that_will_come(
    store: Store, access: Access
) -> None:
    access.add_user("all", PASSWORD, [], all_accounts=True)
    access.add_user("none", PASSWORD, [], all_accounts=False)
    sessions = {name: access.login(name, PASSWORD) for name in ("all", "none")}
    users = {name: access.user_of_session(session) for name, session in sessions.items()}
    with store.snapshot() as reader:
        seen = {name: reader.view_of(user).sees_all for name, user in users.items()}
    assert seen == {"all": True, "none": False}
