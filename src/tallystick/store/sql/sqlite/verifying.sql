-- name: integrity_checks
-- Which checks does the database have of its own?
SELECT 'tables and indexes' AS name
UNION ALL
SELECT 'references';

-- name: damage_found
-- What does this check find? Each index is compared with its table, and each table with its schema.
SELECT i.integrity_check
FROM pragma_integrity_check AS i
WHERE :name = 'tables and indexes' AND i.integrity_check <> 'ok'
UNION ALL
SELECT format('%s refers to a row of %s that is not there', f."table", f.parent)
FROM pragma_foreign_key_check AS f
WHERE :name = 'references';
