-- name: next_audit_number
-- Which number gets the next record, and which digest has the one before it? Others wait for this.
UPDATE audit_chain SET number = number + 1 RETURNING number, digest;

-- name: add_audit_record
-- Append a record.
INSERT INTO audit_records (
    number, digest, at, via, actor, action, subject, address, outcome, request_id, details
)
VALUES (
    :number, :digest, :at, :via, :actor, :action, :subject, :address, :outcome, :request_id,
    :details
);

-- name: set_audit_head
-- This is the last record.
UPDATE audit_chain SET number = :number, digest = :digest;

-- name: audit_head
-- Which record is the last?
SELECT c.number, c.digest FROM audit_chain AS c;

-- part: record
-- What there is of a record.
r.number, r.digest, r.at, r.via, r.actor, r.action, r.subject, r.address, r.outcome, r.request_id,
r.details

-- name: audit_records
-- What was recorded, from the oldest record on?
SELECT
    /* part: record */
FROM audit_records AS r
ORDER BY r.number;

-- name: audit_page
-- Which records come before this one, the last first? The sums keep the index on the moment out.
SELECT
    /* part: record */
FROM audit_records AS r
WHERE r.number < :before
    AND :actor IN ('', r.actor)
    AND :action IN ('', r.action)
    AND :subject IN ('', r.subject)
    AND r.at + 0 > :earliest
    AND r.at + 0 < :latest
ORDER BY r.number DESC
LIMIT :at_most;

-- name: audit_page_of_actor
-- Which records of this actor come before this one, the last first?
SELECT
    /* part: record */
FROM audit_records AS r
WHERE r.actor = :actor
    AND r.number < :before
    AND :action IN ('', r.action)
    AND :subject IN ('', r.subject)
    AND r.at > :earliest
    AND r.at < :latest
ORDER BY r.number DESC
LIMIT :at_most;

-- name: audit_page_of_action
-- Which records of this action come before this one, the last first?
SELECT
    /* part: record */
FROM audit_records AS r
WHERE r.action = :action
    AND r.number < :before
    AND :actor IN ('', r.actor)
    AND :subject IN ('', r.subject)
    AND r.at > :earliest
    AND r.at < :latest
ORDER BY r.number DESC
LIMIT :at_most;

-- name: audit_page_of_subject
-- Which records about this come before this one, the last first?
SELECT
    /* part: record */
FROM audit_records AS r
WHERE r.subject = :subject
    AND r.number < :before
    AND :actor IN ('', r.actor)
    AND :action IN ('', r.action)
    AND r.at > :earliest
    AND r.at < :latest
ORDER BY r.number DESC
LIMIT :at_most;

-- name: audit_page_of_time
-- Which records of these moments come before this one, the last first? The sum keeps the index on
-- the moment in use: by number, all records would be walked where few are of these moments.
SELECT
    /* part: record */
FROM audit_records AS r
WHERE r.at > :earliest
    AND r.at < :latest
    AND r.number + 0 < :before
    AND :actor IN ('', r.actor)
    AND :action IN ('', r.action)
    AND :subject IN ('', r.subject)
ORDER BY r.number + 0 DESC
LIMIT :at_most;

-- name: audit_anchor
-- Up to which record were the oldest removed, by the last record that says so?
SELECT r.details FROM audit_records AS r
WHERE r.action = :action
ORDER BY r.number DESC
LIMIT 1;

-- name: audit_oldest
-- Which record is the oldest?
SELECT r.number FROM audit_records AS r ORDER BY r.number LIMIT 1;

-- name: audit_oldest_kept
-- Which is the oldest record from this moment or later, among those up to this number?
SELECT r.number FROM audit_records AS r
WHERE r.at >= :before AND r.number <= :up_to
ORDER BY r.number
LIMIT 1;

-- name: audit_digest
-- Which digest has this record?
SELECT r.digest FROM audit_records AS r WHERE r.number = :number;

-- name: remove_audit_up_to
-- Remove the oldest records, up to this one.
DELETE FROM audit_records WHERE number <= :number;
