-- name: take_group_member
-- Put SIMs in groups of an account, out of the ones they were in there; a repetition changes
-- nothing.
INSERT INTO group_members (account_id, iccid, group_id)
SELECT *
FROM unnest(CAST(:account_id AS bigint[]), CAST(:iccid AS bigint[]), CAST(:group_id AS bigint[]))
ON CONFLICT (account_id, iccid) DO UPDATE
SET group_id = excluded.group_id
WHERE group_members.group_id <> excluded.group_id
RETURNING 1;
