-- name: add_app
-- Make an app known.
INSERT INTO apps (key, name, scopes) VALUES (:key, :name, :scopes);

-- name: app_named
-- Is there an app of this name?
SELECT a.key FROM apps AS a WHERE a.name = :name;

-- name: apps
-- Which apps are there, and what may they do?
SELECT a.key, a.name, a.scopes FROM apps AS a ORDER BY a.name;

-- name: app_secrets
-- Which secrets have the apps, the newest first?
SELECT s.key, s.secret_sha256, s.made_at, s.expires_at
FROM app_secrets AS s
ORDER BY s.key, coalesce(s.made_at, 0) DESC, s.secret_sha256;

-- name: app_tokens
-- Which tokens have the apps that hold at this moment, and until when?
SELECT t.key, t.token_sha256, t.scopes, t.expires_at
FROM tokens AS t
WHERE t.expires_at > :now
ORDER BY t.key, t.expires_at DESC, t.token_sha256;

-- name: app_of_secret
-- Which app has this key and this secret, and until when does the secret hold?
SELECT a.name, a.scopes, s.expires_at
FROM apps AS a
INNER JOIN app_secrets AS s ON s.key = a.key
WHERE a.key = :key AND s.secret_sha256 = :secret_sha256;

-- name: app_name
-- What is the app with this key called?
SELECT a.name FROM apps AS a WHERE a.key = :key;

-- name: add_app_secret
-- The app has another secret.
INSERT INTO app_secrets (secret_sha256, key, made_at, expires_at)
VALUES (:secret_sha256, :key, :made_at, :expires_at);

-- name: end_app_secret
-- This secret of an app ends at this moment.
UPDATE app_secrets SET expires_at = :expires_at WHERE secret_sha256 = :secret_sha256;

-- name: remove_app_secret
-- This secret is an app's no more.
DELETE FROM app_secrets WHERE secret_sha256 = :secret_sha256;

-- name: remove_tokens_of_secret
-- The tokens that were issued for this secret hold no more.
DELETE FROM tokens WHERE secret_sha256 = :secret_sha256;

-- name: current_token
-- Which token was issued last for this secret and these scopes?
SELECT t.token_sha256, t.salt, t.expires_at
FROM tokens AS t
WHERE t.secret_sha256 = :secret_sha256 AND t.scopes = :scopes
ORDER BY t.expires_at DESC
LIMIT 1;

-- name: issue_token
-- This is a token of an app.
INSERT INTO tokens (token_sha256, key, secret_sha256, scopes, salt, expires_at)
VALUES (:token_sha256, :key, :secret_sha256, :scopes, :salt, :expires_at);

-- name: hold_token_until
-- The token holds until this moment.
UPDATE tokens SET expires_at = :expires_at WHERE token_sha256 = :token_sha256;

-- name: forget_tokens
-- Forget an app's tokens that have ended, and those of a clock that was ahead.
DELETE FROM tokens WHERE key = :key AND (expires_at <= :now OR expires_at > :latest);

-- name: revoke_token
-- This token of the app no longer holds.
DELETE FROM tokens WHERE key = :key AND token_sha256 = :token_sha256;

-- name: revoke_tokens
-- No token of the app holds any more.
DELETE FROM tokens WHERE key = :key;

-- name: set_app_scopes
-- From now on the app may do this.
UPDATE apps SET scopes = :scopes WHERE key = :key;

-- name: keep_app_keeper
-- This app was shown the secret of that one.
INSERT INTO app_keepers (name, keeper) VALUES (:name, :keeper)
ON CONFLICT (name) DO UPDATE SET keeper = excluded.keeper;

-- name: forget_app_keeper
-- No other app knows the secret of this one.
DELETE FROM app_keepers WHERE name = :name;

-- name: app_keepers
-- Which app was shown the secret of which other one last?
SELECT k.name, k.keeper FROM app_keepers AS k;

-- name: remove_app
-- There is no such app any more.
DELETE FROM apps WHERE key = :key;

-- name: remove_app_secrets
-- The app has no secret any more.
DELETE FROM app_secrets WHERE key = :key;

-- name: app_of_token
-- Whose token is this, what was asked for it, and until when does it hold?
SELECT a.key, a.name, a.scopes, t.scopes AS token_scopes, t.expires_at
FROM tokens AS t
INNER JOIN apps AS a ON a.key = t.key
WHERE t.token_sha256 = :token_sha256;

-- name: caller
-- Whose token is this, and whose session is that? One question, for nearly every call begins with
-- both.
SELECT
    a.key, a.name, a.scopes, t.scopes AS token_scopes, t.expires_at,
    s.user_id, s.used_at, u.name AS user_name, u.role
FROM (SELECT 1 AS call) AS c
LEFT JOIN tokens AS t ON t.token_sha256 = :token_sha256
LEFT JOIN apps AS a ON a.key = t.key
LEFT JOIN sessions AS s ON s.token_sha256 = :session_sha256
LEFT JOIN users AS u ON u.user_id = s.user_id;

