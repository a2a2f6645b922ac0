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

-- name: verify_sims
-- Which SIMs of the range are loaded?
SELECT s.iccid FROM sims AS s WHERE s.iccid > :after AND s.iccid <= :up_to;

-- name: verify_expectations
-- What are the least and the largest value expected of each SIM of the range, at whatever time?
SELECT e.iccid, min(e.imei) AS least, max(e.imei) AS largest
FROM expectations AS e
WHERE e.iccid > :after AND e.iccid <= :up_to
GROUP BY e.iccid;

-- name: verify_activations
-- What are the least and the largest IMEI that each SIM of the range was seen in, at whatever time?
SELECT a.iccid, min(a.imei) AS least, max(a.imei) AS largest
FROM activations AS a
WHERE a.iccid > :after AND a.iccid <= :up_to
GROUP BY a.iccid;

-- name: verify_sims_among
-- What is known of these SIMs?
SELECT s.iccid, s.mdn, n.name, s.activation_date, s.generation
FROM carray(:iccids) AS t
CROSS JOIN sims AS s
INNER JOIN accounts AS n ON n.account_id = s.account_id
WHERE s.iccid = t.value;

-- name: verify_sims_in_all
-- How many SIMs are loaded?
SELECT count(*) FROM sims;

-- name: verify_mismatches
-- Which rows are kept in the range?
SELECT m.iccid, n.name, m.generation, m.activated_at, m.pre_imei, m.post_imei, m.wire, m.reasons
FROM mismatches AS m
INNER JOIN accounts AS n ON n.account_id = m.account_id
WHERE m.iccid > :after AND m.iccid <= :up_to
ORDER BY m.iccid, m.activated_at, m.post_imei, n.name, m.generation;

-- name: verify_subscribers
-- Up to which number, that activations name a SIM by, does the next range reach?
SELECT max(r.subscriber)
FROM (
    SELECT DISTINCT n.subscriber
    FROM named_activations AS n
    WHERE n.subscriber > :after
    ORDER BY n.subscriber
    LIMIT :at_most
) AS r;

-- name: verify_named
-- Which activations name the numbers of a range, and which SIM are they attributed to?
SELECT n.subscriber, n.activated_at, n.imei, n.iccid
FROM named_activations AS n
WHERE n.subscriber > :after AND n.subscriber <= :up_to;

-- name: activations_there
-- Which of these are activations of SIMs?
WITH asked (iccid, activated_at, imei) AS (
    VALUES (:iccid, :activated_at, :imei)
)
SELECT f.iccid, f.activated_at, f.imei
FROM asked AS f
CROSS JOIN activations AS a
WHERE a.iccid = f.iccid AND a.activated_at = f.activated_at AND a.imei = f.imei;

-- name: verify_identities
-- Which SIMs have the numbers of a range, from when on?
SELECT i.subscriber, i.valid_from, i.iccid
FROM identities AS i
WHERE i.subscriber > :after AND i.subscriber <= :up_to;

-- name: impossible_sims
-- How many SIMs have values that no SIM can have, and which comes first? How digits are kept as
-- integers is told in core/identifiers.py.
SELECT count(*), min(s.iccid)
FROM sims AS s
WHERE NOT (
    s.iccid >= 0
    AND s.iccid / 4 < 1000000000000000000
    AND CASE s.iccid % 4
        WHEN 0 THEN s.iccid / 4 % 100 = 0
        WHEN 1 THEN s.iccid / 4 % 10 = 0
        ELSE s.iccid % 4 = 2
    END
    AND (s.mdn IS NULL OR (
        s.mdn >= 0
        AND s.mdn / 8 < 1000000000000000
        AND CASE s.mdn % 8
            WHEN 0 THEN s.mdn / 8 % 100000 = 0
            WHEN 1 THEN s.mdn / 8 % 10000 = 0
            WHEN 2 THEN s.mdn / 8 % 1000 = 0
            WHEN 3 THEN s.mdn / 8 % 100 = 0
            WHEN 4 THEN s.mdn / 8 % 10 = 0
            ELSE s.mdn % 8 = 5
        END
    ))
    AND s.activation_date BETWEEN :beginning AND :last
    AND length(s.generation) BETWEEN 1 AND 64
    AND EXISTS (SELECT 1 FROM accounts AS a WHERE a.account_id = s.account_id)
);

