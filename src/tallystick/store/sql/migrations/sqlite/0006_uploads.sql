-- Uploads of pairs: the queue of those that wait, and what came of the others.
CREATE TABLE uploads (
    upload_id INTEGER PRIMARY KEY,      -- in the order in which they came
    request_id TEXT NOT NULL UNIQUE,    -- what the sender asks by
    account_id INTEGER NOT NULL REFERENCES accounts,
    uploaded_at INTEGER NOT NULL,       -- from when on the pairs are in force
    pairs BLOB,                         -- JSON: ICCID and IMEI of each as sent; NULL once they are taken in
    outcome BLOB                        -- JSON: what came of it; NULL while it waits
) STRICT;

CREATE INDEX uploads_waiting ON uploads (upload_id) WHERE outcome IS NULL;
