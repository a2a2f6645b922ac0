-- An app may have two secrets for a while, and tokens with fewer scopes than it has.

-- The secrets of apps that hold, or that have ended a while ago.
CREATE TABLE app_secrets (
    secret_sha256 BLOB PRIMARY KEY,     -- secrets are 256 random bits: a plain digest cannot be guessed
    key TEXT NOT NULL,                  -- the app
    made_at INTEGER,                    -- NULL of one that was made before this was kept
    expires_at INTEGER                  -- NULL of one that does not end by itself
) STRICT, WITHOUT ROWID;

CREATE INDEX app_secrets_by_app ON app_secrets (key);

INSERT INTO app_secrets (secret_sha256, key, made_at, expires_at)
SELECT a.secret_sha256, a.key, NULL, NULL FROM apps AS a;

-- The Bearer tokens of apps. A token is HMAC(secret, salt): derived, not kept.
CREATE TABLE tokens (
    token_sha256 BLOB PRIMARY KEY,
    key TEXT NOT NULL,                  -- the app
    secret_sha256 BLOB NOT NULL,        -- the secret that it was issued for
    scopes TEXT NOT NULL,               -- those asked for; empty: all that the app has
    salt BLOB NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX tokens_by_app ON tokens (key);

CREATE INDEX tokens_by_secret ON tokens (secret_sha256, scopes, expires_at);

INSERT INTO tokens (token_sha256, key, secret_sha256, scopes, salt, expires_at)
SELECT a.token_sha256, a.key, a.secret_sha256, '', a.issue_salt, a.token_expires_at
FROM apps AS a
WHERE a.token_sha256 IS NOT NULL;

INSERT INTO tokens (token_sha256, key, secret_sha256, scopes, salt, expires_at)
SELECT a.former_token_sha256, a.key, a.secret_sha256, '', zeroblob(0), a.former_token_expires_at
FROM apps AS a
WHERE a.former_token_sha256 IS NOT NULL;

-- The apps that may call.
CREATE TABLE apps_new (
    key TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    scopes TEXT NOT NULL                -- words with blanks between them
) STRICT, WITHOUT ROWID;

INSERT INTO apps_new (key, name, scopes) SELECT a.key, a.name, a.scopes FROM apps AS a;

DROP TABLE apps;

ALTER TABLE apps_new RENAME TO apps;

-- What users call programs of their own by, shown once.
CREATE TABLE personal_tokens (
    token_sha256 BLOB PRIMARY KEY,
    user_id INTEGER NOT NULL REFERENCES users,
    name TEXT NOT NULL,                 -- what its user calls it
    scopes TEXT NOT NULL,
    made_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    UNIQUE (user_id, name)
) STRICT, WITHOUT ROWID;
