-- The ledger: who changed what is expected, when and why, and what stood there before. The columns are told in
-- sqlite/0011_ledger.sql; on a cluster former_expectations and proposed_expectations are spread by iccid.

-- Every change of expectations that came as one: a file, a call, an upload, or the undoing of another change set.
CREATE TABLE change_sets (
    change_set_id bigint PRIMARY KEY,
    state text COLLATE "C" NOT NULL,
    source text COLLATE "C" NOT NULL,
    detail text COLLATE "C" NOT NULL,
    actor text COLLATE "C" NOT NULL,
    ticket text COLLATE "C" NOT NULL,
    reason text COLLATE "C" NOT NULL,
    brought_at bigint NOT NULL,
    decided_by text COLLATE "C" NOT NULL,
    decided_at bigint,
    undoes bigint,
    added bigint NOT NULL DEFAULT 0,
    corrected bigint NOT NULL DEFAULT 0,
    removed bigint NOT NULL DEFAULT 0
);

CREATE INDEX change_sets_by_undone ON change_sets (undoes) WHERE undoes IS NOT NULL;

-- Each value that an expectation had and has no more.
CREATE TABLE former_expectations (
    ended_in bigint NOT NULL,
    iccid bigint NOT NULL,
    effective_from bigint NOT NULL,
    change_set_id bigint NOT NULL,
    imei bigint NOT NULL,
    version bigint NOT NULL,
    PRIMARY KEY (ended_in, iccid, effective_from, version)
);

CREATE INDEX former_expectations_by_sim ON former_expectations (iccid);

-- What a proposed change set would put, until it is approved or rejected.
CREATE TABLE proposed_expectations (
    change_set_id bigint NOT NULL,
    iccid bigint NOT NULL,
    effective_from bigint NOT NULL,
    imei bigint NOT NULL,
    PRIMARY KEY (change_set_id, iccid, effective_from)
);

-- the change set that put the value; 0 is before the ledger began
ALTER TABLE expectations ADD COLUMN change_set_id bigint NOT NULL DEFAULT 0;

-- the change set of a file of expectations, 0 for other kinds
ALTER TABLE imports ADD COLUMN change_set_id bigint NOT NULL DEFAULT 0;

-- the app and the user who sent it
ALTER TABLE uploads ADD COLUMN actor text COLLATE "C" NOT NULL DEFAULT '';
