-- Other SIMs in the hardware of rows of the report, as far as they are of some accounts.

-- name: claimed_hardware
-- Which SIMs are expected in this hardware, at whatever time?
SELECT e.imei / 400 AS hardware, e.iccid
FROM carray(:hardware) AS t
CROSS JOIN expectations AS e
WHERE e.imei / 400 = t.value;

-- name: claims
-- Where are those of these SIMs expected that some accounts have, from when on?
SELECT e.iccid, e.effective_from, e.imei / 400 AS hardware
FROM carray(:iccids) AS t
CROSS JOIN expectations AS e
INNER JOIN sims AS s ON s.iccid = e.iccid
WHERE e.iccid = t.value AND s.account_id IN (SELECT a.value FROM carray(:account_ids) AS a)
ORDER BY e.iccid, e.effective_from;

-- name: found_elsewhere
-- In which hardware were these SIMs found, each by a row of some accounts, and in which were they expected?
SELECT m.iccid, m.post_imei / 400 AS hardware, m.expected_imei / 400 AS expected_hardware
FROM carray(:iccids) AS t
CROSS JOIN mismatches AS m
WHERE m.iccid = t.value AND m.account_id IN (SELECT a.value FROM carray(:account_ids) AS a);

-- name: shared_hardware
-- In which of this hardware were several SIMs found in the window?
SELECT m.post_imei / 400 AS hardware
FROM carray(:hardware) AS t
CROSS JOIN mismatches AS m
WHERE m.post_imei / 400 = t.value
    AND m.activated_at > :earliest AND m.activated_at < :latest
    AND m.account_id IN (SELECT a.value FROM carray(:account_ids) AS a)
GROUP BY m.post_imei / 400
HAVING min(m.iccid) <> max(m.iccid);

-- name: found_in_hardware
-- Which SIMs were found in this hardware in the window?
SELECT DISTINCT m.post_imei / 400 AS hardware, m.iccid
FROM carray(:hardware) AS t
CROSS JOIN mismatches AS m
WHERE m.post_imei / 400 = t.value
    AND m.activated_at > :earliest AND m.activated_at < :latest
    AND m.account_id IN (SELECT a.value FROM carray(:account_ids) AS a)
ORDER BY hardware, m.iccid;

-- name: seen_in_window
-- In which hardware were these SIMs seen in the window?
SELECT DISTINCT a.iccid, a.imei / 400 AS hardware
FROM carray(:iccids) AS t
CROSS JOIN activations AS a
WHERE a.iccid = t.value AND a.activated_at > :earliest AND a.activated_at < :latest;
