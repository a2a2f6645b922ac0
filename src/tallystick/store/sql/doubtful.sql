-- Expectations in the store that look wrong: of SIMs that are not loaded, and of hardware in which
-- several SIMs are expected. Activations of SIMs that are not loaded.
-- `imei / 400` is the hardware, its first 14 digits; `imei % 4 = 3` marks a model, values below 0
-- are words and lists.

-- name: count_of_unloaded
-- How many SIMs are expected somewhere and not loaded?
SELECT count(DISTINCT e.iccid)
FROM expectations AS e
WHERE e.imei <> -2 AND NOT EXISTS (SELECT 1 FROM sims AS s WHERE s.iccid = e.iccid);

-- name: unloaded_after
-- Which SIMs, in order after this one, are expected somewhere and not loaded? No more than are
-- asked for.
SELECT DISTINCT e.iccid
FROM expectations AS e
WHERE e.iccid > :after AND e.imei <> -2
    AND NOT EXISTS (SELECT 1 FROM sims AS s WHERE s.iccid = e.iccid)
ORDER BY e.iccid
LIMIT :at_most;

-- name: last_expectations_among
-- Where is each of these SIMs expected by its last expectation?
SELECT e.iccid, e.imei, e.effective_from, l.members
FROM carray(:iccids) AS t
CROSS JOIN expectations AS e
LEFT JOIN expectation_lists AS l ON l.iccid = e.iccid AND l.value = e.imei
WHERE e.iccid = t.value AND NOT EXISTS (
    SELECT 1
    FROM expectations AS n
    WHERE n.iccid = e.iccid AND n.effective_from > e.effective_from
)
ORDER BY e.iccid;

-- name: named_hardware_after
-- Which hardware, in order after this, do expectations of several SIMs name, whenever? Models are
-- among it. No more than is asked for.
SELECT e.imei / 400 AS hardware
FROM expectations AS e
WHERE e.imei / 400 > :after
GROUP BY e.imei / 400
HAVING min(e.iccid) < max(e.iccid)
ORDER BY hardware
LIMIT :at_most;

-- name: last_in_hardware
-- Which SIMs does the last expectation of each place in one of these, hardware for hardware?
SELECT e.imei / 400 AS hardware, e.iccid, e.imei, e.effective_from
FROM carray(:hardware) AS t
CROSS JOIN expectations AS e
WHERE e.imei / 400 = t.value AND e.imei >= 0 AND e.imei % 4 <> 3
    AND NOT EXISTS (
        SELECT 1
        FROM expectations AS n
        WHERE n.iccid = e.iccid AND n.effective_from > e.effective_from
    )
ORDER BY hardware, e.iccid;

-- name: bounds_of_seen
-- Which is the first SIM that was ever seen, and which the last?
SELECT
    (SELECT min(a.iccid) FROM activations AS a),
    (SELECT max(b.iccid) FROM activations AS b);

-- name: seen_between
-- Which SIMs were ever seen, in order from the first to the last? No more than are asked for.
SELECT DISTINCT a.iccid
FROM activations AS a
WHERE a.iccid BETWEEN :first AND :last
ORDER BY a.iccid
LIMIT :at_most;

-- name: last_seen_before
-- Which SIM that was ever seen is the last before this one?
SELECT max(a.iccid) FROM activations AS a WHERE a.iccid < :iccid;

-- name: seen_among
-- Which of these SIMs were seen in the window?
SELECT DISTINCT a.iccid
FROM carray(:iccids) AS t
CROSS JOIN activations AS a
WHERE a.iccid = t.value AND a.activated_at > :earliest AND a.activated_at < :latest;