-- name: add_user
-- Make a user known.
INSERT INTO users (name, password_argon2, all_accounts, role)
VALUES (:name, :password_argon2, :all_accounts, :role);

-- name: user_named
-- Which user has this name?
SELECT u.user_id, u.password_argon2, u.failed_logins FROM users AS u WHERE u.name = :name;

-- name: grant_account
-- Let a user see an account.
INSERT INTO user_accounts (user_id, account_id)
VALUES (:user_id, :account_id)
ON CONFLICT DO NOTHING;

-- name: revoke_account
-- The user no longer sees an account by its name.
DELETE FROM user_accounts WHERE user_id = :user_id AND account_id = :account_id;

-- name: revoke_accounts_of_user
-- The user no longer sees any account by its name.
DELETE FROM user_accounts WHERE user_id = :user_id;

-- name: set_all_accounts
-- From now on the user sees all accounts, or only those granted by name.
UPDATE users SET all_accounts = :all_accounts WHERE user_id = :user_id;

-- name: set_role
-- From now on the user has this role.
UPDATE users SET role = :role WHERE user_id = :user_id;

-- name: forget_views_of_user
-- The user has saved no view any more.
DELETE FROM saved_views WHERE user_id = :user_id;

-- name: remove_user
-- There is no such user any more.
DELETE FROM users WHERE user_id = :user_id;

-- name: users
-- Which users are there?
SELECT
    u.name,
    u.all_accounts,
    u.role,
    COALESCE(
        (
            SELECT MAX(a.failed_logins) FROM login_addresses AS a
            WHERE a.user_id = u.user_id AND a.failed_logins > u.failed_logins
        ),
        u.failed_logins
    )
FROM users AS u
ORDER BY u.name;

-- name: accounts_granted
-- Which accounts was this user granted by name?
SELECT a.name
FROM users AS u
INNER JOIN user_accounts AS g ON g.user_id = u.user_id
INNER JOIN accounts AS a ON a.account_id = g.account_id
WHERE u.name = :name
ORDER BY a.name;

-- name: accounts_seen_by
-- Which accounts may this user see, do they see all, and in which zone do their kept rows print
-- their times?
SELECT
    a.account_id, a.name, z.wire_zone,
    (SELECT u.all_accounts FROM users AS u WHERE u.user_id = :user_id) AS sees_all
FROM accounts AS a
CROSS JOIN store AS z
WHERE EXISTS (SELECT 1 FROM users AS u WHERE u.user_id = :user_id AND u.all_accounts = 1)
    OR EXISTS (
        SELECT 1 FROM user_accounts AS g
        WHERE g.user_id = :user_id AND g.account_id = a.account_id
    )
ORDER BY a.name;

-- name: note_failed_login
-- One more failed login of this user, if it came from an address without a count of its own.
UPDATE users SET failed_logins = failed_logins + 1 WHERE name = :name AND :is_counted_there = 0;

-- name: note_failed_login_there
-- One more failed login of this user at this address, if that has a count of its own.
UPDATE login_addresses SET failed_logins = failed_logins + 1
WHERE user_id = :user_id AND address = :address;

-- name: failed_logins_there
-- How many logins of this user failed in a row at this address, from which they logged in since
-- then, or never?
SELECT a.failed_logins FROM login_addresses AS a
WHERE a.user_id = :user_id AND a.address = :address
    AND (a.logged_in_at >= :since OR a.logged_in_at = 0);

-- name: count_failed_logins_there
-- This address, from which the user has not logged in since then, gets a count of its own: unless
-- so many such addresses have one.
INSERT INTO login_addresses (user_id, address, failed_logins, logged_in_at)
SELECT u.user_id, :address, 0, 0 FROM users AS u
WHERE u.user_id = :user_id AND :most > (
    SELECT COUNT(*) FROM login_addresses AS a WHERE a.user_id = :user_id AND a.logged_in_at = 0
)
ON CONFLICT (user_id, address) DO UPDATE SET failed_logins = 0, logged_in_at = 0
WHERE login_addresses.logged_in_at < :since AND login_addresses.logged_in_at <> 0;

-- name: remember_login_address
-- The user logged in from this address.
INSERT INTO login_addresses (user_id, address, failed_logins, logged_in_at)
VALUES (:user_id, :address, 0, :logged_in_at)
ON CONFLICT (user_id, address) DO UPDATE SET failed_logins = 0, logged_in_at = excluded.logged_in_at;

-- name: forget_login_addresses_beyond
-- Of the addresses from which the user logged in, only so many are kept: the last ones.
DELETE FROM login_addresses
WHERE user_id = :user_id AND address IN (
    SELECT a.address FROM login_addresses AS a
    WHERE a.user_id = :user_id AND a.logged_in_at <> 0
    ORDER BY a.logged_in_at DESC, a.address
    LIMIT 1000 OFFSET :kept
);

