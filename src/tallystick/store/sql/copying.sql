-- What is moved to another store. Numbers of accounts, groups and users are each store's own: names
-- tell them there.

-- name: moving_first_sim
-- Which SIM, or number that networks call one, of which anything is told comes first after this one?
-- Such numbers come before all SIMs.
SELECT min(f.iccid)
FROM (
    SELECT min(s.iccid) AS iccid FROM sims AS s WHERE s.iccid > :after
    UNION ALL
    SELECT min(e.iccid) AS iccid FROM expectations AS e WHERE e.iccid > :after
    UNION ALL
    SELECT min(a.iccid) AS iccid FROM activations AS a WHERE a.iccid > :after
    UNION ALL
    SELECT min(g.iccid) AS iccid FROM group_members AS g WHERE g.iccid > :after
    UNION ALL
    SELECT min(f.iccid) AS iccid FROM former_expectations AS f WHERE f.iccid > :after
    UNION ALL
    SELECT min(p.iccid) AS iccid FROM proposed_expectations AS p WHERE p.iccid > :after
    UNION ALL
    SELECT min(i.subscriber) AS iccid FROM identities AS i WHERE i.subscriber > :after
    UNION ALL
    SELECT min(x.subscriber) AS iccid FROM former_identities AS x WHERE x.subscriber > :after
    UNION ALL
    SELECT min(n.subscriber) AS iccid FROM named_activations AS n WHERE n.subscriber > :after
) AS f;

-- name: moving_count
-- How much is told of the SIMs of a range?
SELECT
    (SELECT count(*) FROM sims AS s WHERE s.iccid > :after AND s.iccid <= :up_to)
    + (SELECT count(*) FROM expectations AS e WHERE e.iccid > :after AND e.iccid <= :up_to)
    + (SELECT count(*) FROM activations AS a WHERE a.iccid > :after AND a.iccid <= :up_to)
    + (SELECT count(*) FROM former_expectations AS f WHERE f.iccid > :after AND f.iccid <= :up_to)
    + (SELECT count(*) FROM identities AS i WHERE i.subscriber > :after AND i.subscriber <= :up_to)
    + (
        SELECT count(*)
        FROM named_activations AS n
        WHERE n.subscriber > :after AND n.subscriber <= :up_to
    );

-- name: moving_sims
-- What is known of the SIMs of a range?
SELECT s.iccid, s.mdn, s.account_id, s.activation_date, s.generation
FROM sims AS s
WHERE s.iccid > :after AND s.iccid <= :up_to;

-- name: moving_expectations
-- Where were the SIMs of a range expected, from when on, and which change set says so?
SELECT e.iccid, e.effective_from, e.imei, e.change_set_id
FROM expectations AS e
WHERE e.iccid > :after AND e.iccid <= :up_to;

-- name: moving_lists
-- Which values of the expectations of a range of SIMs have several members?
SELECT l.iccid, l.value, l.members
FROM expectation_lists AS l
WHERE l.iccid > :after AND l.iccid <= :up_to;

-- name: moving_former
-- Where were the SIMs of a range expected once?
SELECT f.iccid, f.effective_from, f.ended_in, f.version, f.change_set_id, f.imei
FROM former_expectations AS f
WHERE f.iccid > :after AND f.iccid <= :up_to;

-- name: moving_proposed
-- Where would the SIMs of a range be expected?
SELECT p.iccid, p.effective_from, p.change_set_id, p.imei
FROM proposed_expectations AS p
WHERE p.iccid > :after AND p.iccid <= :up_to;

-- name: moving_activations
-- Where were the SIMs of a range seen, and when?
SELECT a.iccid, a.activated_at, a.imei
FROM activations AS a
WHERE a.iccid > :after AND a.iccid <= :up_to;

-- name: moving_followers
-- Which activations of the SIMs of a range only follow from named ones?
SELECT DISTINCT n.iccid, n.activated_at, n.imei
FROM named_activations AS n
WHERE n.iccid > :after AND n.iccid <= :up_to
    AND NOT EXISTS (
        SELECT 1
        FROM direct_twins AS d
        WHERE d.iccid = n.iccid AND d.activated_at = n.activated_at AND d.imei = n.imei
    );

-- name: moving_identities
-- Which SIMs have the numbers of a range, from when on, and which change set says so?
SELECT i.subscriber, i.valid_from, i.iccid, i.change_set_id
FROM identities AS i
WHERE i.subscriber > :after AND i.subscriber <= :up_to;

-- name: moving_former_identities
-- Which SIMs had the numbers of a range once?
SELECT f.subscriber, f.valid_from, f.ended_in, f.version, f.change_set_id, f.iccid
FROM former_identities AS f
WHERE f.subscriber > :after AND f.subscriber <= :up_to;

