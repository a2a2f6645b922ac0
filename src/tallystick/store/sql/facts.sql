-- What is known of SIMs. Digits are kept as integers (core/identifiers.py): `imei / 400` is the
-- hardware, its first 14 digits. `FROM carray(:some) AS t CROSS JOIN table AS x WHERE x.key = t.value`
-- looks each value of a set up by the key; CROSS JOIN makes SQLite keep that order.

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
SELECT a.activated_at, a.imei
FROM activations AS a
WHERE a.iccid = :iccid
ORDER BY a.activated_at, a.imei;

-- name: count_of_facts
-- How much is in the store?
SELECT
    (SELECT count(*) FROM accounts) AS accounts,
    (SELECT count(*) FROM sims) AS sims,
    (SELECT count(*) FROM expectations) AS expectations,
    (SELECT count(*) FROM activations) AS activations,
    (SELECT count(*) FROM mismatches) AS mismatches;

-- name: expectations_between
-- Where were the SIMs from the first to the last expected, from when on? No more rows than are
-- asked for.
SELECT e.iccid, e.effective_from, e.imei AS value
FROM expectations AS e
WHERE e.iccid BETWEEN :first AND :last
LIMIT :at_most;

-- name: expectations_among
-- Where were these SIMs expected, from when on?
SELECT e.iccid, e.effective_from, e.imei AS value
FROM carray(:iccids) AS t
CROSS JOIN expectations AS e
WHERE e.iccid = t.value;

-- name: activations_among
-- Where were these SIMs seen, and when?
SELECT a.iccid, a.activated_at, a.imei
FROM carray(:iccids) AS t
CROSS JOIN activations AS a
WHERE a.iccid = t.value;

-- name: expectations_version
-- How often have expectations changed?
SELECT s.expectations_version FROM store AS s;

-- name: known_sims
-- Which of these SIMs does the device database know, loaded or expected somewhere? One may come
-- several times.
SELECT s.iccid FROM carray(:iccids) AS t CROSS JOIN sims AS s WHERE s.iccid = t.value
UNION ALL
SELECT e.iccid FROM carray(:iccids) AS t CROSS JOIN expectations AS e WHERE e.iccid = t.value;

-- name: sims_in_account
-- Which of these SIMs are the account's?
SELECT s.iccid
FROM carray(:iccids) AS t
CROSS JOIN sims AS s
WHERE s.iccid = t.value AND s.account_id = :account_id;

-- name: sims_of_mdns
-- Which SIMs have these phone numbers?
SELECT s.iccid FROM sims AS s WHERE s.mdn IN (SELECT v.value FROM carray(:mdns) AS v);

-- name: sims_as_kept
-- What is known of these SIMs?
SELECT s.iccid, s.mdn, s.account_id, s.activation_date, s.generation
FROM carray(:iccids) AS t
CROSS JOIN sims AS s
WHERE s.iccid = t.value;

-- name: lists_of_sims
-- Which values of these SIMs' expectations have several members?
SELECT l.iccid, l.value, l.members
FROM carray(:iccids) AS t
CROSS JOIN expectation_lists AS l
WHERE l.iccid = t.value;
