-- The kept answer is derived here and nowhere else. The rule is stated in core/pairing.py.

-- name: suspects
-- Which of these SIMs can have rows, or have some now? Those seen in other hardware than one they are expected in at
-- some time, and those with rows kept; one may come several times.
SELECT a.iccid
FROM carray(:iccids) AS t
CROSS JOIN activations AS a
CROSS JOIN expectations AS e
WHERE a.iccid = t.value AND e.iccid = a.iccid AND a.imei / 400 <> e.imei / 400
UNION ALL
SELECT m.iccid FROM carray(:iccids) AS t CROSS JOIN mismatches AS m WHERE m.iccid = t.value;

-- name: has_first_use
-- Does any account expect SIMs to stay where they were first seen?
SELECT EXISTS (SELECT 1 FROM accounts AS n WHERE n.first_use <> 'off');

-- name: sims_held_to_first_use
-- Which of these SIMs were seen in several hardwares, and belong to an account that expects SIMs to stay where they
-- were first seen?
SELECT a.iccid
FROM carray(:iccids) AS t
CROSS JOIN sims AS s
INNER JOIN accounts AS n ON n.account_id = s.account_id
CROSS JOIN activations AS a
WHERE s.iccid = t.value AND n.first_use <> 'off' AND a.iccid = s.iccid
GROUP BY a.iccid
HAVING min(a.imei / 400) <> max(a.imei / 400);

-- name: mismatched_sims_between
-- Which SIMs have rows kept, from the first to the last?
SELECT DISTINCT m.iccid FROM mismatches AS m WHERE m.iccid BETWEEN :first AND :last;

-- name: mismatched_sims_among
-- Which of these SIMs have rows kept?
SELECT DISTINCT m.iccid FROM carray(:iccids) AS t CROSS JOIN mismatches AS m WHERE m.iccid = t.value;

-- name: derive
-- What rows should these SIMs have? One at each unexpected activation whose predecessor was not an unexpected
-- activation in the same hardware (contract, section 1, "What is a mismatch"). Where no expectation is in force, the
-- account's policy of first use may imply one; imei / 400 is the hardware and imei / 400000000 its model. What these
-- SIMs were seen in is read first and by itself, for a planner may else read all there is in the order that grouping
-- likes.
WITH seen AS MATERIALIZED (
    SELECT a.iccid, a.activated_at, a.imei
    FROM carray(:iccids) AS t
    CROSS JOIN activations AS a
    WHERE a.iccid = t.value
),
held AS (
    SELECT
        s.iccid, a.activated_at, a.imei, s.mdn, s.activation_date, s.account_id, s.generation, n.name, n.first_use,
        first_value(a.imei) OVER (PARTITION BY s.iccid ORDER BY a.activated_at, a.imei) AS first_imei,
        (
            SELECT e.imei
            FROM expectations AS e
            WHERE e.iccid = s.iccid AND e.effective_from <= a.activated_at
            ORDER BY e.effective_from DESC
            LIMIT 1
        ) AS told_imei
    FROM seen AS a
    INNER JOIN sims AS s ON s.iccid = a.iccid
    INNER JOIN accounts AS n ON n.account_id = s.account_id
),
judged AS (
    SELECT
        h.*,
        coalesce(h.told_imei, CASE WHEN h.first_use <> 'off' THEN h.first_imei END) AS expected_imei,
        CASE
            WHEN h.told_imei IS NOT NULL THEN h.imei / 400 <> h.told_imei / 400
            WHEN h.first_use = 'imei' THEN h.imei / 400 <> h.first_imei / 400
            WHEN h.first_use = 'model' THEN h.imei / 400000000 <> h.first_imei / 400000000
            ELSE FALSE
        END AS is_unexpected
    FROM held AS h
),
in_order AS (
    SELECT
        j.*,
        lag(j.imei) OVER before AS previous_imei,
        lag(j.is_unexpected) OVER before AS previous_is_unexpected
    FROM judged AS j
    WINDOW before AS (PARTITION BY j.iccid ORDER BY j.activated_at, j.imei)
)
SELECT
    o.name, o.mdn, o.activation_date, o.first_use,
    o.account_id, o.generation, o.activated_at, o.iccid, o.imei, coalesce(o.previous_imei, o.expected_imei) AS pre_imei
FROM in_order AS o
WHERE o.is_unexpected
    AND NOT coalesce(o.previous_is_unexpected AND o.previous_imei / 400 = o.imei / 400, FALSE);

-- name: kept_rows
-- What rows do these SIMs have now?
SELECT
    m.account_id, m.generation, m.activated_at, m.iccid, m.post_imei, m.pre_imei, m.wire, m.expected_imei, m.reasons
FROM carray(:iccids) AS t
CROSS JOIN mismatches AS m
WHERE m.iccid = t.value;

-- name: close
-- Take a row out that no longer follows from the facts, or no longer reads the same.
DELETE FROM mismatches
WHERE account_id = :account_id AND generation = :generation AND activated_at = :activated_at
    AND iccid = :iccid AND post_imei = :post_imei;

-- name: open
-- Put a row in that follows from the facts and is not there yet.
INSERT INTO mismatches (
    account_id, generation, activated_at, iccid, post_imei, pre_imei, wire, expected_imei, reasons
)
VALUES (
    :account_id, :generation, :activated_at, :iccid, :post_imei, :pre_imei, :wire, :expected_imei, :reasons
);

-- name: explain
-- Other reasons follow from the facts for a row that stays as it reads.
UPDATE mismatches
SET expected_imei = :expected_imei, reasons = :reasons
WHERE account_id = :account_id AND generation = :generation AND activated_at = :activated_at
    AND iccid = :iccid AND post_imei = :post_imei;

-- name: unexplained_sims_after
-- Which SIMs have rows kept from a time when no reasons were, in order, after this one?
SELECT DISTINCT m.iccid
FROM mismatches AS m
WHERE m.iccid > :iccid AND m.reasons IS NULL
ORDER BY m.iccid
LIMIT :at_most;

-- name: set_wire_zone
-- From now on the kept rows print their times in this zone.
UPDATE store SET wire_zone = :wire_zone WHERE wire_zone <> :wire_zone;

-- name: mismatched_sims_after
-- Which SIMs have rows kept, in order, after this one?
SELECT DISTINCT m.iccid FROM mismatches AS m WHERE m.iccid > :iccid ORDER BY m.iccid LIMIT :at_most;
