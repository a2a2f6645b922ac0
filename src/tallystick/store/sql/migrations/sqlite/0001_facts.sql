-- Facts and the kept answer.
--
-- Identifiers are integers that keep their digits, their length and their order as text:
--   iccid = (digits after 89, padded with zeros on the right to 18) * 4 + (length - 18)
--   imei  = (digits, padded to 16) * 4 + (length - 14);  imei / 400 is the hardware, its first 14 digits
--   mdn   = (digits, padded to 15) * 8 + (length - 10)
-- Moments are microseconds since 1970-01-01T00:00:00Z.

-- What this store is: one row.
CREATE TABLE store (
    the_only_one INTEGER PRIMARY KEY CHECK (the_only_one = 1),
    wire_zone TEXT NOT NULL             -- the zone in which mismatches.wire prints its times
) STRICT;

CREATE TABLE accounts (
    account_id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
) STRICT;

-- The device database: one row a subscription.
CREATE TABLE sims (
    iccid INTEGER PRIMARY KEY,
    mdn INTEGER,                        -- the phone number, where known
    account_id INTEGER NOT NULL REFERENCES accounts,
    activation_date INTEGER NOT NULL,   -- when it was last activated, as the device database says
    generation TEXT NOT NULL            -- 4G, 5G, …
) STRICT;

CREATE INDEX sims_by_mdn ON sims (mdn) WHERE mdn IS NOT NULL;

-- From effective_from on, this SIM belongs in this hardware. Undated ones are in force from the year 1.
CREATE TABLE expectations (
    iccid INTEGER NOT NULL,
    effective_from INTEGER NOT NULL,
    imei INTEGER NOT NULL,
    PRIMARY KEY (iccid, effective_from)
) STRICT, WITHOUT ROWID;

-- The network saw this SIM in this hardware at this moment.
CREATE TABLE activations (
    iccid INTEGER NOT NULL,
    activated_at INTEGER NOT NULL,
    imei INTEGER NOT NULL,
    PRIMARY KEY (iccid, activated_at, imei)
) STRICT, WITHOUT ROWID;

CREATE TABLE groups (
    group_id INTEGER PRIMARY KEY,
    account_id INTEGER NOT NULL REFERENCES accounts,
    name TEXT NOT NULL,
    UNIQUE (account_id, name)
) STRICT;

-- A SIM is in one group of an account at a time. The membership waits while the SIM is not in that account.
CREATE TABLE group_members (
    account_id INTEGER NOT NULL,
    iccid INTEGER NOT NULL,
    group_id INTEGER NOT NULL REFERENCES groups,
    PRIMARY KEY (account_id, iccid)
) STRICT, WITHOUT ROWID;

CREATE INDEX group_members_by_group ON group_members (group_id, iccid);

-- The kept answer: one row an unexpected pairing. Derived from the facts by refresh and written by nothing else.
CREATE TABLE mismatches (
    account_id INTEGER NOT NULL,
    generation TEXT NOT NULL,
    activated_at INTEGER NOT NULL,
    iccid INTEGER NOT NULL,
    post_imei INTEGER NOT NULL,         -- the hardware it was found in
    pre_imei INTEGER NOT NULL,          -- the hardware on record just before
    wire BLOB NOT NULL,                 -- the row as it goes over the wire
    PRIMARY KEY (account_id, generation, activated_at, iccid, post_imei)
) STRICT, WITHOUT ROWID;

CREATE INDEX mismatches_by_sim ON mismatches (iccid, activated_at);

-- Files being taken in: how far each has come, so that the same command goes on where it stopped.
CREATE TABLE imports (
    digest BLOB PRIMARY KEY,            -- SHA-256 of the kind of facts and the file's path, size and time of change
    facts_taken INTEGER NOT NULL,       -- facts of the file, in the order they are applied, that are in the store
    accepted INTEGER NOT NULL,
    duplicate INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
