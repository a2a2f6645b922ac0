-- What people say of rows that need no correction.

-- Somebody explained a row of mismatches. The row is named by its key, not by its account: it may
-- close and open again, and its SIM may move.
CREATE TABLE explanations (
    iccid bigint NOT NULL,
    activated_at bigint NOT NULL,
    post_imei bigint NOT NULL,
    explained_at bigint NOT NULL,
    explained_by text COLLATE "C" NOT NULL,
    ticket text COLLATE "C" NOT NULL,
    note text COLLATE "C" NOT NULL,
    holds_until bigint,                 -- NULL: until the SIM is seen after seen_until
    seen_until bigint NOT NULL,         -- the last activation of the row's stay that was known then
    ended_at bigint,                    -- when it was taken back or replaced; NULL while it was not
    ended_by text COLLATE "C" NOT NULL DEFAULT '',
    PRIMARY KEY (iccid, activated_at, post_imei, explained_at)
);

-- Of which SIMs something is proposed.
CREATE INDEX proposed_expectations_by_sim ON proposed_expectations (iccid);
