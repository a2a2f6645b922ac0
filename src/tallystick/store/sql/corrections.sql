-- name: mismatched_types
-- Which SIMs have rows in the window, how many, and of which types were the hardware that each was
-- seen in and the one that it was expected in? A TAC is the first eight digits of an IMEI.
SELECT m.iccid, m.post_imei / 400000000 AS seen_tac, m.expected_imei / 400000000 AS expected_tac,
    count(*)
FROM mismatches AS m
WHERE m.account_id IN (SELECT a.value FROM carray(:account_ids) AS a)
    AND m.generation IN (SELECT g.value FROM carray(:generations) AS g)
    AND m.activated_at > :earliest AND m.activated_at < :latest
GROUP BY m.iccid, m.post_imei / 400000000, m.expected_imei / 400000000
ORDER BY m.iccid, seen_tac, expected_tac;
