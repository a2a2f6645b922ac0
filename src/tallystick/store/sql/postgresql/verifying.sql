-- name: integrity_checks
-- Which indexes can be compared with their tables? None where the extension amcheck is not there.
SELECT CAST(CAST(i.indexrelid AS regclass) AS text)
FROM pg_index AS i
INNER JOIN pg_class AS c ON c.oid = i.indexrelid
INNER JOIN pg_am AS m ON m.oid = c.relam
WHERE m.amname = 'btree'
    AND c.relnamespace = CAST(current_schema() AS regnamespace)
    AND to_regprocedure('bt_index_check(regclass, boolean)') IS NOT NULL
ORDER BY 1;

-- name: damage_found
-- Is this index a sound tree that has every row of its table? An error says what is wrong.
SELECT CAST(bt_index_check(CAST(:name AS regclass), TRUE) AS text);
