-- Identities: which SIM has which IMSI or MSISDN, and the activations that name a SIM by one.
--
-- A subscriber is an IMSI or an MSISDN as one integer below -1 (core/identities.py):
--   imsi   = -2 - 2 * ((digits, padded with zeros on the right to 15) * 8 + (length - 10))
--   msisdn = -3 - 2 * ((digits, padded to 15) * 16 + (length - 7))

-- From valid_from on, this SIM has this IMSI or MSISDN. Undated ones are in force from the year 1.
CREATE TABLE identities (
    subscriber INTEGER NOT NULL,
    valid_from INTEGER NOT NULL,
    iccid INTEGER NOT NULL,
    change_set_id INTEGER NOT NULL,     -- the change set that put the value
    PRIMARY KEY (subscriber, valid_from)
) STRICT, WITHOUT ROWID;

-- Each value that an identity had and has no more.
CREATE TABLE former_identities (
    ended_in INTEGER NOT NULL,          -- the change set that replaced it or took it away
    subscriber INTEGER NOT NULL,
    valid_from INTEGER NOT NULL,
    change_set_id INTEGER NOT NULL,     -- the change set that had put it
    iccid INTEGER NOT NULL,
    version INTEGER NOT NULL,           -- how often identities had changed when it ended: their order in time
    PRIMARY KEY (ended_in, subscriber, valid_from, version)
) STRICT, WITHOUT ROWID;

-- Where activations that name a SIM by IMSI or MSISDN come from: a file, or an app.
CREATE TABLE sources (
    source_id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
) STRICT;

-- The network saw the SIM that has this IMSI or MSISDN in this hardware at this moment.
CREATE TABLE named_activations (
    subscriber INTEGER NOT NULL,
    activated_at INTEGER NOT NULL,
    imei INTEGER NOT NULL,
    iccid INTEGER,                      -- the SIM that had it then; NULL while that is not known
    source_id INTEGER NOT NULL,         -- what brought it first
    PRIMARY KEY (subscriber, activated_at, imei)
) STRICT, WITHOUT ROWID;

-- Which activations of a SIM follow from these.
CREATE INDEX named_activations_by_sim ON named_activations (iccid, activated_at, imei)
WHERE iccid IS NOT NULL;

-- Those that wait.
CREATE INDEX named_activations_waiting ON named_activations (subscriber, activated_at, imei, source_id)
WHERE iccid IS NULL;

-- Of the activations that follow from named ones, those that were also taken in by their ICCID.
-- They stay when the named ones go to another SIM.
CREATE TABLE direct_twins (
    iccid INTEGER NOT NULL,
    activated_at INTEGER NOT NULL,
    imei INTEGER NOT NULL,
    PRIMARY KEY (iccid, activated_at, imei)
) STRICT, WITHOUT ROWID;

-- how often identities have changed
ALTER TABLE store ADD COLUMN identities_version INTEGER NOT NULL DEFAULT 0;

-- what the change set changes: expectations or identities
ALTER TABLE change_sets ADD COLUMN kind TEXT NOT NULL DEFAULT 'expectations';
