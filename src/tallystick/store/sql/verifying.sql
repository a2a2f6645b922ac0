-- What verify compares: everything of a range of SIMs, in the order of ICCID.

-- name: verify_next_bound
-- Up to which SIM, loaded or with rows kept, does the next range reach?
SELECT max(r.iccid)
FROM (
    SELECT u.iccid
    FROM (
        SELECT * FROM (
            SELECT s.iccid FROM sims AS s WHERE s.iccid > :after ORDER BY s.iccid LIMIT :at_most
        ) AS loaded
        UNION
        SELECT * FROM (
            SELECT DISTINCT m.iccid
            FROM mismatches AS m
            WHERE m.iccid > :after
            ORDER BY m.iccid
            LIMIT :at_most
        ) AS kept
    ) AS u
    ORDER BY u.iccid
    LIMIT :at_most
) AS r;

-- name: verify_expectations
-- Where were the SIMs of the range expected, at whatever time?
SELECT e.iccid, e.imei FROM expectations AS e WHERE e.iccid > :after AND e.iccid <= :up_to;

-- name: verify_activations
-- Where were the SIMs of the range seen, at whatever time?
SELECT a.iccid, a.imei FROM activations AS a WHERE a.iccid > :after AND a.iccid <= :up_to;

-- name: verify_mismatches
-- Which rows are kept in the range?
SELECT m.iccid, n.name, m.generation, m.activated_at, m.pre_imei, m.post_imei, m.wire, m.reasons
FROM mismatches AS m
INNER JOIN accounts AS n ON n.account_id = m.account_id
WHERE m.iccid > :after AND m.iccid <= :up_to
ORDER BY m.iccid, m.activated_at, m.post_imei, n.name, m.generation;
