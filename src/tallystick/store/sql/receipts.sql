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
