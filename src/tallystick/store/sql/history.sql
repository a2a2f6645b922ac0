-- Where one SIM has been, newest first. `imei / 400` is the hardware, its first 14 digits. A run is
-- a number of activations in one hardware, one after the other, under one expectation.

-- part: in_force_since
-- Since when was that in force which was expected of the SIM at the activation a?
coalesce(
    (
        SELECT max(e.effective_from)
        FROM expectations AS e
        WHERE e.iccid = :iccid AND e.effective_from <= a.activated_at
    ),
    :beginning
)

-- part: last_of_another_run
-- Which activation, b, before the run n and within the reach is the last that is of another run?
FROM activations AS b
WHERE b.iccid = :iccid
    AND (b.activated_at, b.imei) > (n.beyond_at, n.beyond_imei)
    AND (b.activated_at, b.imei) < (n.activated_at, n.imei)
    AND (b.imei / 400 <> n.imei / 400 OR b.activated_at < n.since)
ORDER BY b.activated_at DESC, b.imei DESC
LIMIT 1

-- part: run_before
-- Which activation, a, is the last one of the run before the run n, if that is asked for?
CROSS JOIN activations AS a
WHERE n.place < :runs_max
    AND a.iccid = :iccid
    AND a.activated_at = (
        SELECT b.activated_at
        /* part: last_of_another_run */
    )
    AND a.imei = (
        SELECT max(b.imei)
        FROM activations AS b
        WHERE b.iccid = :iccid
            AND b.activated_at = a.activated_at
            AND (b.activated_at, b.imei) < (n.activated_at, n.imei)
            AND (b.imei / 400 <> n.imei / 400 OR b.activated_at < n.since)
    )

-- name: runs_before
-- In which runs was this SIM seen before this activation, the newest run first? No more runs than
-- are asked for, and none beyond so many activations: the last run may have begun earlier. For
-- each the last moment, the first moment and IMEI, and how many activations it has.
-- The reach is the newest activation that lies beyond; an IMEI below zero says that none does.
WITH RECURSIVE reach (beyond_at, beyond_imei) AS (
    SELECT coalesce(max(b.activated_at), :beginning), coalesce(max(b.imei), CAST(-1 AS BIGINT))
    FROM (
        SELECT a.activated_at, a.imei
        FROM activations AS a
        WHERE a.iccid = :iccid AND (a.activated_at, a.imei) < (:activated_at, :imei)
        ORDER BY a.activated_at DESC, a.imei DESC
        LIMIT 1 OFFSET :activations_max
    ) AS b
),
-- The last activation of each run. The one behind those that are asked for says where the last
-- run begins.
ends (place, activated_at, imei, since, beyond_at, beyond_imei) AS (
    SELECT 0, n.activated_at, n.imei, n.since, r.beyond_at, r.beyond_imei
    FROM (
        SELECT
            a.activated_at, a.imei,
            /* part: in_force_since */ AS since
        FROM activations AS a
        WHERE a.iccid = :iccid AND (a.activated_at, a.imei) < (:activated_at, :imei)
        ORDER BY a.activated_at DESC, a.imei DESC
        LIMIT 1
    ) AS n
    CROSS JOIN reach AS r
    UNION ALL
    SELECT
        n.place + 1, a.activated_at, a.imei,
        /* part: in_force_since */,
        n.beyond_at, n.beyond_imei
    FROM ends AS n
    /* part: run_before */
),
runs (place, last_at, last_imei, before_at, before_imei, is_cut) AS (
    SELECT
        n.place, n.activated_at, n.imei,
        lead(n.activated_at, 1, n.beyond_at) OVER (ORDER BY n.place),
        lead(n.imei, 1, n.beyond_imei) OVER (ORDER BY n.place),
        lead(n.place) OVER (ORDER BY n.place) IS NULL AND n.beyond_imei >= 0
    FROM ends AS n
),
-- A run that the reach cuts has what is left of the activations: they are not counted once more.
counted (place, last_at, before_at, before_imei, activations) AS (
    SELECT
        r.place, r.last_at, r.before_at, r.before_imei,
        CASE WHEN NOT r.is_cut THEN (
            SELECT count(*)
            FROM activations AS a
            WHERE a.iccid = :iccid
                AND (a.activated_at, a.imei) > (r.before_at, r.before_imei)
                AND (a.activated_at, a.imei) <= (r.last_at, r.last_imei)
        ) END
    FROM runs AS r
    WHERE r.place < :runs_max
)
SELECT
    c.last_at,
    (
        SELECT a.activated_at
        FROM activations AS a
        WHERE a.iccid = :iccid AND (a.activated_at, a.imei) > (c.before_at, c.before_imei)
        ORDER BY a.activated_at, a.imei
        LIMIT 1
    ),
    (
        SELECT a.imei
        FROM activations AS a
        WHERE a.iccid = :iccid AND (a.activated_at, a.imei) > (c.before_at, c.before_imei)
        ORDER BY a.activated_at, a.imei
        LIMIT 1
    ),
    CAST(
        coalesce(
            c.activations,
            :activations_max - coalesce(sum(c.activations) OVER (), 0)
        ) AS BIGINT
    )
FROM counted AS c
ORDER BY c.place;

-- name: last_activation_before
-- Where was this SIM last seen before this activation?
SELECT a.activated_at, a.imei
FROM activations AS a
WHERE a.iccid = :iccid AND (a.activated_at, a.imei) < (:activated_at, :imei)
ORDER BY a.activated_at DESC, a.imei DESC
LIMIT 1;

-- name: first_activation
-- Where was this SIM first seen?
SELECT a.activated_at, a.imei
FROM activations AS a
WHERE a.iccid = :iccid
ORDER BY a.activated_at, a.imei
LIMIT 1;

-- name: in_force_between
-- What was expected of this SIM between these moments, both within, and since when?
SELECT e.effective_from, e.imei, l.members
FROM expectations AS e
LEFT JOIN expectation_lists AS l ON l.iccid = e.iccid AND l.value = e.imei
WHERE e.iccid = :iccid
    AND e.effective_from <= :last_at
    AND e.effective_from >= coalesce(
        (
            SELECT max(b.effective_from)
            FROM expectations AS b
            WHERE b.iccid = :iccid AND b.effective_from <= :first_at
        ),
        :first_at
    )
ORDER BY e.effective_from;

-- name: is_expected_undated
-- Is anything expected of this SIM from the beginning on?
SELECT EXISTS (
    SELECT 1 FROM expectations AS e WHERE e.iccid = :iccid AND e.effective_from = :beginning
);

-- name: counts_of_sim
-- How many expectations, activations and kept rows does this SIM have?
SELECT
    (SELECT count(*) FROM expectations AS e WHERE e.iccid = :iccid) AS expectations,
    (SELECT count(*) FROM activations AS a WHERE a.iccid = :iccid) AS activations,
    (SELECT count(*) FROM mismatches AS m WHERE m.iccid = :iccid) AS mismatches;
