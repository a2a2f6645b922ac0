-- name: take_type
-- Put a type in, or replace what is known of it; a repetition changes nothing.
INSERT INTO types (tac, manufacturer, model)
VALUES (:tac, :manufacturer, :model)
ON CONFLICT (tac) DO UPDATE
SET manufacturer = excluded.manufacturer, model = excluded.model
WHERE types.manufacturer <> excluded.manufacturer OR types.model <> excluded.model;

-- name: types_among
-- What is known of these types?
SELECT y.tac, y.manufacturer, y.model FROM types AS y WHERE y.tac IN (SELECT t.value FROM carray(:tacs) AS t);

-- name: tacs_of_manufacturer
-- Which types are of this manufacturer?
SELECT y.tac FROM types AS y WHERE y.manufacturer = :manufacturer;

-- name: tacs_of_model
-- Which types have this name of a model, whoever makes them? All types are looked at.
SELECT y.tac FROM types AS y WHERE y.model = :model;

-- name: whole_types
-- Which types are there?
SELECT y.tac, y.manufacturer, y.model FROM types AS y;
