-- name: take_type
-- Put types in, or replace what is known of them; a repetition changes nothing. Each column comes as one array.
INSERT INTO types (tac, manufacturer, model)
SELECT * FROM unnest(CAST(:tac AS bigint[]), CAST(:manufacturer AS text[]), CAST(:model AS text[]))
ON CONFLICT (tac) DO UPDATE
SET manufacturer = excluded.manufacturer, model = excluded.model
WHERE types.manufacturer <> excluded.manufacturer OR types.model <> excluded.model
RETURNING 1;
