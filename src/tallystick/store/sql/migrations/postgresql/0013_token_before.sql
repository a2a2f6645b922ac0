-- A token that was replaced in its last minute holds until shortly past its end.

-- digest of the token before the current one, while it still holds
ALTER TABLE apps ADD COLUMN former_token_sha256 bytea;

-- until when it holds
ALTER TABLE apps ADD COLUMN former_token_expires_at bigint;

CREATE UNIQUE INDEX apps_by_former_token ON apps (former_token_sha256)
WHERE former_token_sha256 IS NOT NULL;

-- Which app was shown the secret of another: it can act as that one, so that two pairs of eyes are
-- no more than one. Rows outlive the app, whose proposals may still wait.
CREATE TABLE app_keepers (
    name text COLLATE "C" PRIMARY KEY,
    keeper text COLLATE "C" NOT NULL
);
