-- name: add_upload
-- Pairs have come that are to be taken in.
INSERT INTO uploads (request_id, account_id, uploaded_at, pairs, actor)
VALUES (:request_id, :account_id, :uploaded_at, :pairs, :actor);

-- name: oldest_upload
-- Which upload has waited longest, of those that wait for no decision about a proposal?
SELECT min(u.upload_id)
FROM uploads AS u
WHERE u.outcome IS NULL
    AND NOT EXISTS (
        SELECT 1
        FROM change_sets AS c
        WHERE c.change_set_id = u.proposed_in AND c.state IN ('proposed', 'applying')
    );

-- name: count_waiting_uploads
-- How many uploads wait to be taken in?
SELECT count(*) FROM uploads AS u WHERE u.outcome IS NULL AND u.proposed_in IS NULL;

-- name: propose_upload
-- The pairs of an upload were made a proposal, whose outcome is the upload's.
UPDATE uploads SET proposed_in = :change_set_id WHERE upload_id = :upload_id;

-- name: waiting_upload
-- What is to be taken in with this upload, if it still waits?
SELECT
    u.upload_id, u.account_id, u.uploaded_at, u.pairs, u.request_id, u.actor, u.failures,
    u.proposed_in
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
