-- The kept answer is derived here and in store/kept.py. The rule is stated in core/pairing.py.
-- `imei / 400` is the hardware, its first 14 digits; `imei / 400000000` is the model, its first 8.
-- What the values of expectations mean is stated in core/allowed.py: -1 is nowhere, -2 none, -16
-- and below stand for several members, and the last two bits of a model are 3.
-- Queries about `asked` are run for many rows at once: an engine puts them in the place of VALUES.

-- name: suspects
-- Which of these SIMs can have rows, or have had some? Those with sightings, those seen in other
-- hardware than that of their first expectation, and those seen at all that have expectations of
-- different hardware. What is not one member is compared as it is: divided, `nowhere` would be the
-- hardware whose digits are all zeros.
SELECT t.value
FROM carray(:iccids) AS t
WHERE EXISTS (SELECT 1 FROM sightings AS s WHERE s.iccid = t.value)
    OR EXISTS (
        SELECT 1
        FROM activations AS a
        WHERE a.iccid = t.value
            AND a.imei / 400 <> (
                SELECT CASE WHEN e.imei < 0 THEN e.imei ELSE e.imei / 400 END
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
                AND CASE WHEN o.imei < 0 THEN o.imei ELSE o.imei / 400 END <> (
                    SELECT CASE WHEN e.imei < 0 THEN e.imei ELSE e.imei / 400 END
                    FROM expectations AS e
                    WHERE e.iccid = t.value
                    ORDER BY e.effective_from LIMIT 1
                )
        )
    );

-- name: any_seen_between
-- Was any SIM from the first to the last seen, or has it sightings? One of each at most.
SELECT * FROM (
    SELECT a.iccid FROM activations AS a WHERE a.iccid BETWEEN :first AND :last LIMIT 1
) AS seen
UNION ALL
SELECT * FROM (
    SELECT s.iccid FROM sightings AS s WHERE s.iccid BETWEEN :first AND :last LIMIT 1
) AS tracked;

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

-- name: untrack
-- When these SIMs were first seen in each hardware is found out anew.
DELETE FROM sightings WHERE iccid IN (SELECT t.value FROM carray(:iccids) AS t);

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

-- name: relevant_activations
-- Which of these activations can change anything? Not those that are as expected, come behind one
-- in the same hardware (or belong to a SIM that never had a row), and before none that is
-- unexpected. Of a SIM that is held to its first use not those between two in the same hardware.
-- `place` names each. What lies around one is looked up once and kept, for it is compared several
-- times.
WITH asked (place, iccid, activated_at, imei, is_held) AS (
    VALUES (:place, :iccid, :activated_at, :imei, :is_held)
),
around AS MATERIALIZED (
    SELECT
        f.*,
        (
            SELECT b.imei
            FROM activations AS b
            WHERE b.iccid = f.iccid AND (b.activated_at, b.imei) < (f.activated_at, f.imei)
            ORDER BY b.activated_at DESC, b.imei DESC
            LIMIT 1
        ) AS previous_imei,
        (
            SELECT e.imei
            FROM expectations AS e
            WHERE e.iccid = f.iccid AND e.effective_from <= f.activated_at
            ORDER BY e.effective_from DESC
            LIMIT 1
        ) AS expected,
        (
            SELECT b.activated_at
            FROM activations AS b
            WHERE b.iccid = f.iccid AND (b.activated_at, b.imei) > (f.activated_at, f.imei)
            ORDER BY b.activated_at, b.imei
            LIMIT 1
        ) AS next_at,
        (
            SELECT b.imei
            FROM activations AS b
            WHERE b.iccid = f.iccid AND (b.activated_at, b.imei) > (f.activated_at, f.imei)
            ORDER BY b.activated_at, b.imei
            LIMIT 1
        ) AS next_imei
    FROM asked AS f
),
surrounded AS MATERIALIZED (
    SELECT
        r.*,
        (
            SELECT e.imei
            FROM expectations AS e
            WHERE e.iccid = r.iccid AND e.effective_from <= r.next_at
            ORDER BY e.effective_from DESC
            LIMIT 1
        ) AS next_expected
    FROM around AS r
)
SELECT a.place
FROM surrounded AS a
WHERE (a.expected = -1 OR a.expected <= -16 OR (a.expected >= 0 AND a.expected / 400 <> a.imei / 400
        AND NOT (a.expected % 4 = 3 AND a.expected / 400000000 = a.imei / 400000000)))
    OR (a.next_expected = -1 OR a.next_expected <= -16 OR (a.next_expected >= 0
        AND a.next_expected / 400 <> a.next_imei / 400
        AND NOT (a.next_expected % 4 = 3
            AND a.next_expected / 400000000 = a.next_imei / 400000000)))
    OR (coalesce(a.previous_imei / 400 <> a.imei / 400, TRUE)
        AND EXISTS (SELECT 1 FROM sightings AS s WHERE s.iccid = a.iccid))
    OR (a.is_held = 1 AND coalesce(a.previous_imei / 400 <> a.imei / 400
        OR a.next_imei / 400 <> a.imei / 400,
        a.previous_imei IS NULL));

