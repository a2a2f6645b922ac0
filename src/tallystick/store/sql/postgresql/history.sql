-- part: run_before
-- Which activation, a, is the last one of the run before the run n, if that is asked for? It is
-- looked up by LATERAL, once for each run: the planner cannot choose to look for it once for each
-- activation of the SIM, as it would for subqueries while it has no statistics.
CROSS JOIN LATERAL (
    SELECT b.activated_at, b.imei
    /* part: last_of_another_run */
) AS a
WHERE n.place < :runs_max
