-- name: make_fresh_mismatches
-- The working table of refresh, seen by the one connection that writes.
CREATE TEMP TABLE fresh_mismatches (
    account_id INTEGER NOT NULL,
    generation TEXT NOT NULL,
    activated_at INTEGER NOT NULL,
    iccid INTEGER NOT NULL,
    post_imei INTEGER NOT NULL,
    pre_imei INTEGER NOT NULL,
    wire BLOB NOT NULL,
    PRIMARY KEY (iccid, activated_at, post_imei)
) STRICT, WITHOUT ROWID;

-- name: create_store_row
-- A new store prints its kept rows in this zone.
INSERT INTO store (the_only_one, wire_zone) VALUES (1, :wire_zone);
