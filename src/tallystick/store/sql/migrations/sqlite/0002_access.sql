-- Who may ask: apps, their Bearer tokens, users and their sessions. No secret and no token stands here in clear.

CREATE TABLE apps (
    key TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    secret_sha256 BLOB NOT NULL,        -- secrets are 256 random bits: a plain digest cannot be guessed
    scopes TEXT NOT NULL,               -- words with blanks between them
    issue_salt BLOB NOT NULL,           -- the current token is HMAC(secret, issue_salt): derived, not kept
    token_sha256 BLOB UNIQUE,           -- digest of the current token; NULL before the first and after a revocation
    token_expires_at INTEGER
) STRICT, WITHOUT ROWID;

CREATE TABLE users (
    user_id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    password_argon2 TEXT NOT NULL,
    all_accounts INTEGER NOT NULL CHECK (all_accounts IN (0, 1)),
    failed_logins INTEGER NOT NULL DEFAULT 0    -- in a row; locked from five on
) STRICT;

CREATE TABLE user_accounts (
    user_id INTEGER NOT NULL REFERENCES users,
    account_id INTEGER NOT NULL REFERENCES accounts,
    PRIMARY KEY (user_id, account_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE sessions (
    token_sha256 BLOB PRIMARY KEY,
    user_id INTEGER NOT NULL REFERENCES users,
    used_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX sessions_by_use ON sessions (used_at);

-- How many logins have failed, of known and unknown names alike, so that both cost the same write.
CREATE TABLE login_failures (
    the_only_one INTEGER PRIMARY KEY CHECK (the_only_one = 1),
    failures INTEGER NOT NULL
) STRICT;

INSERT INTO login_failures (the_only_one, failures) VALUES (1, 0);
