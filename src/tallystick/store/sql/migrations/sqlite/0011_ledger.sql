-- The ledger: who changed what is expected, when and why, and what stood there before.

-- Every change of expectations that came as one: a file, a call, an upload, or the undoing of another change set.
CREATE TABLE change_sets (
    change_set_id INTEGER PRIMARY KEY,  -- in the order in which they came
    state TEXT NOT NULL,                -- proposed, applying, applied, undone or rejected
    source TEXT NOT NULL,               -- import, api, upload, removal or undo
    detail TEXT NOT NULL,               -- which one: a file and its digest, or a request
    actor TEXT NOT NULL,                -- who brought it
    ticket TEXT NOT NULL,               -- empty where none was given
    reason TEXT NOT NULL,               -- the same
    brought_at INTEGER NOT NULL,
    decided_by TEXT NOT NULL,           -- who approved or rejected a proposal; empty for what needed nobody
    decided_at INTEGER,                 -- when it was in force as a whole, or rejected
    undoes INTEGER,                     -- the change set that this one took back
    added INTEGER NOT NULL DEFAULT 0,   -- expectations that it put where there were none
    corrected INTEGER NOT NULL DEFAULT 0,   -- values that it replaced
    removed INTEGER NOT NULL DEFAULT 0  -- expectations that it took away
) STRICT;

CREATE INDEX change_sets_by_undone ON change_sets (undoes) WHERE undoes IS NOT NULL;

-- Each value that an expectation had and has no more.
CREATE TABLE former_expectations (
    ended_in INTEGER NOT NULL,          -- the change set that replaced it or took it away
    iccid INTEGER NOT NULL,
    effective_from INTEGER NOT NULL,
    change_set_id INTEGER NOT NULL,     -- the change set that had put it; 0 is before the ledger began
    imei INTEGER NOT NULL,
    version INTEGER NOT NULL,           -- how often expectations had changed when it ended: their order in time
    PRIMARY KEY (ended_in, iccid, effective_from, version)
) STRICT, WITHOUT ROWID;

CREATE INDEX former_expectations_by_sim ON former_expectations (iccid);

-- What a proposed change set would put, until it is approved or rejected.
CREATE TABLE proposed_expectations (
    change_set_id INTEGER NOT NULL,
    iccid INTEGER NOT NULL,
    effective_from INTEGER NOT NULL,
    imei INTEGER NOT NULL,
    PRIMARY KEY (change_set_id, iccid, effective_from)
) STRICT, WITHOUT ROWID;

-- the change set that put the value; 0 is before the ledger began
ALTER TABLE expectations ADD COLUMN change_set_id INTEGER NOT NULL DEFAULT 0;

-- the change set of a file of expectations, 0 for other kinds
ALTER TABLE imports ADD COLUMN change_set_id INTEGER NOT NULL DEFAULT 0;

-- the app and the user who sent it
ALTER TABLE uploads ADD COLUMN actor TEXT NOT NULL DEFAULT '';