-- name: impossible_expectations
-- How many expectations have values that none can have, and which SIM comes first?
-- What stands in imei beside IMEIs (TACs, digests of lists, words) is told in core/allowed.py.
SELECT count(*), min(e.iccid)
FROM expectations AS e
WHERE NOT (
    e.iccid >= 0
    AND e.iccid / 4 < 1000000000000000000
    AND CASE e.iccid % 4
        WHEN 0 THEN e.iccid / 4 % 100 = 0
        WHEN 1 THEN e.iccid / 4 % 10 = 0
        ELSE e.iccid % 4 = 2
    END
    AND CASE
        WHEN e.imei >= 0 THEN
            e.imei / 4 < 10000000000000000
            AND CASE e.imei % 4
                WHEN 0 THEN e.imei / 4 % 100 = 0
                WHEN 1 THEN e.imei / 4 % 10 = 0
                WHEN 2 THEN TRUE
                ELSE e.imei / 4 % 100000000 = 0
            END
        WHEN e.imei <= -16 THEN
            EXISTS (
                SELECT 1 FROM expectation_lists AS l WHERE l.iccid = e.iccid AND l.value = e.imei
            )
        ELSE e.imei IN (-1, -2)
    END
    AND e.effective_from BETWEEN :beginning AND :last
    AND e.change_set_id >= 0
);

-- name: impossible_activations
-- How many activations have values that none can have, and which SIM comes first?
SELECT count(*), min(a.iccid)
FROM activations AS a
WHERE NOT (
    a.iccid >= 0
    AND a.iccid / 4 < 1000000000000000000
    AND CASE a.iccid % 4
        WHEN 0 THEN a.iccid / 4 % 100 = 0
        WHEN 1 THEN a.iccid / 4 % 10 = 0
        ELSE a.iccid % 4 = 2
    END
    AND a.imei >= 0
    AND a.imei / 4 < 10000000000000000
    AND CASE a.imei % 4
        WHEN 0 THEN a.imei / 4 % 100 = 0
        WHEN 1 THEN a.imei / 4 % 10 = 0
        ELSE a.imei % 4 = 2
    END
    AND a.activated_at BETWEEN :beginning AND :last
);

-- name: impossible_rows
-- How many rows of the kept answer have values that none can have, and which SIM comes first?
SELECT count(*), min(m.iccid)
FROM mismatches AS m
WHERE NOT (
    m.iccid >= 0
    AND m.iccid / 4 < 1000000000000000000
    AND CASE m.iccid % 4
        WHEN 0 THEN m.iccid / 4 % 100 = 0
        WHEN 1 THEN m.iccid / 4 % 10 = 0
        ELSE m.iccid % 4 = 2
    END
    AND m.post_imei >= 0
    AND m.post_imei / 4 < 10000000000000000
    AND CASE m.post_imei % 4
        WHEN 0 THEN m.post_imei / 4 % 100 = 0
        WHEN 1 THEN m.post_imei / 4 % 10 = 0
        ELSE m.post_imei % 4 = 2
    END
    AND m.activated_at BETWEEN :beginning AND :last
    AND EXISTS (SELECT 1 FROM accounts AS a WHERE a.account_id = m.account_id)
);

-- name: impossible_members
-- How many places in groups have values that none can have, and which SIM comes first?
SELECT count(*), min(g.iccid)
FROM group_members AS g
WHERE NOT (
    g.iccid >= 0
    AND g.iccid / 4 < 1000000000000000000
    AND CASE g.iccid % 4
        WHEN 0 THEN g.iccid / 4 % 100 = 0
        WHEN 1 THEN g.iccid / 4 % 10 = 0
        ELSE g.iccid % 4 = 2
    END
    AND EXISTS (
        SELECT 1 FROM groups AS n
        WHERE n.group_id = g.group_id AND n.account_id = g.account_id
    )
);
