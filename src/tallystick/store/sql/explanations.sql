-- Explanations of rows: what somebody said of them, and what tells whether that holds.

-- part: last_seen_at
-- When was the SIM of a row, m, last seen during the row's stay? Whatever is seen of a SIM before
-- it leaves the hardware is seen there.
coalesce(
    (
        SELECT max(a.activated_at)
        FROM activations AS a
        WHERE a.iccid = m.iccid AND a.activated_at >= m.activated_at
            AND a.activated_at < coalesce(m.left_at, 4611686018427387904)
    ),
    m.activated_at
)

-- name: rows_to_explain
-- Of which account is each of these rows, and when was its SIM last seen during the row's stay?
WITH asked (activated_at, iccid, post_imei) AS (
    VALUES (:activated_at, :iccid, :post_imei)
)
SELECT
    f.activated_at, f.iccid, f.post_imei, m.account_id,
    /* part: last_seen_at */ AS last_seen_at
FROM asked AS f
CROSS JOIN mismatches AS m
WHERE m.iccid = f.iccid AND m.activated_at = f.activated_at AND m.post_imei = f.post_imei;

-- name: explanations_of_rows
-- Which explanations of these rows were not taken back, and when was the SIM of each last seen
-- during the row's stay?
WITH asked (activated_at, iccid, post_imei) AS (
    VALUES (:activated_at, :iccid, :post_imei)
)
SELECT
    f.activated_at, f.iccid, f.post_imei,
    x.explained_at, x.explained_by, x.ticket, x.note, x.holds_until, x.seen_until,
    /* part: last_seen_at */ AS last_seen_at
FROM asked AS f
CROSS JOIN explanations AS x
CROSS JOIN mismatches AS m
WHERE x.iccid = f.iccid AND x.activated_at = f.activated_at AND x.post_imei = f.post_imei
    AND x.ended_at IS NULL
    AND m.iccid = f.iccid AND m.activated_at = f.activated_at AND m.post_imei = f.post_imei;

-- name: explanations_of_sim
-- What was said of the rows of this SIM, the newest row first, no more than is asked for?
SELECT
    x.activated_at, x.iccid, x.post_imei, x.explained_at, x.explained_by, x.ticket, x.note,
    x.holds_until, x.seen_until, x.ended_at, x.ended_by
FROM explanations AS x
WHERE x.iccid = :iccid
ORDER BY x.activated_at DESC, x.post_imei DESC, x.explained_at DESC
LIMIT :at_most;

-- name: proposed_among
-- Of which of these SIMs are expectations proposed that nobody has decided about?
SELECT v.value
FROM carray(:iccids) AS v
WHERE EXISTS (SELECT 1 FROM proposed_expectations AS p WHERE p.iccid = v.value);

-- name: being_taken_back
-- Which change sets would proposals take back? Where one of these has itself taken another back, it
-- changes what that other one had changed: its effect lies where that other one had ended values.
-- That other one therefore counts, too.
SELECT c.undoes
FROM change_sets AS c
WHERE c.state = 'proposed' AND c.undoes IS NOT NULL
UNION
SELECT u.undoes
FROM change_sets AS c
JOIN change_sets AS u ON u.change_set_id = c.undoes
WHERE c.state = 'proposed' AND u.undoes IS NOT NULL;

-- name: sims_put_in
-- Of which of these SIMs do expectations stand that one of these change sets has put?
SELECT DISTINCT e.iccid
FROM expectations AS e
WHERE e.iccid IN (SELECT v.value FROM carray(:iccids) AS v)
    AND e.change_set_id IN (SELECT t.value FROM carray(:taken_back) AS t);

-- name: sims_ended_in
-- Of which of these SIMs has one of these change sets ended expectations?
SELECT DISTINCT f.iccid
FROM former_expectations AS f
WHERE f.iccid IN (SELECT v.value FROM carray(:iccids) AS v)
    AND f.ended_in IN (SELECT t.value FROM carray(:taken_back) AS t);

-- name: put_explanation
-- Somebody explained a row; of two explanations of the same moment the later stays.
INSERT INTO explanations (
    activated_at, iccid, post_imei, explained_at, explained_by, ticket, note, holds_until,
    seen_until, ended_at, ended_by
)
VALUES (
    :activated_at, :iccid, :post_imei, :explained_at, :explained_by, :ticket, :note, :holds_until,
    :seen_until, :ended_at, :ended_by
)
ON CONFLICT (iccid, activated_at, post_imei, explained_at) DO UPDATE
SET explained_by = excluded.explained_by, ticket = excluded.ticket, note = excluded.note,
    holds_until = excluded.holds_until, seen_until = excluded.seen_until,
    ended_at = excluded.ended_at, ended_by = excluded.ended_by;

-- name: end_explanation
-- What was said of a row does not hold any more.
UPDATE explanations
SET ended_at = :ended_at, ended_by = :ended_by
WHERE iccid = :iccid AND activated_at = :activated_at AND post_imei = :post_imei
    AND ended_at IS NULL;

-- name: forget_explanations
-- Nothing was ever said of the rows of these SIMs.
DELETE FROM explanations WHERE iccid IN (SELECT v.value FROM carray(:iccids) AS v);
