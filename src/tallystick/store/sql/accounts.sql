-- name: accounts
-- Which accounts are there?
SELECT a.account_id, a.name FROM accounts AS a ORDER BY a.name;

-- name: account_id
-- Which number has this account?
SELECT a.account_id FROM accounts AS a WHERE a.name = :name;

-- name: first_uses
-- What does each account expect of SIMs while no expectation is in force?
SELECT a.name, a.first_use FROM accounts AS a;

-- name: asking_accounts
-- Which accounts ask for approval?
SELECT a.account_id, a.name FROM accounts AS a WHERE a.approval = 'required';

-- name: approvals
-- Which accounts ask for approval, and which do not?
SELECT a.name, a.approval FROM accounts AS a ORDER BY a.name;

-- name: count_of_sims
-- How many SIMs has the account?
SELECT count(*) FROM sims AS s WHERE s.account_id = :account_id;

-- name: users_who_see
-- Which users may see this account?
SELECT u.name
FROM users AS u
WHERE u.all_accounts = 1
    OR EXISTS (
        SELECT 1 FROM user_accounts AS g
        WHERE g.user_id = u.user_id AND g.account_id = :account_id
    )
ORDER BY u.name;

-- name: accounts_of_sims
-- Of these SIMs, in which account is each that is loaded?
SELECT s.iccid, s.account_id FROM carray(:iccids) AS t CROSS JOIN sims AS s WHERE s.iccid = t.value;

-- name: sims_of_account_after
-- Which SIMs has the account, in order, after this one?
SELECT s.iccid
FROM sims AS s
WHERE s.account_id = :account_id AND s.iccid > :after
ORDER BY s.iccid
LIMIT :at_most;

-- name: add_account
-- Make an account known.
INSERT INTO accounts (name) VALUES (:name);

-- name: rename_account
-- From now on the account has this name.
UPDATE accounts SET name = :name WHERE account_id = :account_id;

-- name: set_first_use
-- From now on the account expects this of its SIMs while no expectation is in force.
UPDATE accounts
SET first_use = :first_use
WHERE account_id = :account_id AND first_use <> :first_use;

-- name: set_approval
-- From now on the account asks for approval, or no longer.
UPDATE accounts SET approval = :approval WHERE account_id = :account_id;

-- name: revoke_account_of_users
-- No user sees the account by its name any more.
DELETE FROM user_accounts WHERE account_id = :account_id;

-- name: forget_uploads_to_account
-- Nobody can ask for uploads to the account any more.
DELETE FROM uploads WHERE account_id = :account_id;

-- name: forget_deliveries_to_account
-- What was to be delivered to the account's listeners has nowhere to go any more.
DELETE FROM deliveries
WHERE listener_id IN (SELECT l.listener_id FROM listeners AS l WHERE l.account_id = :account_id);

-- name: forget_listeners_of_account
-- Nobody listens to the account any more.
DELETE FROM listeners WHERE account_id = :account_id;

-- name: forget_work_on_account
-- Nothing is left to be done to the account's SIMs.
DELETE FROM unfinished_work WHERE kind IN ('rename', 'first-use') AND subject = :account_id;

-- name: remove_account
-- There is no such account any more.
DELETE FROM accounts WHERE account_id = :account_id;

-- name: move_sims
-- From now on these SIMs are in this account.
UPDATE sims SET account_id = :account_id WHERE iccid IN (SELECT v.value FROM carray(:iccids) AS v);

-- name: remove_sims
-- These SIMs are not loaded any more.
DELETE FROM sims WHERE iccid IN (SELECT v.value FROM carray(:iccids) AS v);

-- name: policies
-- What does each account expect of SIMs while no expectation is in force, by its number?
SELECT a.account_id, a.first_use FROM accounts AS a;
