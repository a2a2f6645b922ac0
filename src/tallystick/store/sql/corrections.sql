-- name: mismatched_types
-- Which SIMs have rows in the window, how many, and of which types were the hardware that each was seen in and the one
-- that it was expected in? A TAC is the first eight digits of an IMEI.
WITH in_force AS (
    SELECT m.iccid, m.activated_at, m.post_imei, max(e.effective_from) AS effective_from
    FROM mismatches AS m
    CROSS JOIN expectations AS e
    WHERE e.iccid = m.iccid AND e.effective_from <= m.activated_at
        AND m.account_id IN (SELECT a.value FROM carray(:account_ids) AS a)
        AND m.generation IN (SELECT g.value FROM carray(:generations) AS g)
        AND m.activated_at > :earliest AND m.activated_at < :latest
    GROUP BY m.iccid, m.activated_at, m.post_imei
)
SELECT f.iccid, f.post_imei / 400000000 AS seen_tac, e.imei / 400000000 AS expected_tac, count(*)
FROM in_force AS f
CROSS JOIN expectations AS e
WHERE e.iccid = f.iccid AND e.effective_from = f.effective_from
GROUP BY f.iccid, f.post_imei / 400000000, e.imei / 400000000
ORDER BY f.iccid, seen_tac, expected_tac;

-- name: expected_among
-- Where were these SIMs expected, from when on, in order?
SELECT e.iccid, e.effective_from, e.imei
FROM carray(:iccids) AS t
CROSS JOIN expectations AS e
WHERE e.iccid = t.value
ORDER BY e.iccid, e.effective_from;

-- name: seen_among
-- Where were these SIMs seen, and when, in order?
SELECT a.iccid, a.activated_at, a.imei
FROM carray(:iccids) AS t
CROSS JOIN activations AS a
WHERE a.iccid = t.value
ORDER BY a.iccid, a.activated_at, a.imei;
