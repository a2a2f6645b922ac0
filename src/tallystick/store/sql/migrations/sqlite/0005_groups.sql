-- what the group is for
ALTER TABLE groups ADD COLUMN description TEXT NOT NULL DEFAULT '';

-- The SIMs of one account in order, for its lists.
CREATE INDEX sims_by_account ON sims (account_id, iccid);

-- The default group is the SIMs that are in no other: it is no longer kept as one, where a file had named it.
DELETE FROM group_members WHERE group_id IN (SELECT group_id FROM groups WHERE name = 'Unassigned Devices');

DELETE FROM groups WHERE name = 'Unassigned Devices';
