-- Which SIMs does a report cover, and what is known of them? They are read in pages, and asked
-- about a page at a time.

-- name: covered_of_account
-- Which SIMs of one account are covered, in order after one, no more than are asked for?
SELECT s.iccid
FROM sims AS s
WHERE s.account_id = :account_id AND s.iccid > :after
    AND s.generation IN (SELECT g.value FROM carray(:generations) AS g)
ORDER BY s.iccid
LIMIT :at_most;

-- name: covered_of_group
-- Which SIMs of one group are covered, in order after one, no more than are asked for?
SELECT s.iccid
FROM group_members AS m
CROSS JOIN sims AS s
WHERE s.iccid = m.iccid AND s.account_id = m.account_id
    AND m.group_id = :group_id AND m.account_id = :account_id AND m.iccid > :after
    AND s.generation IN (SELECT g.value FROM carray(:generations) AS g)
ORDER BY s.iccid
LIMIT :at_most;

-- name: covered_unassigned
-- Which SIMs of one account that are in none of its groups are covered, in order after one, no more
-- than are asked for?
SELECT s.iccid
FROM sims AS s
WHERE s.account_id = :account_id AND s.iccid > :after
    AND s.generation IN (SELECT g.value FROM carray(:generations) AS g)
    AND NOT EXISTS (
        SELECT 1 FROM group_members AS m WHERE m.account_id = s.account_id AND m.iccid = s.iccid
    )
ORDER BY s.iccid
LIMIT :at_most;

-- name: covered_among
-- Which of these SIMs are covered, within the given accounts?
SELECT s.iccid
FROM carray(:iccids) AS t
CROSS JOIN sims AS s
WHERE s.iccid = t.value
    AND s.account_id IN (SELECT a.value FROM carray(:account_ids) AS a)
    AND s.generation IN (SELECT g.value FROM carray(:generations) AS g)
ORDER BY s.iccid;

-- name: count_of_expected
-- How many of these SIMs are expected somewhere?
SELECT count(DISTINCT e.iccid)
FROM carray(:iccids) AS t
CROSS JOIN expectations AS e
WHERE e.iccid = t.value AND e.imei <> -2;

-- name: count_of_seen
-- How many of these SIMs were seen in the window, and when was one of them seen last, in it or not?
SELECT
    count(DISTINCT CASE
        WHEN a.activated_at > :earliest AND a.activated_at < :latest THEN a.iccid
    END),
    max(a.activated_at)
FROM carray(:iccids) AS t
CROSS JOIN activations AS a
WHERE a.iccid = t.value;

-- name: unseen_among
-- Which of these SIMs were not seen in the window?
SELECT s.iccid, s.mdn, n.name, NULL AS imei, NULL AS effective_from, NULL AS members
FROM carray(:iccids) AS t
CROSS JOIN sims AS s
INNER JOIN accounts AS n ON n.account_id = s.account_id
WHERE s.iccid = t.value
    AND NOT EXISTS (
        SELECT 1
        FROM activations AS a
        WHERE a.iccid = s.iccid AND a.activated_at > :earliest AND a.activated_at < :latest
    )
ORDER BY s.iccid;

-- name: expected_nowhere_among
-- Which of these SIMs are expected nowhere?
SELECT s.iccid, s.mdn, n.name, NULL AS imei, NULL AS effective_from, NULL AS members
FROM carray(:iccids) AS t
CROSS JOIN sims AS s
INNER JOIN accounts AS n ON n.account_id = s.account_id
WHERE s.iccid = t.value AND NOT EXISTS (
    SELECT 1 FROM expectations AS e WHERE e.iccid = s.iccid AND e.imei <> -2
)
ORDER BY s.iccid;

-- name: unconfirmed_among
-- Which expectations of these SIMs did the network never confirm: not once since was the SIM seen
-- in that hardware? A value of several members is told with its text, and left to be looked at;
-- that a SIM is nowhere (-1), or expected nowhere (-2), is not confirmed by seeing it.
SELECT s.iccid, s.mdn, n.name, e.imei, e.effective_from, l.members
FROM carray(:iccids) AS t
CROSS JOIN sims AS s
CROSS JOIN expectations AS e
INNER JOIN accounts AS n ON n.account_id = s.account_id
LEFT JOIN expectation_lists AS l ON l.iccid = e.iccid AND l.value = e.imei
WHERE s.iccid = t.value AND e.iccid = s.iccid AND e.imei NOT IN (-1, -2)
    AND NOT EXISTS (
        SELECT 1
        FROM activations AS a
        WHERE a.iccid = e.iccid
            AND a.activated_at >= e.effective_from
            AND (
                a.imei / 400 = e.imei / 400
                OR (e.imei % 4 = 3 AND a.imei / 400000000 = e.imei / 400000000)
            )
    )
ORDER BY s.iccid, e.effective_from;

-- name: hardware_seen_since
-- In which hardware was this SIM seen since this moment?
SELECT DISTINCT a.imei / 400
FROM activations AS a
WHERE a.iccid = :iccid AND a.activated_at >= :since;
