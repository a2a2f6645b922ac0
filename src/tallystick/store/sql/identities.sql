-- Activations that wait until it is known whose IMSI or MSISDN they name.

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
