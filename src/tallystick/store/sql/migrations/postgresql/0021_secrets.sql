-- An app may have two secrets for a while, and tokens with fewer scopes than it has.

-- The secrets of apps that hold, or that have ended a while ago.
CREATE TABLE app_secrets (
    secret_sha256 bytea PRIMARY KEY,        -- secrets are 256 random bits: a plain digest cannot be guessed
    key text COLLATE "C" NOT NULL,          -- the app
    made_at bigint,                         -- NULL of one that was made before this was kept
    expires_at bigint                       -- NULL of one that does not end by itself
);

CREATE INDEX app_secrets_by_app ON app_secrets (key);

INSERT INTO app_secrets (secret_sha256, key, made_at, expires_at)
SELECT a.secret_sha256, a.key, NULL, NULL FROM apps AS a;

-- The Bearer tokens of apps. A token is HMAC(secret, salt): derived, not kept.
CREATE TABLE tokens (
    token_sha256 bytea PRIMARY KEY,
    key text COLLATE "C" NOT NULL,          -- the app
    secret_sha256 bytea NOT NULL,           -- the secret that it was issued for
    scopes text COLLATE "C" NOT NULL,       -- those asked for; empty: all that the app has
    salt bytea NOT NULL,
    expires_at bigint NOT NULL
);

CREATE INDEX tokens_by_app ON tokens (key);

CREATE INDEX tokens_by_secret ON tokens (secret_sha256, scopes, expires_at);

INSERT INTO tokens (token_sha256, key, secret_sha256, scopes, salt, expires_at)
SELECT a.token_sha256, a.key, a.secret_sha256, '', a.issue_salt, a.token_expires_at
FROM apps AS a
WHERE a.token_sha256 IS NOT NULL;

INSERT INTO tokens (token_sha256, key, secret_sha256, scopes, salt, expires_at)
SELECT a.former_token_sha256, a.key, a.secret_sha256, '', '', a.former_token_expires_at
FROM apps AS a
WHERE a.former_token_sha256 IS NOT NULL;

ALTER TABLE apps
    DROP COLUMN secret_sha256,
    DROP COLUMN issue_salt,
    DROP COLUMN token_sha256,
    DROP COLUMN token_expires_at,
    DROP COLUMN former_token_sha256,
    DROP COLUMN former_token_expires_at;

-- What users call programs of their own by, shown once.
CREATE TABLE personal_tokens (
    token_sha256 bytea PRIMARY KEY,
    user_id bigint NOT NULL,
    name text COLLATE "C" NOT NULL,         -- what its user calls it
    scopes text COLLATE "C" NOT NULL,
    made_at bigint NOT NULL,
    expires_at bigint NOT NULL,
    UNIQUE (user_id, name)
);
