-- part: run_before
-- Which activation, a, is the last one of the run before the run n, if that is asked for? It is
-- looked up by LATERAL, once for each run: the planner cannot choose to look for it once for each
-- activation of the SIM, as it would for subqueries while it has no statistics.
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
