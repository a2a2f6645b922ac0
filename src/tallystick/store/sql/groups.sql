-- name: groups_of_account
-- Which groups has an account?
SELECT g.group_id, g.name, g.description
FROM groups AS g
WHERE g.account_id = :account_id
ORDER BY g.name;

-- name: group_names
-- Which groups have these accounts?
SELECT g.account_id, g.name
FROM carray(:account_ids) AS t
CROSS JOIN groups AS g
WHERE g.account_id = t.value;

-- name: group_named
-- Which group of an account has this name?
SELECT g.group_id, g.name, g.description
FROM groups AS g
WHERE g.account_id = :account_id AND g.name = :name;

-- name: members_of_group
-- Which SIMs of the account are in the group, in order after one, no more than are asked for?
SELECT s.iccid, s.mdn
FROM group_members AS g
CROSS JOIN sims AS s
WHERE s.iccid = g.iccid AND s.account_id = g.account_id
    AND g.group_id = :group_id AND g.account_id = :account_id AND g.iccid > :after
ORDER BY s.iccid
LIMIT :at_most;

-- name: unassigned_sims
-- Which SIMs of the account are in none of its groups, in order after one, no more than are asked
-- for?
SELECT s.iccid, s.mdn
FROM sims AS s
WHERE s.account_id = :account_id AND s.iccid > :after
    AND NOT EXISTS (
        SELECT 1 FROM group_members AS g WHERE g.account_id = s.account_id AND g.iccid = s.iccid
    )
ORDER BY s.iccid
LIMIT :at_most;

-- name: add_group
-- Make a group known, with its description.
INSERT INTO groups (account_id, name, description) VALUES (:account_id, :name, :description);

-- name: change_group
-- From now on the group has this name and this description.
UPDATE groups SET name = :name, description = :description WHERE group_id = :group_id;

-- name: empty_group
-- Nobody is in the group any more.
DELETE FROM group_members WHERE account_id = :account_id AND group_id = :group_id;

-- name: delete_group
-- There is no such group any more.
DELETE FROM groups WHERE group_id = :group_id;

-- name: take_out_of_group
-- These SIMs are no longer in the group.
DELETE FROM group_members

WHERE account_id = :account_id
    AND group_id = :group_id
    AND iccid IN (SELECT v.value FROM carray(:iccids) AS v);

-- name: leave_groups
-- These SIMs are in no group of the account any more.
DELETE FROM group_members
WHERE account_id = :account_id AND iccid IN (SELECT v.value FROM carray(:iccids) AS v);

-- name: group_id
-- Which number has this group of this account?
SELECT g.group_id FROM groups AS g WHERE g.account_id = :account_id AND g.name = :name;

-- name: take_group_member
-- Put a SIM in a group of an account, out of the one it was in there; a repetition changes nothing.
INSERT INTO group_members (account_id, iccid, group_id)
VALUES (:account_id, :iccid, :group_id)
ON CONFLICT (account_id, iccid) DO UPDATE
SET group_id = excluded.group_id
WHERE group_members.group_id <> excluded.group_id;

-- name: leave_all_groups
-- These SIMs are in no group of any account any more, and do not wait for one.
DELETE FROM group_members WHERE iccid IN (SELECT v.value FROM carray(:iccids) AS v);
