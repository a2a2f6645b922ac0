-- name: create_store_row
-- A new store prints its kept rows in this zone.
INSERT INTO store (the_only_one, wire_zone) VALUES (1, :wire_zone);
