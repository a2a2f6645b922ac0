-- name: add_upload
-- Pairs have come that are to be taken in.
INSERT INTO uploads (request_id, account_id, uploaded_at, pairs, actor)
VALUES (:request_id, :account_id, :uploaded_at, :pairs, :actor);

-- part: waits_for_work
-- Does an upload, u, wait to be taken in? Not while it waits for a decision about a proposal.
u.outcome IS NULL AND u.waits_for IS NULL

-- name: oldest_upload
-- Which upload has waited longest, of those that wait to be taken in?
SELECT min(u.upload_id) FROM uploads AS u WHERE /* part: waits_for_work */;

-- name: count_waiting_uploads
-- How many uploads wait to be taken in?
SELECT count(*) FROM uploads AS u WHERE /* part: waits_for_work */;

-- name: count_waiting_uploads_to
-- How many uploads to the account wait to be taken in?
SELECT count(*)
FROM uploads AS u
WHERE u.account_id = :account_id AND /* part: waits_for_work */;

-- name: count_proposed_uploads_to
-- How many uploads to the account wait for a decision about a proposal?
SELECT count(*) FROM uploads AS u WHERE u.account_id = :account_id AND u.waits_for IS NOT NULL;

-- name: propose_upload
-- The pairs of an upload were made a proposal, whose decision it waits for.
UPDATE uploads SET waits_for = :change_set_id, judged = :judged WHERE upload_id = :upload_id;

-- name: release_upload
-- The upload that waits for this proposal waits to be taken in: somebody has decided.
UPDATE uploads SET waits_for = NULL WHERE waits_for = :change_set_id;

-- name: waiting_upload
-- What is to be taken in with this upload, if it still waits to be?
SELECT
    u.upload_id, u.account_id, u.uploaded_at, u.pairs, u.request_id, u.actor, u.failures,
    u.judged
FROM uploads AS u
WHERE u.upload_id = :upload_id AND /* part: waits_for_work */;

-- name: count_upload_failure
-- Taking this upload in failed once more, if it still waits.
UPDATE uploads SET failures = failures + 1 WHERE upload_id = :upload_id AND outcome IS NULL;

-- name: finish_upload
-- This came of an upload; its pairs are not needed any more.
UPDATE uploads SET outcome = :outcome, pairs = NULL, judged = NULL WHERE upload_id = :upload_id;

-- name: upload_outcome
-- Is there such an upload to this account, and what came of it?
SELECT u.request_id, u.outcome
FROM uploads AS u
WHERE u.request_id = :request_id AND u.account_id = :account_id;
