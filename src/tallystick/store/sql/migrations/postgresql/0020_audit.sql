-- The audit: a record of each administrative act, login, refusal and export.

-- Records are appended and never changed; the oldest are removed when their time is over.
CREATE TABLE audit_records (
    number bigint PRIMARY KEY,              -- from 1 on, without a gap
    digest bytea NOT NULL,                  -- SHA-256 over the digest of the record before, the number and all that follows
    at bigint NOT NULL,                     -- when the act began, microseconds since 1970
    via text COLLATE "C" NOT NULL,          -- command, http or server
    actor text COLLATE "C" NOT NULL,        -- the app, the app/user, or the system's user at the command line
    action text COLLATE "C" NOT NULL,
    subject text COLLATE "C" NOT NULL,
    address text COLLATE "C" NOT NULL,      -- of the caller over HTTP
    outcome text COLLATE "C" NOT NULL,      -- done, begun, failed, or refused with its code
    request_id text COLLATE "C" NOT NULL,
    details text COLLATE "C" NOT NULL       -- an object of JSON
);

CREATE INDEX audit_records_by_actor ON audit_records (actor, number);
CREATE INDEX audit_records_by_action ON audit_records (action, number);

-- The last record of the audit, so that it is known if the end of the chain is cut off.
CREATE TABLE audit_chain (
    the_only_one bigint PRIMARY KEY CHECK (the_only_one = 1),
    number bigint NOT NULL,
    digest bytea NOT NULL
);

INSERT INTO audit_chain (the_only_one, number, digest) VALUES (1, 0, decode(repeat('00', 32), 'hex'));