-- name: moving_named
-- Which activations name the numbers of a range, and where do they come from?
SELECT n.subscriber, n.activated_at, n.imei, s.name
FROM named_activations AS n
INNER JOIN sources AS s ON s.source_id = n.source_id
WHERE n.subscriber > :after AND n.subscriber <= :up_to;

-- name: raise_identities_version
-- Identities have changed at least so often as in another store.
UPDATE store SET identities_version = :version WHERE identities_version < :version;

-- name: moving_members
-- Which SIMs of a range are in which group of which account?
SELECT g.iccid, g.account_id, g.group_id
FROM group_members AS g
WHERE g.iccid > :after AND g.iccid <= :up_to;

-- name: moving_mismatches
-- Which rows are kept of the SIMs of a range?
SELECT m.iccid, m.account_id, m.generation, m.activated_at, m.pre_imei, m.post_imei, m.wire,
    m.reasons
FROM mismatches AS m
WHERE m.iccid > :after AND m.iccid <= :up_to;

-- name: whole_groups
-- Which groups are there?
SELECT g.group_id, g.account_id, g.name, g.description FROM groups AS g;

-- name: whole_apps
-- Which apps are there, whole?
SELECT a.key, a.name, a.scopes FROM apps AS a;

-- name: whole_app_secrets
-- Which secrets have apps, whole?
SELECT s.key, s.secret_sha256, s.made_at, s.expires_at
FROM app_secrets AS s
ORDER BY s.secret_sha256;

-- name: whole_tokens
-- Which tokens have apps, whole?
SELECT t.key, t.token_sha256, t.secret_sha256, t.scopes, t.salt, t.expires_at
FROM tokens AS t
ORDER BY t.token_sha256;

-- name: whole_personal_tokens
-- Which tokens have users of their own, whole?
SELECT u.name AS user_name, t.token_sha256, t.name, t.scopes, t.made_at, t.expires_at
FROM personal_tokens AS t
INNER JOIN users AS u ON u.user_id = t.user_id
ORDER BY t.token_sha256;

-- name: put_app
-- Make an app known as it is in another store.
INSERT INTO apps (key, name, scopes) VALUES (:key, :name, :scopes)
ON CONFLICT (key) DO UPDATE SET name = excluded.name, scopes = excluded.scopes;

-- name: users_whole
-- Which users are there, whole?
SELECT u.name, u.password_argon2, u.all_accounts, u.failed_logins, u.role FROM users AS u;

-- name: put_user
-- Make a user known as they are in another store.
INSERT INTO users (name, password_argon2, all_accounts, failed_logins, role)
VALUES (:name, :password_argon2, :all_accounts, :failed_logins, :role)
ON CONFLICT (name) DO UPDATE
SET password_argon2 = excluded.password_argon2, all_accounts = excluded.all_accounts,
    failed_logins = excluded.failed_logins, role = excluded.role;

-- name: grants
-- Which user was granted which account by name?
SELECT u.name AS user_name, a.name AS account
FROM users AS u
INNER JOIN user_accounts AS g ON g.user_id = u.user_id
INNER JOIN accounts AS a ON a.account_id = g.account_id;

-- name: whole_change_sets
-- Which change sets are there, whole?
SELECT
    c.change_set_id, c.state, c.source, c.detail, c.actor, c.ticket, c.reason, c.brought_at,
    c.decided_by, c.decided_at,
    c.undoes, c.added, c.corrected, c.removed, c.kind
FROM change_sets AS c;

-- name: put_change_set
-- Make a change set known as it is in another store.
INSERT INTO change_sets
    (change_set_id, state, source, detail, actor, ticket, reason, brought_at, decided_by,
        decided_at, undoes, added,
    corrected, removed, kind)
VALUES
    (:change_set_id, :state, :source, :detail, :actor, :ticket, :reason, :brought_at, :decided_by,
        :decided_at, :undoes,
    :added, :corrected, :removed, :kind)
ON CONFLICT (change_set_id) DO UPDATE
SET state = excluded.state, decided_by = excluded.decided_by, decided_at = excluded.decided_at,
    added = excluded.added,
    corrected = excluded.corrected, removed = excluded.removed;

-- name: raise_expectations_version
-- Expectations have changed at least so often as in another store.
UPDATE store SET expectations_version = :version WHERE expectations_version < :version;

-- name: whole_deliveries
-- Which deliveries are there, whole?
SELECT
    l.account_id, l.service, d.request_id, d.outcome, d.attempts, d.since, d.next_try_at,
    d.given_up_at, d.last_error
FROM deliveries AS d
INNER JOIN listeners AS l ON l.listener_id = d.listener_id;

-- name: moving_explanations
-- What was said of the rows of a range of SIMs?
SELECT
    x.activated_at, x.iccid, x.post_imei, x.explained_at, x.explained_by, x.ticket, x.note,
    x.holds_until, x.seen_until, x.ended_at, x.ended_by
FROM explanations AS x
WHERE x.iccid > :after AND x.iccid <= :up_to;
