-- Receipts of calls that named an idempotency key, so that a repeated call gets the first one's.
CREATE TABLE receipts (
    key_sha256 bytea PRIMARY KEY,       -- SHA-256 of the app's key and the idempotency key
    facts_sha256 bytea NOT NULL,        -- SHA-256 of the kind of facts and the body
    receipt bytea NOT NULL,             -- the answer
    taken_at bigint NOT NULL
);

CREATE INDEX receipts_by_time ON receipts (taken_at);
