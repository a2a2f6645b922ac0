-- Whose the numbers are that activations name, and which of these wait until that is known.

-- name: count_of_unattributed
-- How many activations of each source wait until it is known whose number they name?
SELECT s.name, count(*)
FROM named_activations AS n
INNER JOIN sources AS s ON s.source_id = n.source_id
WHERE n.iccid IS NULL
GROUP BY s.name
ORDER BY s.name;

-- name: unattributed_after
-- Which numbers, in order after this one, do activations name that wait; of which source, how many,
-- and when was the first and the last? No more numbers than are asked for.
SELECT n.subscriber, s.name, count(*), min(n.activated_at), max(n.activated_at)
FROM (
    SELECT DISTINCT w.subscriber
    FROM named_activations AS w
    WHERE w.iccid IS NULL AND w.subscriber > :after
    ORDER BY w.subscriber
    LIMIT :at_most
) AS t
CROSS JOIN named_activations AS n
CROSS JOIN sources AS s
WHERE n.subscriber = t.subscriber AND n.iccid IS NULL AND s.source_id = n.source_id
GROUP BY n.subscriber, s.name
ORDER BY n.subscriber, s.name;

-- name: owners
-- Which SIMs had these numbers at these moments? `place` names the question.
WITH asked (place, subscriber, moment) AS (
    VALUES (:place, :subscriber, :moment)
)
SELECT
    f.place,
    (
        SELECT i.iccid
        FROM identities AS i
        WHERE i.subscriber = f.subscriber AND i.valid_from <= f.moment
        ORDER BY i.valid_from DESC
        LIMIT 1
    ) AS iccid
FROM asked AS f;

-- name: named_since
-- Which activations name these numbers from these moments on until the number's next identity is in
-- force, and which SIM are they attributed to?
WITH asked (subscriber, valid_from) AS (
    VALUES (:subscriber, :valid_from)
)
SELECT n.subscriber, n.activated_at, n.imei, n.iccid
FROM asked AS f
CROSS JOIN named_activations AS n
WHERE n.subscriber = f.subscriber
    AND n.activated_at >= f.valid_from
    AND n.activated_at < coalesce(
        (
            SELECT min(i.valid_from)
            FROM identities AS i
            WHERE i.subscriber = f.subscriber AND i.valid_from > f.valid_from
        ),
        4611686018427387904
    );

-- name: sims_named_since
-- Which SIMs are the same activations attributed to, each once?
WITH asked (subscriber, valid_from) AS (
    VALUES (:subscriber, :valid_from)
)
SELECT DISTINCT n.iccid
FROM asked AS f
CROSS JOIN named_activations AS n
WHERE n.subscriber = f.subscriber
    AND n.iccid IS NOT NULL
    AND n.activated_at >= f.valid_from
    AND n.activated_at < coalesce(
        (
            SELECT min(i.valid_from)
            FROM identities AS i
            WHERE i.subscriber = f.subscriber AND i.valid_from > f.valid_from
        ),
        4611686018427387904
    );
