-- What people say of rows that need no correction.

-- Somebody explained a row of mismatches. The row is named by its key, not by its account: it may
-- close and open again, and its SIM may move.
CREATE TABLE explanations (
    iccid INTEGER NOT NULL,
    activated_at INTEGER NOT NULL,
    post_imei INTEGER NOT NULL,
    explained_at INTEGER NOT NULL,
    explained_by TEXT NOT NULL,
    ticket TEXT NOT NULL,
    note TEXT NOT NULL,
    holds_until INTEGER,                -- NULL: until the SIM is seen after seen_until
    seen_until INTEGER NOT NULL,        -- the last activation of the row's stay that was known then
    ended_at INTEGER,                   -- when it was taken back or replaced; NULL while it was not
    ended_by TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (iccid, activated_at, post_imei, explained_at)
) STRICT, WITHOUT ROWID;

-- Of which SIMs something is proposed.
CREATE INDEX proposed_expectations_by_sim ON proposed_expectations (iccid);
