-- name: devices_of_account
-- Which SIMs has the account, in order after one, and in which group is each? No more than are
-- asked for.
SELECT s.iccid, s.mdn, a.name, s.activation_date, s.generation, g.name
FROM sims AS s
INNER JOIN accounts AS a ON a.account_id = s.account_id
LEFT JOIN group_members AS m ON m.iccid = s.iccid AND m.account_id = s.account_id
LEFT JOIN groups AS g ON g.group_id = m.group_id
WHERE s.account_id = :account_id AND s.iccid > :after
ORDER BY s.iccid
LIMIT :at_most;

-- name: devices_of_accounts
-- Which SIMs have several accounts, in order after one, and in which group is each? No more than
-- are asked for.
SELECT s.iccid, s.mdn, a.name, s.activation_date, s.generation, g.name
FROM sims AS s
INNER JOIN accounts AS a ON a.account_id = s.account_id
LEFT JOIN group_members AS m ON m.iccid = s.iccid AND m.account_id = s.account_id
LEFT JOIN groups AS g ON g.group_id = m.group_id
WHERE s.iccid > :after AND s.account_id IN (SELECT v.value FROM carray(:account_ids) AS v)
ORDER BY s.iccid
LIMIT :at_most;

-- name: devices_among
-- Which of these SIMs have some accounts, in order, and in which group is each?
SELECT s.iccid, s.mdn, a.name, s.activation_date, s.generation, g.name
FROM carray(:iccids) AS t
INNER JOIN sims AS s ON s.iccid = t.value
INNER JOIN accounts AS a ON a.account_id = s.account_id
LEFT JOIN group_members AS m ON m.iccid = s.iccid AND m.account_id = s.account_id
LEFT JOIN groups AS g ON g.group_id = m.group_id
WHERE s.account_id IN (SELECT v.value FROM carray(:account_ids) AS v)
ORDER BY s.iccid;
