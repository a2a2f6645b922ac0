-- name: listeners_of
-- Which listeners have these accounts, with what they are to be sent?
SELECT l.account_id, l.service, l.url, l.username, l.password
FROM listeners AS l
WHERE l.account_id IN (SELECT v.value FROM carray(:account_ids) AS v)
ORDER BY l.account_id, l.service;

-- name: put_listener
-- From now on the account's messages of this service go here.
INSERT INTO listeners (account_id, service, url, username, password)
VALUES (:account_id, :service, :url, :username, :password)
ON CONFLICT (account_id, service) DO UPDATE
SET url = excluded.url, username = excluded.username, password = excluded.password;

-- name: forget_listener
-- Nobody listens to this service of the account any more.
DELETE FROM listeners WHERE account_id = :account_id AND service = :service;

-- name: forget_deliveries_of_listener
-- What was to be delivered to a listener has nowhere to go any more.
DELETE FROM deliveries
WHERE listener_id IN (
    SELECT l.listener_id
    FROM listeners AS l
    WHERE l.account_id = :account_id AND l.service = :service
);

-- name: hurry_deliveries
-- What waits for a listener is due, as it was when it came.
UPDATE deliveries SET next_try_at = since
WHERE given_up_at IS NULL AND listener_id IN (
    SELECT l.listener_id
    FROM listeners AS l
    WHERE l.account_id = :account_id AND l.service = :service
);

-- name: add_deliveries
-- This came of a request, which is to be told to whoever listens.
INSERT INTO deliveries (listener_id, request_id, outcome, since, next_try_at)
SELECT l.listener_id, :request_id, :outcome, :now, :now
FROM listeners AS l
WHERE l.account_id = :account_id AND l.service = :service;

-- name: due_deliveries
-- Which deliveries are due, the longest due first: of each listener that nobody is delivering to,
-- the oldest one? A moment that lies further ahead than anything waits was noted before the clock
-- was set back, and has passed. It is asked each second: the + keeps SQLite from reading all there
-- are, those given up too, in the order of listeners.
SELECT min(d.delivery_id)
FROM (
    SELECT p.delivery_id, p.listener_id, p.next_try_at, p.leased_until
    FROM deliveries AS p
    WHERE p.given_up_at IS NULL AND p.next_try_at <= :now
    UNION ALL
    SELECT f.delivery_id, f.listener_id, f.next_try_at, f.leased_until
    FROM deliveries AS f
    WHERE f.given_up_at IS NULL AND f.next_try_at > :next_try_max
) AS d
GROUP BY +d.listener_id
HAVING max(d.leased_until) <= :now OR max(d.leased_until) > :lease_max
ORDER BY min(d.next_try_at)
LIMIT :at_most;

-- name: count_waiting_deliveries
-- How many deliveries wait for their listeners?
SELECT count(*) FROM deliveries AS d WHERE d.given_up_at IS NULL;

-- name: lease_deliveries
-- Nobody else is to make these deliveries until then.
UPDATE deliveries SET leased_until = :until
WHERE delivery_id IN (SELECT v.value FROM carray(:delivery_ids) AS v);

-- name: leased_deliveries
-- What is to be delivered, and where to?
SELECT
    d.delivery_id, d.listener_id, d.request_id, d.outcome, d.attempts,
    l.account_id, l.service, l.url, l.username, l.password
FROM deliveries AS d
INNER JOIN listeners AS l ON l.listener_id = d.listener_id
WHERE d.delivery_id IN (SELECT v.value FROM carray(:delivery_ids) AS v);

-- name: finish_delivery
-- This delivery has arrived.
DELETE FROM deliveries WHERE delivery_id = :delivery_id;

-- name: fail_delivery
-- This delivery failed, and is tried again then. Where the clock was set back, it has been tried
-- since now.
UPDATE deliveries
SET attempts = :attempts, next_try_at = :next_try_at, leased_until = 0, last_error = :error,
    since = CASE WHEN since > :now THEN :now ELSE since END
WHERE delivery_id = :delivery_id;

-- name: put_off_deliveries
-- A listener failed: its other deliveries wait a while too.
UPDATE deliveries SET next_try_at = :until
WHERE listener_id = :listener_id
    AND delivery_id <> :delivery_id
    AND given_up_at IS NULL
    AND next_try_at < :until;

-- name: give_up_deliveries
-- What has waited this long for a listener that fails is tried no more.
UPDATE deliveries SET given_up_at = :now, leased_until = 0, last_error = :error
WHERE listener_id = :listener_id AND given_up_at IS NULL AND since <= :since_max;

-- name: forget_given_up
-- What was given up long ago is not needed any more.
DELETE FROM deliveries WHERE given_up_at < :before;

-- name: retry_delivery
-- An operator wants this delivery made, given up or not.
UPDATE deliveries SET since = :now, next_try_at = :now, given_up_at = NULL
WHERE delivery_id = :delivery_id;

-- name: deliveries_of
-- What waits for listeners of these accounts or was given up, how often was it tried, and what went
-- wrong?
SELECT
    d.delivery_id, l.account_id, l.service, d.request_id, d.attempts, d.since, d.next_try_at,
    d.given_up_at, d.last_error
FROM deliveries AS d
INNER JOIN listeners AS l ON l.listener_id = d.listener_id
WHERE l.account_id IN (SELECT v.value FROM carray(:account_ids) AS v)
ORDER BY d.delivery_id;

-- name: put_delivery
-- Make a delivery known as it is in another store.
INSERT INTO deliveries
    (listener_id, request_id, outcome, attempts, since, next_try_at, given_up_at, last_error)
SELECT
    l.listener_id, :request_id, :outcome, :attempts, :since, :next_try_at,
    CAST(:given_up_at AS bigint), :last_error
FROM listeners AS l
WHERE l.account_id = :account_id AND l.service = :service
ON CONFLICT (listener_id, request_id) DO UPDATE
SET outcome = excluded.outcome, attempts = excluded.attempts, since = excluded.since,
    next_try_at = excluded.next_try_at, given_up_at = excluded.given_up_at,
    last_error = excluded.last_error;
