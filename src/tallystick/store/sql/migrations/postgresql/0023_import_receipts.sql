-- What became of files, and how far those are that are on their way. The columns are told in
-- sqlite/0024_import_receipts.sql.

-- One row an import of a file, from when it begins until its time is over.
CREATE TABLE import_receipts (
    import_id bigint PRIMARY KEY,
    state text COLLATE "C" NOT NULL,
    kind text COLLATE "C" NOT NULL,
    file text COLLATE "C" NOT NULL,
    actor text COLLATE "C" NOT NULL,
    begun_at bigint NOT NULL,
    seen_at bigint NOT NULL,
    ended_at bigint,
    share bigint,
    facts bigint NOT NULL DEFAULT 0,
    message text COLLATE "C" NOT NULL DEFAULT '',
    receipt text COLLATE "C" NOT NULL DEFAULT '',
    reject_lines bigint NOT NULL DEFAULT 0,
    rejects bytea
);
