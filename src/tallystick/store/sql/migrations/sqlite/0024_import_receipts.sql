-- What became of files, and how far those are that are on their way.

-- One row an import of a file, from when it begins until its time is over.
CREATE TABLE import_receipts (
    import_id INTEGER PRIMARY KEY,      -- in the order in which they began
    state TEXT NOT NULL,                -- waiting, running, done, refused, failed or interrupted
    kind TEXT NOT NULL,                 -- of the facts
    file TEXT NOT NULL,                 -- as whoever brought it calls it
    actor TEXT NOT NULL,                -- who brought it
    begun_at INTEGER NOT NULL,
    seen_at INTEGER NOT NULL,           -- when its process last said that it goes on
    ended_at INTEGER,
    share INTEGER,                      -- how much of the work is done, in thousandths; NULL: not known
    facts INTEGER NOT NULL DEFAULT 0,   -- those in the store by now
    message TEXT NOT NULL DEFAULT '',   -- why there is no receipt
    receipt TEXT NOT NULL DEFAULT '',   -- JSON, as programs get it
    reject_lines INTEGER NOT NULL DEFAULT 0,    -- how many refused lines the next column has
    rejects BLOB                        -- the first refused lines as CSV, packed by zlib
) STRICT;
