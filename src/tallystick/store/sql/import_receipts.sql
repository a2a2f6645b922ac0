-- Imports of files: how far they are, and their receipts.

-- name: imports_before
-- Which imports began before this one, the last first, no more than asked for?
SELECT
    i.import_id, i.state, i.kind, i.file, i.actor, i.begun_at, i.seen_at, i.ended_at, i.share,
    i.facts, i.message, i.receipt, i.reject_lines
FROM import_receipts AS i
WHERE i.import_id < :before
ORDER BY i.import_id DESC
LIMIT :at_most;

-- name: rejects_of_import
-- Which lines of this file were refused?
SELECT i.rejects FROM import_receipts AS i WHERE i.import_id = :number;

-- name: whole_imports
-- What is kept of every import?
SELECT
    i.import_id, i.state, i.kind, i.file, i.actor, i.begun_at, i.seen_at, i.ended_at, i.share,
    i.facts, i.message, i.receipt, i.reject_lines, i.rejects
FROM import_receipts AS i
ORDER BY i.import_id;

-- name: add_import
-- An import begins; which number has it?
INSERT INTO import_receipts (import_id, state, kind, file, actor, begun_at, seen_at)
VALUES (
    (SELECT coalesce(max(i.import_id), 0) + 1 FROM import_receipts AS i),
    :state, :kind, :file, :actor, :begun_at, :begun_at
)
RETURNING import_id;

-- name: put_import
-- Another store has this import.
INSERT INTO import_receipts (
    import_id, state, kind, file, actor, begun_at, seen_at, ended_at, share, facts, message,
    receipt, reject_lines, rejects
)
VALUES (
    :number, :state, :kind, :file, :actor, :begun_at, :seen_at, :ended_at, :share, :facts, :message,
    :receipt, :reject_lines, :rejects
)
ON CONFLICT (import_id) DO NOTHING;

-- name: note_import
-- An import goes on, and has come so far.
UPDATE import_receipts
SET state = :state, seen_at = :seen_at, share = :share, facts = :facts
WHERE import_id = :number;

-- name: end_import
-- An import has ended.
UPDATE import_receipts
SET state = :state, seen_at = :ended_at, ended_at = :ended_at, facts = :facts,
    share = CASE :receipt WHEN '' THEN share ELSE 1000 END,
    message = :message, receipt = :receipt, reject_lines = :reject_lines, rejects = :rejects
WHERE import_id = :number;

-- name: forget_rejects
-- The time of these refused lines is over.
UPDATE import_receipts
SET reject_lines = 0, rejects = NULL
WHERE reject_lines > 0 AND (begun_at < :begun_before OR import_id <= :up_to);

-- name: forget_imports
-- The time of these receipts is over. The last one stays: its number is not to be given again.
DELETE FROM import_receipts
WHERE (begun_at < :begun_before OR import_id <= :up_to) AND import_id < :last;

-- name: last_import
-- Which import began last?
SELECT max(i.import_id) FROM import_receipts AS i;

-- name: imported_facts
-- How many facts of each kind did imports bring, and when did one last bring a new one?
SELECT i.kind, i.accepted, i.duplicate, i.rejected, i.last_at FROM imported_facts AS i;

-- name: count_imported
-- An import has ended with a receipt.
INSERT INTO imported_facts (kind, accepted, duplicate, rejected, last_at)
VALUES (:kind, :accepted, :duplicate, :rejected, :last_at)
ON CONFLICT (kind) DO UPDATE SET
    accepted = imported_facts.accepted + excluded.accepted,
    duplicate = imported_facts.duplicate + excluded.duplicate,
    rejected = imported_facts.rejected + excluded.rejected,
    last_at = coalesce(excluded.last_at, imported_facts.last_at);
