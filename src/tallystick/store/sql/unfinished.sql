-- name: unfinished_work
-- Which work is not finished, and how far has it come?
SELECT w.kind, w.subject, w.after FROM unfinished_work AS w ORDER BY w.kind, w.subject;

-- name: work_on
-- How far has this work come?
SELECT w.after FROM unfinished_work AS w WHERE w.kind = :kind AND w.subject = :subject;

-- name: put_work
-- So far has this work come.
INSERT INTO unfinished_work (kind, subject, after)
VALUES (:kind, :subject, :after)
ON CONFLICT (kind, subject) DO UPDATE SET after = excluded.after;

-- name: end_work
-- This work is finished.
DELETE FROM unfinished_work WHERE kind = :kind AND subject = :subject;
