-- What changed expectations, and what stood there before. Lists of change sets are joined with
-- values in Python: on a cluster change sets lie on one machine and values on all of them.

-- name: expecting_sims_after
-- Of which SIMs is anything expected, in order after one, no more than are asked for?
SELECT DISTINCT e.iccid FROM expectations AS e WHERE e.iccid > :after ORDER BY e.iccid LIMIT :at_most;

-- name: add_change_set
-- A change set has come; which number has it?
INSERT INTO change_sets
    (change_set_id, state, source, detail, actor, ticket, reason, brought_at, decided_by,
        decided_at, undoes, kind)
VALUES (
    (SELECT coalesce(max(c.change_set_id), 0) + 1 FROM change_sets AS c),
    :state, :source, :detail, :actor, :ticket, :reason, :brought_at, '', :decided_at, :undoes, :kind
)
RETURNING change_set_id;

-- name: count_changes
-- So many more expectations were added, corrected and removed by this change set.
UPDATE change_sets
SET added = added + :added, corrected = corrected + :corrected, removed = removed + :removed
WHERE change_set_id = :change_set_id;

-- name: set_change_set_state
-- From now on the change set is in this state.
UPDATE change_sets SET state = :state WHERE change_set_id = :change_set_id;

-- name: decide_change_set
-- Somebody has decided about the change set, or it is in force as a whole.
UPDATE change_sets
SET state = :state, decided_by = :decided_by, decided_at = :decided_at
WHERE change_set_id = :change_set_id;

-- name: drop_empty_change_set
-- A change set that has changed nothing is not kept.
DELETE FROM change_sets
WHERE change_set_id = :change_set_id AND added = 0 AND corrected = 0 AND removed = 0;

-- name: change_set
-- What is known of this change set?
SELECT
    c.change_set_id, c.state, c.source, c.detail, c.actor, c.ticket, c.reason, c.brought_at,
    c.decided_by, c.decided_at,
    c.undoes, c.added, c.corrected, c.removed, c.kind
FROM change_sets AS c
WHERE c.change_set_id = :change_set_id;

-- name: change_sets_before
-- Which change sets came before this one, the last first, no more than are asked for?
SELECT
    c.change_set_id, c.state, c.source, c.detail, c.actor, c.ticket, c.reason, c.brought_at,
    c.decided_by, c.decided_at,
    c.undoes, c.added, c.corrected, c.removed, c.kind
FROM change_sets AS c
WHERE c.change_set_id < :before
ORDER BY c.change_set_id DESC
LIMIT :at_most;

-- name: change_sets_in_state_before
-- Which change sets in this state came before this one, the last first, no more than are asked for?
SELECT
    c.change_set_id, c.state, c.source, c.detail, c.actor, c.ticket, c.reason, c.brought_at,
    c.decided_by, c.decided_at,
    c.undoes, c.added, c.corrected, c.removed, c.kind
FROM change_sets AS c
WHERE c.change_set_id < :before AND c.state = :state
ORDER BY c.change_set_id DESC
LIMIT :at_most;

-- name: undoings
-- Which change sets took back which? Those that are only proposed, or were rejected, did not.
SELECT c.change_set_id, c.undoes
FROM change_sets AS c
WHERE c.undoes IS NOT NULL AND c.state NOT IN ('proposed', 'rejected');

-- name: proposed_undoing
-- Which change set is proposed to take this one back?
SELECT min(c.change_set_id)
FROM change_sets AS c
WHERE c.undoes = :change_set_id AND c.state = 'proposed';

-- name: add_expectation
-- Put an expectation in where there is none.
INSERT INTO expectations (iccid, effective_from, imei, change_set_id)
VALUES (:iccid, :effective_from, :imei, :change_set_id);

-- name: put_expectation
-- Put an expectation in, whatever stands there.
INSERT INTO expectations (iccid, effective_from, imei, change_set_id)
VALUES (:iccid, :effective_from, :imei, :change_set_id)
ON CONFLICT (iccid, effective_from) DO UPDATE
SET imei = excluded.imei, change_set_id = excluded.change_set_id;

-- name: remove_expectation
-- Take an expectation out.
DELETE FROM expectations WHERE iccid = :iccid AND effective_from = :effective_from;

-- name: keep_former
-- A value has ended in this change set.
INSERT INTO former_expectations (ended_in, iccid, effective_from, change_set_id, imei, version)
VALUES (:ended_in, :iccid, :effective_from, :change_set_id, :imei, :version);

-- name: values_between
-- What is expected of the SIMs from the first to the last, and who said so? No more rows than are
-- asked for.
SELECT e.iccid, e.effective_from, e.imei, e.change_set_id
FROM expectations AS e
WHERE e.iccid BETWEEN :first AND :last
LIMIT :at_most;

-- name: values_among
-- What is expected of these SIMs, and who said so?
SELECT e.iccid, e.effective_from, e.imei, e.change_set_id
FROM carray(:iccids) AS t
CROSS JOIN expectations AS e
WHERE e.iccid = t.value;

-- name: values_put_in
-- Which expectations of a range of SIMs has this change set put that still stand? All of the range
-- are read for that: an index would cost every load as much as it saves the rare one who asks.
SELECT e.iccid, e.effective_from, e.imei, e.change_set_id
FROM expectations AS e
WHERE e.change_set_id = :change_set_id AND e.iccid > :after AND e.iccid <= :up_to;

-- name: values_ended_in
-- Which values of a range of SIMs have ended in this change set?
SELECT f.iccid, f.effective_from, f.imei, f.change_set_id, f.version
FROM former_expectations AS f
WHERE f.ended_in = :change_set_id AND f.iccid > :after AND f.iccid <= :up_to;

