-- name: add_upload
-- Pairs have come that are to be taken in.
INSERT INTO uploads (request_id, account_id, uploaded_at, pairs, actor)
VALUES (:request_id, :account_id, :uploaded_at, :pairs, :actor);

-- name: waiting_upload
-- Does an upload wait for its turn?
SELECT EXISTS (SELECT 1 FROM uploads AS u WHERE u.outcome IS NULL);

-- name: next_upload
-- Which upload has waited longest?
SELECT u.upload_id, u.account_id, u.uploaded_at, u.pairs, u.request_id, u.actor
FROM uploads AS u
WHERE u.outcome IS NULL
ORDER BY u.upload_id
LIMIT 1;

-- name: finish_upload
-- This came of an upload; its pairs are not needed any more.
UPDATE uploads SET outcome = :outcome, pairs = NULL WHERE upload_id = :upload_id;

-- name: upload_outcome
-- Is there such an upload to this account, and what came of it?
SELECT u.request_id, u.outcome FROM uploads AS u WHERE u.request_id = :request_id AND u.account_id = :account_id;
