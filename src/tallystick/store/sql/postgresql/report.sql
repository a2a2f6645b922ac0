-- name: report_of_account_joined
-- How many are the same rows, counted no further than is asked, and how do they read with commas between? One value
-- costs a third of as many values. The aggregate takes the rows in the order of the subquery.
SELECT count(*), string_agg(r.wire, CAST(',' AS bytea))
FROM (
    SELECT m.wire
    FROM mismatches AS m
    WHERE m.account_id = :account_id AND m.generation = :generation
        AND m.activated_at > :earliest AND m.activated_at < :latest
    ORDER BY m.activated_at, m.iccid, m.post_imei
    LIMIT :at_most
) AS r;
