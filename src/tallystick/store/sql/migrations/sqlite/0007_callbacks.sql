-- Callback listeners: who is to be told what came of an account's requests.
CREATE TABLE listeners (
    listener_id INTEGER PRIMARY KEY AUTOINCREMENT,  -- never another's: whoever calls one may be late to say how it went
    account_id INTEGER NOT NULL REFERENCES accounts,
    service TEXT NOT NULL,              -- which messages: ThingSpace's name for their kind
    url TEXT NOT NULL,
    username TEXT NOT NULL,             -- sent in each message; empty where there is none
    password TEXT NOT NULL,             -- the same; in clear, for the listener compares it
    UNIQUE (account_id, service)
) STRICT;

-- The outbox: outcomes that listeners are still to be told, and those that were given up. What has arrived is gone.
CREATE TABLE deliveries (
    delivery_id INTEGER PRIMARY KEY AUTOINCREMENT,  -- in the order in which the outcomes came; never another's
    listener_id INTEGER NOT NULL REFERENCES listeners,
    request_id TEXT NOT NULL,
    outcome BLOB NOT NULL,              -- JSON: what came of the request
    attempts INTEGER NOT NULL DEFAULT 0,
    since INTEGER NOT NULL,             -- how long it has been tried is counted from here
    next_try_at INTEGER NOT NULL,
    leased_until INTEGER NOT NULL DEFAULT 0,    -- until then a process is delivering it, or was killed at it
    given_up_at INTEGER,                -- NULL while it waits
    last_error TEXT,                    -- why the last attempt failed; NULL before it
    UNIQUE (listener_id, request_id)
) STRICT;

CREATE INDEX deliveries_waiting ON deliveries (next_try_at) WHERE given_up_at IS NULL;
