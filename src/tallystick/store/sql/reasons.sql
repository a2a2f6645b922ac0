-- Other SIMs in the hardware of rows of the report. Whose they are is told and not asked for: each set that a query has
-- beside the first is one more way to plan it wrong.

-- name: listed_claims
-- Of which SIMs was there a value with several members that names this hardware?
SELECT DISTINCT l.hardware, l.iccid
FROM carray(:hardware) AS t
CROSS JOIN list_members AS l
WHERE l.hardware = t.value;

-- name: found_elsewhere
-- In which hardware were these SIMs found, and what was expected then?
SELECT m.iccid, m.post_imei / 400 AS hardware, m.expected_imei AS value
FROM carray(:iccids) AS t
CROSS JOIN mismatches AS m
WHERE m.iccid = t.value AND m.expected_imei IS NOT NULL;

-- name: shared_hardware
-- In which of this hardware were several SIMs found in the window? An index has them in order.
SELECT t.value AS hardware
FROM carray(:hardware) AS t
WHERE (
    SELECT m.iccid
    FROM mismatches AS m
    WHERE m.post_imei / 400 = t.value
        AND m.activated_at > :earliest AND m.activated_at < :latest
    ORDER BY m.iccid
    LIMIT 1
) <> (
    SELECT m.iccid
    FROM mismatches AS m
    WHERE m.post_imei / 400 = t.value
        AND m.activated_at > :earliest AND m.activated_at < :latest
    ORDER BY m.iccid DESC
    LIMIT 1
);

-- name: found_in_hardware
-- Which SIMs were found in this hardware in the window, and whose are they? One may come several times.
SELECT m.post_imei / 400 AS hardware, m.iccid, m.account_id
FROM carray(:hardware) AS t
CROSS JOIN mismatches AS m
WHERE m.post_imei / 400 = t.value AND m.activated_at > :earliest AND m.activated_at < :latest;

-- name: count_found_in_hardware
-- How many SIMs of these accounts were found in each of this hardware in the window?
SELECT
    t.value AS hardware,
    (
        SELECT count(DISTINCT m.iccid)
        FROM mismatches AS m
        WHERE m.post_imei / 400 = t.value
            AND m.account_id IN (SELECT a.value FROM carray(:account_ids) AS a)
            AND m.activated_at > :earliest AND m.activated_at < :latest
    ) AS sims
FROM carray(:hardware) AS t;

-- name: first_found_in_hardware
-- Which SIMs of these accounts were found in this hardware in the window, the first few by ICCID?
SELECT DISTINCT m.iccid
FROM mismatches AS m
WHERE m.post_imei / 400 = :hardware
    AND m.account_id IN (SELECT a.value FROM carray(:account_ids) AS a)
    AND m.activated_at > :earliest AND m.activated_at < :latest
ORDER BY m.iccid
LIMIT :at_most;

-- name: found_in_hardware_among
-- Which of these SIMs were found in this hardware in the window?
SELECT DISTINCT m.iccid
FROM carray(:iccids) AS t
CROSS JOIN mismatches AS m
WHERE m.iccid = t.value AND m.post_imei / 400 = :hardware
    AND m.account_id IN (SELECT a.value FROM carray(:account_ids) AS a)
    AND m.activated_at > :earliest AND m.activated_at < :latest;

-- name: seen_in_window
-- In which hardware were these SIMs seen in the window?
SELECT DISTINCT a.iccid, a.imei / 400 AS hardware
FROM carray(:iccids) AS t
CROSS JOIN activations AS a
WHERE a.iccid = t.value AND a.activated_at > :earliest AND a.activated_at < :latest;
