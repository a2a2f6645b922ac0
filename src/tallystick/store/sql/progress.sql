-- name: receipt
-- What was answered to the call with this key, and to which facts?
SELECT r.facts_sha256, r.receipt FROM receipts AS r WHERE r.key_sha256 = :key_sha256;

-- name: keep_receipt
-- This is the answer to the call with this key.
INSERT INTO receipts (key_sha256, facts_sha256, receipt, taken_at)
VALUES (:key_sha256, :facts_sha256, :receipt, :taken_at);

-- name: forget_receipts
-- Keys may be used anew after a while. What was taken in later than now was so before the clock was
-- set back.
DELETE FROM receipts WHERE taken_at < :taken_before OR taken_at > :taken_after;

-- name: import_progress
-- How far has this file come?
SELECT i.facts_taken, i.accepted, i.duplicate, i.change_set_id
FROM imports AS i
WHERE i.digest = :digest;

-- name: note_import_progress
-- So far has this file come.
INSERT INTO imports (digest, facts_taken, accepted, duplicate, change_set_id)
VALUES (:digest, :facts_taken, :accepted, :duplicate, :change_set_id)
ON CONFLICT (digest) DO UPDATE
SET facts_taken = excluded.facts_taken, accepted = excluded.accepted,
    duplicate = excluded.duplicate,
    change_set_id = excluded.change_set_id;

-- name: forget_import
-- This file has been taken in whole.
DELETE FROM imports WHERE digest = :digest;
