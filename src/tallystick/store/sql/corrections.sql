-- name: mismatched_types
-- Which SIMs have rows in the window, how many, and of which types were the hardware that each was
-- seen in and the one that it was expected in? A TAC is the first eight digits of an IMEI. Where
-- several members were expected, their text is told; where no hardware was, neither.
SELECT m.iccid, m.post_imei / 400000000 AS seen_tac,
    CASE WHEN m.expected_imei >= 0 THEN m.expected_imei / 400000000 END AS expected_tac,
    l.members,
    count(*)
FROM mismatches AS m
LEFT JOIN expectation_lists AS l
    ON m.expected_imei <= -16 AND l.iccid = m.iccid AND l.value = m.expected_imei
WHERE m.account_id IN (SELECT a.value FROM carray(:account_ids) AS a)
    AND m.generation IN (SELECT g.value FROM carray(:generations) AS g)
    AND m.activated_at > :earliest AND m.activated_at < :latest
GROUP BY m.iccid, m.post_imei / 400000000,
    CASE WHEN m.expected_imei >= 0 THEN m.expected_imei / 400000000 END, l.members
ORDER BY m.iccid, seen_tac, expected_tac;
