-- What verify compares: everything of a range of SIMs, in the order of ICCID.

-- name: verify_next_bound
-- Up to which SIM, loaded or with rows kept, does the next range reach?
SELECT max(r.iccid)
FROM (
    SELECT u.iccid
    FROM (
        SELECT * FROM (SELECT s.iccid FROM sims AS s WHERE s.iccid > :after ORDER BY s.iccid LIMIT :at_most)
        UNION
        SELECT * FROM (
            SELECT DISTINCT m.iccid FROM mismatches AS m WHERE m.iccid > :after ORDER BY m.iccid LIMIT :at_most
        )
    ) AS u
    ORDER BY u.iccid
    LIMIT :at_most
) AS r;

-- name: verify_sims
-- Which SIMs are in the range?
SELECT s.iccid, s.mdn, a.name, s.activation_date, s.generation
FROM sims AS s
INNER JOIN accounts AS a ON a.account_id = s.account_id
WHERE s.iccid > :after AND s.iccid <= :up_to
ORDER BY s.iccid;

-- name: verify_expectations
-- Which expectations are in the range?
SELECT e.iccid, e.effective_from, e.imei
FROM expectations AS e
WHERE e.iccid > :after AND e.iccid <= :up_to
ORDER BY e.iccid, e.effective_from;

-- name: verify_activations
-- Which activations are in the range?
SELECT a.iccid, a.activated_at, a.imei
FROM activations AS a
WHERE a.iccid > :after AND a.iccid <= :up_to
ORDER BY a.iccid, a.activated_at, a.imei;

-- name: verify_mismatches
-- Which rows are kept in the range?
SELECT m.iccid, n.name, m.generation, m.activated_at, m.pre_imei, m.post_imei, m.wire
FROM mismatches AS m
INNER JOIN accounts AS n ON n.account_id = m.account_id
WHERE m.iccid > :after AND m.iccid <= :up_to
ORDER BY m.iccid, m.activated_at, m.post_imei, n.name, m.generation;
