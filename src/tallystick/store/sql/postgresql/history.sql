-- As in sql/history.sql. The next run's last activation is looked up by LATERAL, once for each run:
-- the planner cannot choose to look for it once for each activation of the SIM, as it would for the
-- subqueries there while it has no statistics.

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
            coalesce(
                (
                    SELECT max(e.effective_from)
                    FROM expectations AS e
                    WHERE e.iccid = :iccid AND e.effective_from <= a.activated_at
                ),
                :beginning
            ) AS since
        FROM activations AS a
        WHERE a.iccid = :iccid AND (a.activated_at, a.imei) < (:activated_at, :imei)
        ORDER BY a.activated_at DESC, a.imei DESC
        LIMIT 1
    ) AS n
    CROSS JOIN reach AS r
    UNION ALL
    SELECT
        n.place + 1, a.activated_at, a.imei,
        coalesce(
            (
                SELECT max(e.effective_from)
                FROM expectations AS e
                WHERE e.iccid = :iccid AND e.effective_from <= a.activated_at
            ),
            :beginning
        ),
        n.beyond_at, n.beyond_imei
    FROM ends AS n
    CROSS JOIN LATERAL (
        SELECT b.activated_at, b.imei
        FROM activations AS b
        WHERE b.iccid = :iccid
            AND (b.activated_at, b.imei) > (n.beyond_at, n.beyond_imei)
            AND (b.activated_at, b.imei) < (n.activated_at, n.imei)
            AND (b.imei / 400 <> n.imei / 400 OR b.activated_at < n.since)
        ORDER BY b.activated_at DESC, b.imei DESC
        LIMIT 1
    ) AS a
    WHERE n.place < :runs_max
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
