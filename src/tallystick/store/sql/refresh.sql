-- The kept answer is derived here and nowhere else. The rule is stated in core/pairing.py.

-- name: suspects
-- Which of these SIMs can have rows, or have some now? Those seen where they were not expected, and those with rows kept.
SELECT t.value
FROM carray(:iccids) AS t
WHERE EXISTS (SELECT 1 FROM mismatches AS m WHERE m.iccid = t.value)
    OR EXISTS (
        SELECT 1
        FROM activations AS a
        WHERE a.iccid = t.value
            AND a.imei / 400 <> (
                SELECT e.imei / 400
                FROM expectations AS e
                WHERE e.iccid = a.iccid AND e.effective_from <= a.activated_at
                ORDER BY e.effective_from DESC
                LIMIT 1
            )
    );

-- name: crowd
-- How many activations lie between these two SIMs, counting no further than is asked?
SELECT count(*)
FROM (SELECT 1 FROM activations AS a WHERE a.iccid BETWEEN :first AND :last LIMIT :at_most);

-- name: suspects_between
-- The same question as `suspects`, of every SIM from the first to the last: half the work where most are touched.
SELECT a.iccid
FROM activations AS a
WHERE a.iccid BETWEEN :first AND :last
    AND a.imei / 400 <> (
        SELECT e.imei / 400
        FROM expectations AS e
        WHERE e.iccid = a.iccid AND e.effective_from <= a.activated_at
        ORDER BY e.effective_from DESC
        LIMIT 1
    )
UNION
SELECT m.iccid FROM mismatches AS m WHERE m.iccid BETWEEN :first AND :last;

-- name: derive
-- What rows should these SIMs have? One at each unexpected activation whose predecessor was not an unexpected
-- activation in the same hardware (contract, section 1, "What is a mismatch").
INSERT INTO fresh_mismatches (account_id, generation, activated_at, iccid, post_imei, pre_imei, wire)
WITH judged AS (
    SELECT
        a.iccid, a.activated_at, a.imei,
        (
            SELECT e.imei
            FROM expectations AS e
            WHERE e.iccid = a.iccid AND e.effective_from <= a.activated_at
            ORDER BY e.effective_from DESC
            LIMIT 1
        ) AS expected_imei
    FROM carray(:iccids) AS t
    CROSS JOIN activations AS a ON a.iccid = t.value
),
in_order AS (
    SELECT
        j.iccid, j.activated_at, j.imei, j.expected_imei,
        lag(j.imei) OVER before AS previous_imei,
        lag(j.expected_imei) OVER before AS previous_expected_imei
    FROM judged AS j
    WINDOW before AS (PARTITION BY j.iccid ORDER BY j.activated_at, j.imei)
)
SELECT
    s.account_id, s.generation, o.activated_at, o.iccid, o.imei,
    coalesce(o.previous_imei, o.expected_imei),
    wire_row(
        n.name, s.mdn, s.activation_date, s.iccid,
        coalesce(o.previous_imei, o.expected_imei), o.imei, o.activated_at, k.wire_zone
    )
FROM in_order AS o
INNER JOIN sims AS s ON s.iccid = o.iccid
INNER JOIN accounts AS n ON n.account_id = s.account_id
CROSS JOIN store AS k
WHERE o.imei / 400 <> o.expected_imei / 400
    AND NOT coalesce(
        o.previous_imei / 400 <> o.previous_expected_imei / 400 AND o.previous_imei / 400 = o.imei / 400,
        FALSE
    );

-- name: close
-- Take out the rows of these SIMs that no longer follow from the facts, or no longer read the same.
DELETE FROM mismatches
WHERE iccid IN (SELECT t.value FROM carray(:iccids) AS t)
    AND NOT EXISTS (
        SELECT 1
        FROM fresh_mismatches AS f
        WHERE f.iccid = mismatches.iccid AND f.account_id = mismatches.account_id
            AND f.generation = mismatches.generation AND f.activated_at = mismatches.activated_at
            AND f.post_imei = mismatches.post_imei AND f.wire = mismatches.wire
    );

-- name: open
-- Put in the rows that follow from the facts and are not there yet, in the order of the kept answer.
INSERT INTO mismatches (account_id, generation, activated_at, iccid, post_imei, pre_imei, wire)
SELECT f.account_id, f.generation, f.activated_at, f.iccid, f.post_imei, f.pre_imei, f.wire
FROM fresh_mismatches AS f
WHERE TRUE
ORDER BY f.account_id, f.generation, f.activated_at, f.iccid, f.post_imei
ON CONFLICT DO NOTHING;

-- name: forget_fresh
-- Empty the working table for the next refresh.
DELETE FROM fresh_mismatches;

-- name: set_wire_zone
-- From now on the kept rows print their times in this zone.
UPDATE store SET wire_zone = :wire_zone WHERE wire_zone <> :wire_zone;

-- name: mismatched_sims_after
-- Which SIMs have rows kept, in order, after this one?
SELECT DISTINCT m.iccid FROM mismatches AS m WHERE m.iccid > :iccid ORDER BY m.iccid LIMIT :at_most;
