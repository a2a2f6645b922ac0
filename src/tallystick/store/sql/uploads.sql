-- name: add_upload
-- Pairs have come that are to be taken in.
INSERT INTO uploads (request_id, account_id, uploaded_at, pairs, actor)
VALUES (:request_id, :account_id, :uploaded_at, :pairs, :actor);

-- name: oldest_upload
-- Which upload has waited longest?
SELECT min(u.upload_id) FROM uploads AS u WHERE u.outcome IS NULL;

-- name: count_waiting_uploads
-- How many uploads wait?
SELECT count(*) FROM uploads AS u WHERE u.outcome IS NULL;

-- name: waiting_upload
-- What is to be taken in with this upload, if it still waits?
SELECT
    u.upload_id, u.account_id, u.uploaded_at, u.pairs, u.request_id, u.actor, u.failures
FROM uploads AS u
WHERE u.upload_id = :upload_id AND u.outcome IS NULL;

-- name: count_upload_failure
-- Taking this upload in failed once more, if it still waits.
UPDATE uploads SET failures = failures + 1 WHERE upload_id = :upload_id AND outcome IS NULL;

-- name: finish_upload
-- This came of an upload; its pairs are not needed any more.
UPDATE uploads SET outcome = :outcome, pairs = NULL WHERE upload_id = :upload_id;

-- name: upload_outcome
-- Is there such an upload to this account, and what came of it?
SELECT u.request_id, u.outcome
FROM uploads AS u
WHERE u.request_id = :request_id AND u.account_id = :account_id;
