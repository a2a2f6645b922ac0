-- What was found in the hardware is read first and by itself. A planner that knows little of the table takes a window
-- for so narrow that it reads all rows in it and compares each with the whole set.

-- name: shared_hardware
-- In which of this hardware were several SIMs found in the window?
WITH found AS MATERIALIZED (
    SELECT m.post_imei / 400 AS hardware, m.iccid, m.activated_at
    FROM carray(:hardware) AS t
    CROSS JOIN mismatches AS m
    WHERE m.post_imei / 400 = t.value
)
SELECT f.hardware
FROM found AS f
WHERE f.activated_at > :earliest AND f.activated_at < :latest
GROUP BY f.hardware
HAVING min(f.iccid) <> max(f.iccid);

-- name: found_in_hardware
-- Which SIMs were found in this hardware in the window, and whose are they? One may come several times.
WITH found AS MATERIALIZED (
    SELECT m.post_imei / 400 AS hardware, m.iccid, m.account_id, m.activated_at
    FROM carray(:hardware) AS t
    CROSS JOIN mismatches AS m
    WHERE m.post_imei / 400 = t.value
)
SELECT f.hardware, f.iccid, f.account_id FROM found AS f WHERE f.activated_at > :earliest AND f.activated_at < :latest;

-- name: count_found_in_hardware
-- How many SIMs of these accounts were found in each of this hardware in the window?
WITH found AS MATERIALIZED (
    SELECT m.post_imei / 400 AS hardware, m.iccid, m.account_id, m.activated_at
    FROM carray(:hardware) AS t
    CROSS JOIN mismatches AS m
    WHERE m.post_imei / 400 = t.value
)
SELECT f.hardware, count(DISTINCT f.iccid) AS sims
FROM found AS f
WHERE f.activated_at > :earliest AND f.activated_at < :latest
    AND f.account_id IN (SELECT a.value FROM carray(:account_ids) AS a)
GROUP BY f.hardware;
