-- name: devices_of_account
-- Which SIMs has the account, in order between two numbers? `mdn` is -1 where it is not known.
SELECT s.iccid, COALESCE(s.mdn, -1) AS mdn
FROM sims AS s
WHERE s.account_id = :account_id AND s.iccid > :after AND s.iccid <= :until
ORDER BY s.iccid
LIMIT :at_most;

-- name: devices_of_accounts
-- Which SIMs have many accounts, in order between two numbers? The sign keeps the engines from
-- reading every SIM of the accounts by their index, to sort them.
SELECT s.iccid, COALESCE(s.mdn, -1) AS mdn
FROM sims AS s
WHERE s.iccid > :after AND s.iccid <= :until
    AND +s.account_id IN (SELECT v.value FROM carray(:account_ids) AS v)
ORDER BY s.iccid
LIMIT :at_most;

-- name: devices_of_group
-- Which SIMs of the account are in the group, in order between two numbers?
SELECT s.iccid, COALESCE(s.mdn, -1) AS mdn
FROM group_members AS g
CROSS JOIN sims AS s
WHERE s.iccid = g.iccid AND s.account_id = g.account_id
    AND g.group_id = :group_id AND g.account_id = :account_id
    AND g.iccid > :after AND g.iccid <= :until
ORDER BY s.iccid
LIMIT :at_most;

-- name: unassigned_devices
-- Which SIMs of the account are in none of its groups, in order between two numbers?
SELECT s.iccid, COALESCE(s.mdn, -1) AS mdn
FROM sims AS s
WHERE s.account_id = :account_id AND s.iccid > :after AND s.iccid <= :until
    AND NOT EXISTS (
        SELECT 1 FROM group_members AS g WHERE g.account_id = s.account_id AND g.iccid = s.iccid
    )
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