-- name: ended_values_of
-- Which values of a range of SIMs that this change set had put have ended? All that have ended are
-- read for that.
SELECT f.iccid, f.effective_from, f.imei, f.change_set_id
FROM former_expectations AS f
WHERE f.change_set_id = :change_set_id AND f.iccid > :after AND f.iccid <= :up_to;

-- name: sims_put_in_after
-- Of which SIMs, in order after this one, do values of this change set stand? Each value counts.
SELECT e.iccid
FROM expectations AS e
WHERE e.change_set_id = :change_set_id AND e.iccid > :after
ORDER BY e.iccid
LIMIT :at_most;

-- name: sims_ended_in_after
-- Of which SIMs, in order after this one, have values ended in this change set? Each value counts.
SELECT f.iccid
FROM former_expectations AS f
WHERE f.ended_in = :change_set_id AND f.iccid > :after
ORDER BY f.iccid
LIMIT :at_most;

-- name: sims_proposed_after
-- Of which SIMs, in order after this one, would this change set put values? Each value counts.
SELECT p.iccid
FROM proposed_expectations AS p
WHERE p.change_set_id = :change_set_id AND p.iccid > :after
ORDER BY p.iccid
LIMIT :at_most;

-- name: count_of_proposed
-- How many values would this change set put?
SELECT count(*) FROM proposed_expectations AS p WHERE p.change_set_id = :change_set_id;

-- name: values_of_sim
-- What is expected of this SIM, and who said so?
SELECT e.effective_from, e.imei, e.change_set_id FROM expectations AS e WHERE e.iccid = :iccid;

-- name: former_values_of_sim
-- What was expected of this SIM, who said so, and what ended it?
SELECT f.effective_from, f.imei, f.change_set_id, f.ended_in
FROM former_expectations AS f
WHERE f.iccid = :iccid
ORDER BY f.version;

-- name: propose_expectation
-- This change set would put an expectation in.
INSERT INTO proposed_expectations (change_set_id, iccid, effective_from, imei)
VALUES (:change_set_id, :iccid, :effective_from, :imei);

-- name: proposed_values
-- What would this change set put, of a range of SIMs?
SELECT p.iccid, p.effective_from, p.imei
FROM proposed_expectations AS p
WHERE p.change_set_id = :change_set_id AND p.iccid > :after AND p.iccid <= :up_to;

-- name: drop_proposed
-- The change set is decided about.
DELETE FROM proposed_expectations WHERE change_set_id = :change_set_id;

-- name: note_changed_expectations
-- Expectations have changed once more.
UPDATE store SET expectations_version = expectations_version + 1;

-- name: put_list
-- Keep the text of a value that has several members.
INSERT INTO expectation_lists (iccid, value, members)
VALUES (:iccid, :value, :members)
ON CONFLICT (iccid, value) DO NOTHING;

-- name: put_list_member
-- Keep one member of a value that has several.
INSERT INTO list_members (hardware, iccid, value)
VALUES (:hardware, :iccid, :value)
ON CONFLICT (hardware, iccid, value) DO NOTHING;

-- name: put_identity
-- Put an identity in, whatever stands there.
INSERT INTO identities (subscriber, valid_from, iccid, change_set_id)
VALUES (:subscriber, :valid_from, :iccid, :change_set_id)
ON CONFLICT (subscriber, valid_from) DO UPDATE
SET iccid = excluded.iccid, change_set_id = excluded.change_set_id;

-- name: remove_identity
-- Take an identity out.
DELETE FROM identities WHERE subscriber = :subscriber AND valid_from = :valid_from;

-- name: keep_former_identity
-- An identity has ended in this change set.
INSERT INTO former_identities (ended_in, subscriber, valid_from, change_set_id, iccid, version)
VALUES (:ended_in, :subscriber, :valid_from, :change_set_id, :iccid, :version);

-- name: identities_among
-- Which SIMs have these numbers, from when on, and who said so?
SELECT i.subscriber, i.valid_from, i.iccid, i.change_set_id
FROM carray(:subscribers) AS t
CROSS JOIN identities AS i
WHERE i.subscriber = t.value;

-- name: identities_put_in
-- Which identities of a range of numbers has this change set put that still stand?
SELECT i.subscriber, i.valid_from, i.iccid, i.change_set_id
FROM identities AS i
WHERE i.change_set_id = :change_set_id AND i.subscriber > :after AND i.subscriber <= :up_to;

-- name: identities_ended_in
-- Which identities of a range of numbers have ended in this change set?
SELECT f.subscriber, f.valid_from, f.iccid, f.change_set_id, f.version
FROM former_identities AS f
WHERE f.ended_in = :change_set_id AND f.subscriber > :after AND f.subscriber <= :up_to;

-- name: ended_identities_of
-- Which identities of a range of numbers that this change set had put have ended?
SELECT f.subscriber, f.valid_from, f.iccid, f.change_set_id
FROM former_identities AS f
WHERE f.change_set_id = :change_set_id AND f.subscriber > :after AND f.subscriber <= :up_to;

-- name: subscribers_put_in_after
-- Of which numbers, in order after this one, do identities of this change set stand? Each counts.
SELECT i.subscriber
FROM identities AS i
WHERE i.change_set_id = :change_set_id AND i.subscriber > :after
ORDER BY i.subscriber
LIMIT :at_most;

-- name: subscribers_ended_in_after
-- Of which numbers, in order after this one, have identities ended in this change set? Each counts.
SELECT f.subscriber
FROM former_identities AS f
WHERE f.ended_in = :change_set_id AND f.subscriber > :after
ORDER BY f.subscriber
LIMIT :at_most;

-- name: note_changed_identities
-- Identities have changed once more.
UPDATE store SET identities_version = identities_version + 1;

-- name: identities_version
-- How often have identities changed?
SELECT s.identities_version FROM store AS s;