-- name: neighbourhood
-- What was seen in these spans of time, with the activation behind each and the one before it, and
-- what was expected then? `place` names the span; -3 is no expectation.
WITH asked (place, iccid, first_at, last_at) AS (
    VALUES (:place, :iccid, :first_at, :last_at)
),
reach AS (
    SELECT
        f.place,
        f.iccid,
        coalesce(
            (
                SELECT max(b.activated_at)
                FROM activations AS b
                WHERE b.iccid = f.iccid AND b.activated_at < f.first_at
            ),
            f.first_at
        ) AS from_at,
        coalesce(
            (
                SELECT min(b.activated_at)
                FROM activations AS b
                WHERE b.iccid = f.iccid AND b.activated_at > f.last_at
            ),
            f.last_at
        ) AS to_at
    FROM asked AS f
)
SELECT
    r.place, a.activated_at, a.imei,
    coalesce(
        (
            SELECT e.imei
            FROM expectations AS e
            WHERE e.iccid = a.iccid AND e.effective_from <= a.activated_at
            ORDER BY e.effective_from DESC
            LIMIT 1
        ),
        -3
    ) AS expected
FROM reach AS r
CROSS JOIN activations AS a
WHERE a.iccid = r.iccid AND a.activated_at BETWEEN r.from_at AND r.to_at;

-- name: kept_rows_between
-- What rows do these SIMs have now in these spans of time?
WITH asked (iccid, first_at, last_at) AS (
    VALUES (:iccid, :first_at, :last_at)
)
SELECT
    m.account_id, m.generation, m.activated_at, m.iccid, m.post_imei, m.pre_imei, m.wire,
    m.expected_imei, m.reasons,
    m.left_at, m.is_back
FROM asked AS f
CROSS JOIN mismatches AS m
WHERE m.iccid = f.iccid AND m.activated_at BETWEEN f.first_at AND f.last_at;

-- name: last_rows_before
-- What are the last rows of these SIMs before these moments?
WITH asked (iccid, before) AS (
    VALUES (:iccid, :before)
)
SELECT
    m.account_id, m.generation, m.activated_at, m.iccid, m.post_imei, m.pre_imei, m.wire,
    m.expected_imei, m.reasons,
    m.left_at, m.is_back
FROM asked AS f
CROSS JOIN mismatches AS m
WHERE m.iccid = f.iccid
    AND m.activated_at = (
        SELECT max(b.activated_at)
        FROM mismatches AS b
        WHERE b.iccid = f.iccid AND b.activated_at < f.before
    );

-- name: next_expectations
-- From when on is another expectation of these SIMs in force, behind these moments?
WITH asked (iccid, effective_from) AS (
    VALUES (:iccid, :effective_from)
)
SELECT
    f.iccid, f.effective_from,
    (
        SELECT min(e.effective_from)
        FROM expectations AS e
        WHERE e.iccid = f.iccid AND e.effective_from > f.effective_from
    )
FROM asked AS f;

-- name: in_force_at
-- What was expected of these SIMs at these moments, since when, and by which change set?
WITH asked (iccid, moment) AS (
    VALUES (:iccid, :moment)
)
SELECT f.iccid, f.moment, e.effective_from, e.imei, e.change_set_id
FROM asked AS f
CROSS JOIN expectations AS e
WHERE e.iccid = f.iccid
    AND e.effective_from = (
        SELECT max(b.effective_from)
        FROM expectations AS b
        WHERE b.iccid = f.iccid AND b.effective_from <= f.moment
    );

