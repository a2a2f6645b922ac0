-- name: create_store_row
-- A new store prints its kept rows in this zone.
INSERT INTO store (the_only_one, wire_zone) VALUES (1, :wire_zone);

-- name: report_of_account_joined
-- How many are the same rows, counted no further than is asked, and how do they read with commas between? One value
-- costs half of as many values. SQLite keeps the order of a subquery for `group_concat`, as for every aggregate that
-- order matters to.
SELECT count(*), CAST(group_concat(r.wire) AS BLOB)
FROM (
    SELECT m.wire
    FROM mismatches AS m
    WHERE m.account_id = :account_id AND m.generation = :generation
        AND m.activated_at > :earliest AND m.activated_at < :latest
    ORDER BY m.activated_at, m.iccid, m.post_imei
    LIMIT :at_most
) AS r;
