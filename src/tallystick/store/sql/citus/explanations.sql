-- name: proposed_among
-- As in sql/explanations.sql: of which of these SIMs are expectations proposed that nobody has
-- decided about?
SELECT DISTINCT p.iccid
FROM proposed_expectations AS p
WHERE p.iccid = ANY(CAST(:iccids AS bigint[]));