-- name: first_elsewhere
-- When were these SIMs next seen in other hardware than at these moments, in which, and what was
-- expected then? The moment is looked for once and kept, for a long stay lies behind it at times.
WITH asked (iccid, activated_at, imei) AS (
    VALUES (:iccid, :activated_at, :imei)
),
departures AS MATERIALIZED (
    SELECT
        f.*,
        (
            SELECT a.activated_at
            FROM activations AS a
            WHERE a.iccid = f.iccid AND (a.activated_at, a.imei) > (f.activated_at, f.imei)
                AND a.imei / 400 <> f.imei / 400
            ORDER BY a.activated_at, a.imei
            LIMIT 1
        ) AS left_at
    FROM asked AS f
)
SELECT
    d.iccid, d.activated_at, d.imei, d.left_at,
    (
        SELECT min(a.imei)
        FROM activations AS a
        WHERE a.iccid = d.iccid AND a.activated_at = d.left_at AND a.imei / 400 <> d.imei / 400
            AND (a.activated_at, a.imei) > (d.activated_at, d.imei)
    ) AS left_imei,
    coalesce(
        (
            SELECT e.imei
            FROM expectations AS e
            WHERE e.iccid = d.iccid AND e.effective_from <= d.left_at
            ORDER BY e.effective_from DESC
            LIMIT 1
        ),
        -3
    ) AS expected
FROM departures AS d
WHERE d.left_at IS NOT NULL;

-- name: first_sightings
-- When were these SIMs first seen in this hardware?
WITH asked (iccid, hardware) AS (
    VALUES (:iccid, :hardware)
)
SELECT s.iccid, s.hardware, s.first_seen_at
FROM asked AS f
CROSS JOIN sightings AS s
WHERE s.iccid = f.iccid AND s.hardware = f.hardware;

-- name: first_sightings_of_model
-- When were these SIMs first seen in hardware of this model?
WITH asked (iccid, model) AS (
    VALUES (:iccid, :model)
)
SELECT f.iccid, f.model, min(s.first_seen_at)
FROM asked AS f
CROSS JOIN sightings AS s
WHERE s.iccid = f.iccid AND s.hardware BETWEEN f.model * 1000000 AND f.model * 1000000 + 999999
GROUP BY f.iccid, f.model;

-- name: first_activations
-- What were these SIMs first seen in, and when? They come with a number each.
WITH asked (place, iccid) AS (
    VALUES (:place, :iccid)
)
SELECT f.place, a.activated_at, a.imei
FROM asked AS f
CROSS JOIN activations AS a
WHERE a.iccid = f.iccid
    AND a.activated_at = (SELECT min(b.activated_at) FROM activations AS b WHERE b.iccid = f.iccid);

-- name: note_sighting
-- It is kept when a SIM was first seen in this hardware.
INSERT INTO sightings (iccid, hardware, first_seen_at)
VALUES (:iccid, :hardware, :first_seen_at)
ON CONFLICT (iccid, hardware) DO UPDATE SET first_seen_at = excluded.first_seen_at;

-- name: close
-- Take a row out that no longer follows from the facts, or no longer reads the same.
DELETE FROM mismatches
WHERE account_id = :account_id AND generation = :generation AND activated_at = :activated_at
    AND iccid = :iccid AND post_imei = :post_imei;

-- name: open
-- Put a row in that follows from the facts and is not there yet.
INSERT INTO mismatches (
    account_id, generation, activated_at, iccid, post_imei, pre_imei, wire, expected_imei, reasons,
    left_at, is_back
)
VALUES (
    :account_id, :generation, :activated_at, :iccid, :post_imei, :pre_imei, :wire, :expected_imei,
    :reasons, :left_at,
    :is_back
);

-- name: explain
-- Other reasons follow from the facts for a row that stays as it reads.
UPDATE mismatches
SET expected_imei = :expected_imei, reasons = :reasons, left_at = :left_at, is_back = :is_back
WHERE account_id = :account_id AND generation = :generation AND activated_at = :activated_at
    AND iccid = :iccid AND post_imei = :post_imei;