-- name: forget_failed_logins_there
-- The user may try again wherever they have logged in before.
UPDATE login_addresses SET failed_logins = 0 WHERE user_id = :user_id;

-- name: forget_strange_addresses
-- Addresses from which the user has never logged in have no failed logins any more.
DELETE FROM login_addresses WHERE user_id = :user_id AND logged_in_at = 0;

-- name: forget_login_addresses
-- Nothing is known any more of where the user logged in.
DELETE FROM login_addresses WHERE user_id = :user_id;

-- name: count_failed_login
-- One more failed login of anybody, so that an unknown name costs the same write as a known one.
UPDATE login_failures SET failures = failures + 1;

-- name: forget_failed_logins
-- The user logged in, or an operator unlocked: the count starts anew.
UPDATE users SET failed_logins = 0 WHERE name = :name;

-- name: set_password
-- From now on this is the user's password.
UPDATE users SET password_argon2 = :password_argon2 WHERE user_id = :user_id;

-- name: user_of_id
-- Which user has this number?
SELECT u.name, u.user_id, u.password_argon2, u.failed_logins
FROM users AS u
WHERE u.user_id = :user_id;

-- name: open_session
-- A session begins.
INSERT INTO sessions (token_sha256, user_id, used_at, begun_at, in_console)
VALUES (:token_sha256, :user_id, :begun_at, :begun_at, :in_console);

-- name: session
-- Whose session is this, and when was it last used?
SELECT s.user_id, s.used_at, u.name, u.role
FROM sessions AS s
INNER JOIN users AS u ON u.user_id = s.user_id
WHERE s.token_sha256 = :token_sha256;

-- name: sessions_of_user
-- Which sessions has this user, the last used first, no more than are asked for?
SELECT s.token_sha256, s.begun_at, s.used_at, s.in_console
FROM sessions AS s
WHERE s.user_id = :user_id
ORDER BY s.used_at DESC
LIMIT :at_most;

-- name: end_session_of_user
-- This session of this user ends.
DELETE FROM sessions WHERE token_sha256 = :token_sha256 AND user_id = :user_id;

-- name: end_other_sessions_of_user
-- Every session of the user but this one ends.
DELETE FROM sessions WHERE user_id = :user_id AND token_sha256 <> :token_sha256;

-- name: end_sessions_beyond
-- Of a user's sessions, of the console or of programs, only so many go on: those used last. Each
-- login asks this, so that there is one to end as a rule. SQLite takes no OFFSET without a LIMIT:
-- this one bounds the work of one login where a store has many more, from before there was a bound.
DELETE FROM sessions
WHERE user_id = :user_id AND token_sha256 IN (
    SELECT s.token_sha256 FROM sessions AS s
    WHERE s.user_id = :user_id AND s.in_console = :in_console
    ORDER BY s.used_at DESC, s.begun_at DESC
    LIMIT 1000 OFFSET :kept
);

-- name: use_session
-- The session was used at this moment.
UPDATE sessions SET used_at = :used_at WHERE token_sha256 = :token_sha256 AND used_at < :used_at;

-- name: end_session
-- The session ends.
DELETE FROM sessions WHERE token_sha256 = :token_sha256;

-- name: end_sessions_of_user
-- Every session of the user ends.
DELETE FROM sessions WHERE user_id = :user_id;

-- name: forget_sessions
-- Sessions not used since one moment are past telling expired from unknown, and so are those of a
-- clock that was ahead by more than until another moment.
DELETE FROM sessions WHERE used_at < :used_before OR used_at > :used_after;

-- name: rank_of_user
-- Which role has this user, and do they see every account?
SELECT u.role, u.all_accounts FROM users AS u WHERE u.user_id = :user_id;

-- name: personal_token
-- Whose own token is this, what does it open, and until when does it hold?
SELECT u.user_id, u.name, u.role, u.all_accounts, t.scopes, t.expires_at
FROM personal_tokens AS t
INNER JOIN users AS u ON u.user_id = t.user_id
WHERE t.token_sha256 = :token_sha256;

-- name: personal_tokens_of_user
-- Which tokens of their own has this user?
SELECT t.name, t.scopes, t.made_at, t.expires_at
FROM personal_tokens AS t
WHERE t.user_id = :user_id
ORDER BY t.name;

-- name: add_personal_token
-- A user has a token of their own.
INSERT INTO personal_tokens (token_sha256, user_id, name, scopes, made_at, expires_at)
VALUES (:token_sha256, :user_id, :name, :scopes, :made_at, :expires_at);

-- name: end_personal_token
-- This token of the user ends.
DELETE FROM personal_tokens WHERE user_id = :user_id AND name = :name;

-- name: end_personal_tokens_of_user
-- Every token of the user's own ends.
DELETE FROM personal_tokens WHERE user_id = :user_id;
