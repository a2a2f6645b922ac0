-- name: last_activations
-- As in sql/sightings.sql: where were these SIMs last seen, and when?
SELECT a.iccid, a.activated_at, max(a.imei) AS imei
FROM activations AS a
WHERE a.iccid = ANY(CAST(:iccids AS bigint[]))
    AND a.activated_at = (SELECT max(b.activated_at) FROM activations AS b WHERE b.iccid = a.iccid)
GROUP BY a.iccid, a.activated_at;
