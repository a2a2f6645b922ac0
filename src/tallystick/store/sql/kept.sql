-- The kept answer is derived here and in store/kept.py. The rule is stated in core/pairing.py.
-- `imei / 400` is the hardware, its first 14 digits; `imei / 400000000` is the model, its first 8.
-- What the values of expectations mean is stated in core/allowed.py: -1 is nowhere, -2 none, -16
-- and below stand for several members, and the last two bits of a model are 3.

-- name: suspects
-- Which of these SIMs can have rows, or have had some? Those with sightings, those seen in other
-- hardware than that of their first expectation, and those seen at all that have expectations of
-- different hardware.
SELECT t.value
FROM carray(:iccids) AS t
WHERE EXISTS (SELECT 1 FROM sightings AS s WHERE s.iccid = t.value)
    OR EXISTS (
        SELECT 1
        FROM activations AS a
        WHERE a.iccid = t.value
            AND a.imei / 400 <> (
                SELECT e.imei / 400
                FROM expectations AS e
                WHERE e.iccid = t.value
                ORDER BY e.effective_from LIMIT 1
            )
    )
    OR (
        EXISTS (SELECT 1 FROM activations AS a WHERE a.iccid = t.value)
        AND EXISTS (
            SELECT 1
            FROM expectations AS o
            WHERE o.iccid = t.value
                AND o.imei / 400 <> (
                    SELECT e.imei / 400
                    FROM expectations AS e
                    WHERE e.iccid = t.value
                    ORDER BY e.effective_from LIMIT 1
                )
        )
    );

-- name: has_first_use
-- Does any account expect SIMs to stay where they were first seen?
SELECT EXISTS (SELECT 1 FROM accounts AS n WHERE n.first_use <> 'off');

-- name: held_sims
-- Which of these SIMs belong to an account that expects SIMs to stay where they were first seen?
SELECT s.iccid
FROM carray(:iccids) AS t
CROSS JOIN sims AS s
INNER JOIN accounts AS n ON n.account_id = s.account_id
WHERE s.iccid = t.value AND n.first_use <> 'off';

-- name: sims_seen_in_several
-- Which of these SIMs were seen in more than one hardware, whether they have sightings or not?
SELECT a.iccid
FROM carray(:iccids) AS t
CROSS JOIN activations AS a
WHERE a.iccid = t.value
GROUP BY a.iccid
HAVING min(a.imei / 400) <> max(a.imei / 400);

-- name: tracked_between
-- Which SIMs have sightings, from the first to the last?
SELECT DISTINCT s.iccid FROM sightings AS s WHERE s.iccid BETWEEN :first AND :last;

-- name: tracked_among
-- Which of these SIMs have sightings?
SELECT DISTINCT s.iccid FROM carray(:iccids) AS t CROSS JOIN sightings AS s WHERE s.iccid = t.value;

-- name: tracked_in_several
-- Which of these SIMs have sightings in more than one hardware?
SELECT s.iccid
FROM carray(:iccids) AS t
CROSS JOIN sightings AS s
WHERE s.iccid = t.value
GROUP BY s.iccid
HAVING count(*) > 1;

-- name: track
-- From now on it is kept when these SIMs were first seen in each hardware.
INSERT INTO sightings (iccid, hardware, first_seen_at)
SELECT a.iccid, a.imei / 400, min(a.activated_at)
FROM carray(:iccids) AS t
CROSS JOIN activations AS a
WHERE a.iccid = t.value
GROUP BY a.iccid, a.imei / 400;

-- name: sims_of_rows
-- How do rows of these SIMs read, and what do their accounts expect of first use?
SELECT s.iccid, s.account_id, s.generation, n.name, s.mdn, s.activation_date, n.first_use
FROM carray(:iccids) AS t
CROSS JOIN sims AS s
INNER JOIN accounts AS n ON n.account_id = s.account_id
WHERE s.iccid = t.value;

-- name: kept_rows
-- What rows do these SIMs have now?
SELECT
    m.account_id, m.generation, m.activated_at, m.iccid, m.post_imei, m.pre_imei, m.wire,
    m.expected_imei, m.reasons,
    m.left_at, m.is_back
FROM carray(:iccids) AS t
CROSS JOIN mismatches AS m
WHERE m.iccid = t.value;

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
