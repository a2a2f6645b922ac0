-- What an expectation may say: core/allowed.py has the values.
CREATE TABLE expectation_lists (
    iccid INTEGER NOT NULL,
    value INTEGER NOT NULL,             -- what expectations.imei has: a digest of the text
    members TEXT NOT NULL,              -- IMEIs and TACs with | between, as they were given
    PRIMARY KEY (iccid, value)
) STRICT, WITHOUT ROWID;

-- When a SIM was first seen in each hardware; kept of SIMs that have a row, or had one.
CREATE TABLE sightings (
    iccid INTEGER NOT NULL,
    hardware INTEGER NOT NULL,          -- the first 14 digits of the IMEI
    first_seen_at INTEGER NOT NULL,
    PRIMARY KEY (iccid, hardware)
) STRICT, WITHOUT ROWID;

-- A SIM may never have been activated by its device database.
CREATE TABLE sims_new (
    iccid INTEGER PRIMARY KEY,
    mdn INTEGER,                        -- the phone number, where known
    account_id INTEGER NOT NULL REFERENCES accounts,
    activation_date INTEGER,            -- when it was last activated, as the device database says, where known
    generation TEXT NOT NULL            -- 4G, 5G, …
) STRICT;

INSERT INTO sims_new SELECT iccid, mdn, account_id, activation_date, generation FROM sims ORDER BY iccid;

DROP TABLE sims;

ALTER TABLE sims_new RENAME TO sims;

CREATE INDEX sims_by_mdn ON sims (mdn) WHERE mdn IS NOT NULL;

CREATE INDEX sims_by_account ON sims (account_id, iccid);

-- The kept answer: one row an unexpected pairing. Derived from the facts by refresh and written by nothing else.
CREATE TABLE mismatches_new (
    account_id INTEGER NOT NULL,
    generation TEXT NOT NULL,
    activated_at INTEGER NOT NULL,
    iccid INTEGER NOT NULL,
    post_imei INTEGER NOT NULL,         -- the hardware it was found in
    pre_imei INTEGER,                   -- the hardware on record just before, where known
    wire BLOB NOT NULL,                 -- the row as it goes over the wire
    expected_imei INTEGER,              -- where the SIM was expected; NULL in a row of an older store until `init` has gone through it
    reasons BLOB,                       -- why the row is there, as far as it concerns the SIM alone: JSON, its times in wire_zone; NULL like expected_imei
    left_at INTEGER,                    -- when the SIM was next seen in other hardware
    is_back INTEGER NOT NULL DEFAULT 0, -- 1 where it was as expected then
    PRIMARY KEY (account_id, generation, activated_at, iccid, post_imei)
) STRICT, WITHOUT ROWID;

INSERT INTO mismatches_new (account_id, generation, activated_at, iccid, post_imei, pre_imei, wire)
SELECT account_id, generation, activated_at, iccid, post_imei, pre_imei, wire
FROM mismatches
ORDER BY account_id, generation, activated_at, iccid, post_imei;

DROP TABLE mismatches;

ALTER TABLE mismatches_new RENAME TO mismatches;

CREATE INDEX mismatches_by_sim ON mismatches (iccid, activated_at);

CREATE INDEX mismatches_by_hardware ON mismatches (post_imei / 400, iccid);
