-- The audit: a record of each administrative act, login, refusal and export.

-- Records are appended and never changed; the oldest are removed when their time is over.
CREATE TABLE audit_records (
    number INTEGER PRIMARY KEY,         -- from 1 on, without a gap
    digest BLOB NOT NULL,               -- SHA-256 over the digest of the record before, the number and all that follows
    at INTEGER NOT NULL,                -- when the act began, microseconds since 1970
    via TEXT NOT NULL,                  -- command, http or server
    actor TEXT NOT NULL,                -- the app, the app/user, or the system's user at the command line
    action TEXT NOT NULL,
    subject TEXT NOT NULL,
    address TEXT NOT NULL,              -- of the caller over HTTP
    outcome TEXT NOT NULL,              -- done, begun, failed, or refused with its code
    request_id TEXT NOT NULL,
    details TEXT NOT NULL               -- an object of JSON
) STRICT;

CREATE INDEX audit_records_by_actor ON audit_records (actor, number);
CREATE INDEX audit_records_by_action ON audit_records (action, number);

-- The last record of the audit, so that it is known if the end of the chain is cut off.
CREATE TABLE audit_chain (
    the_only_one INTEGER PRIMARY KEY CHECK (the_only_one = 1),
    number INTEGER NOT NULL,
    digest BLOB NOT NULL
) STRICT;

INSERT INTO audit_chain (the_only_one, number, digest) VALUES (1, 0, zeroblob(32));
