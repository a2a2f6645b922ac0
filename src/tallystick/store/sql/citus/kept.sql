-- Citus joins no sublinks with a set of numbers. Here the tables are asked for the SIMs.

-- name: suspects
-- As in sql/kept.sql: which of these SIMs can have rows, or have had some?
SELECT DISTINCT q.iccid
FROM (
    SELECT s.iccid FROM sightings AS s WHERE s.iccid = ANY(CAST(:iccids AS bigint[]))
    UNION ALL
    SELECT a.iccid
    FROM activations AS a
    WHERE a.iccid = ANY(CAST(:iccids AS bigint[]))
        AND a.imei / 400 <> (
            SELECT CASE WHEN e.imei < 0 THEN e.imei ELSE e.imei / 400 END
            FROM expectations AS e
            WHERE e.iccid = a.iccid
            ORDER BY e.effective_from LIMIT 1
        )
    UNION ALL
    SELECT o.iccid
    FROM expectations AS o
    WHERE o.iccid = ANY(CAST(:iccids AS bigint[]))
        AND EXISTS (SELECT 1 FROM activations AS a WHERE a.iccid = o.iccid)
        AND CASE WHEN o.imei < 0 THEN o.imei ELSE o.imei / 400 END <> (
            SELECT CASE WHEN e.imei < 0 THEN e.imei ELSE e.imei / 400 END
            FROM expectations AS e
            WHERE e.iccid = o.iccid
            ORDER BY e.effective_from LIMIT 1
        )
) AS q;
