-- name: take_sim
-- Put a SIM in, or replace what is known of it; a repetition changes nothing.
INSERT INTO sims (iccid, mdn, account_id, activation_date, generation)
VALUES (:iccid, :mdn, :account_id, :activation_date, :generation)
ON CONFLICT (iccid) DO UPDATE
SET mdn = excluded.mdn, account_id = excluded.account_id,
    activation_date = excluded.activation_date, generation = excluded.generation
WHERE sims.mdn IS DISTINCT FROM excluded.mdn OR sims.account_id <> excluded.account_id
    OR sims.activation_date IS DISTINCT FROM excluded.activation_date OR sims.generation <> excluded.generation;

-- name: take_activation
-- Put an activation in; a repetition changes nothing.
INSERT INTO activations (iccid, activated_at, imei)
VALUES (:iccid, :activated_at, :imei)
ON CONFLICT DO NOTHING;

-- name: take_activation_returning
-- Put a few activations in, and return those that were new.
INSERT INTO activations (iccid, activated_at, imei)
VALUES (:iccid, :activated_at, :imei)
ON CONFLICT DO NOTHING
RETURNING iccid, activated_at, imei;

-- name: take_group_member
-- Put a SIM in a group of an account, out of the one it was in there; a repetition changes nothing.
INSERT INTO group_members (account_id, iccid, group_id)
VALUES (:account_id, :iccid, :group_id)
ON CONFLICT (account_id, iccid) DO UPDATE
SET group_id = excluded.group_id
WHERE group_members.group_id <> excluded.group_id;

-- name: add_account
-- Make an account known.
INSERT INTO accounts (name) VALUES (:name);

-- name: account_id
-- Which number has this account?
SELECT a.account_id FROM accounts AS a WHERE a.name = :name;

-- name: sims_as_kept
-- What is known of these SIMs?
SELECT s.iccid, s.mdn, s.account_id, s.activation_date, s.generation
FROM carray(:iccids) AS t
CROSS JOIN sims AS s
WHERE s.iccid = t.value;

-- name: policies
-- What does each account expect of SIMs while no expectation is in force, by its number?
SELECT a.account_id, a.first_use FROM accounts AS a;

-- name: first_uses
-- What does each account expect of SIMs while no expectation is in force?
SELECT a.name, a.first_use FROM accounts AS a;

-- name: set_first_use
-- From now on the account expects this of its SIMs while no expectation is in force.
UPDATE accounts SET first_use = :first_use WHERE account_id = :account_id AND first_use <> :first_use;

-- name: sims_of_account_after
-- Which SIMs has the account, in order, after this one?
SELECT s.iccid FROM sims AS s WHERE s.account_id = :account_id AND s.iccid > :after ORDER BY s.iccid LIMIT :at_most;

-- name: accounts
-- Which accounts are there?
SELECT a.account_id, a.name FROM accounts AS a ORDER BY a.name;

-- name: group_id
-- Which number has this group of this account?
SELECT g.group_id FROM groups AS g WHERE g.account_id = :account_id AND g.name = :name;

-- name: sim
-- What is known of this SIM?
SELECT s.iccid, s.mdn, a.name, s.activation_date, s.generation
FROM sims AS s
INNER JOIN accounts AS a ON a.account_id = s.account_id
WHERE s.iccid = :iccid;

-- name: expectations_of
-- Where was this SIM expected, from when on?
SELECT e.effective_from, e.imei, l.members
FROM expectations AS e
LEFT JOIN expectation_lists AS l ON l.iccid = e.iccid AND l.value = e.imei
WHERE e.iccid = :iccid
ORDER BY e.effective_from;

-- name: activations_of
-- Where was this SIM seen, and when?
SELECT a.activated_at, a.imei FROM activations AS a WHERE a.iccid = :iccid ORDER BY a.activated_at, a.imei;

-- name: count_of_facts
-- How much is in the store?
SELECT
    (SELECT count(*) FROM accounts) AS accounts,
    (SELECT count(*) FROM sims) AS sims,
    (SELECT count(*) FROM expectations) AS expectations,
    (SELECT count(*) FROM activations) AS activations,
    (SELECT count(*) FROM mismatches) AS mismatches;

-- name: import_progress
-- How far has this file come?
SELECT i.facts_taken, i.accepted, i.duplicate, i.change_set_id FROM imports AS i WHERE i.digest = :digest;

-- name: note_import_progress
-- So far has this file come.
INSERT INTO imports (digest, facts_taken, accepted, duplicate, change_set_id)
VALUES (:digest, :facts_taken, :accepted, :duplicate, :change_set_id)
ON CONFLICT (digest) DO UPDATE
SET facts_taken = excluded.facts_taken, accepted = excluded.accepted, duplicate = excluded.duplicate,
    change_set_id = excluded.change_set_id;

-- name: forget_import
-- This file has been taken in whole.
DELETE FROM imports WHERE digest = :digest;

-- name: expected_values_between
-- Where were the SIMs from the first to the last expected, at whatever time? No more rows than are asked for.
SELECT e.iccid, e.imei AS value FROM expectations AS e WHERE e.iccid BETWEEN :first AND :last LIMIT :at_most;

-- name: expectations_among
-- Where were these SIMs expected, from when on?
SELECT e.iccid, e.effective_from, e.imei AS value
FROM carray(:iccids) AS t
CROSS JOIN expectations AS e
WHERE e.iccid = t.value;

-- name: activations_among
-- Where were these SIMs seen, and when?
SELECT a.iccid, a.activated_at, a.imei FROM carray(:iccids) AS t CROSS JOIN activations AS a WHERE a.iccid = t.value;

-- name: expectations_version
-- How often have expectations changed?
SELECT s.expectations_version FROM store AS s;

-- name: note_changed_expectations
-- Expectations have changed once more.
UPDATE store SET expectations_version = expectations_version + 1;

-- name: has_sims_between
-- Does the device database have a SIM from the first to the last?
SELECT EXISTS (SELECT 1 FROM sims AS s WHERE s.iccid BETWEEN :first AND :last);

-- name: in_force_since
-- Since when are these SIMs expected where they are at this moment?
SELECT e.iccid, max(e.effective_from)
FROM carray(:iccids) AS t
CROSS JOIN expectations AS e
WHERE e.iccid = t.value AND e.effective_from <= :moment
GROUP BY e.iccid;

-- name: loaded_sims
-- Which of these SIMs are loaded?
SELECT s.iccid FROM carray(:iccids) AS t CROSS JOIN sims AS s WHERE s.iccid = t.value;

-- name: known_sims
-- Which of these SIMs does the device database know, loaded or expected somewhere? One may come several times.
SELECT s.iccid FROM carray(:iccids) AS t CROSS JOIN sims AS s WHERE s.iccid = t.value
UNION ALL
SELECT e.iccid FROM carray(:iccids) AS t CROSS JOIN expectations AS e WHERE e.iccid = t.value;
