-- Many values a statement, each column as one array; columns of integers come out as one value each, eight bytes a row.

-- name: add_expectation
-- Put expectations in where there are none.
INSERT INTO expectations (iccid, effective_from, imei, change_set_id)
SELECT *
FROM unnest(
    CAST(:iccid AS bigint[]), CAST(:effective_from AS bigint[]), CAST(:imei AS bigint[]), CAST(:change_set_id AS bigint[])
);

-- name: put_expectation
-- Put expectations in, whatever stands there.
INSERT INTO expectations (iccid, effective_from, imei, change_set_id)
SELECT *
FROM unnest(
    CAST(:iccid AS bigint[]), CAST(:effective_from AS bigint[]), CAST(:imei AS bigint[]), CAST(:change_set_id AS bigint[])
)
ON CONFLICT (iccid, effective_from) DO UPDATE
SET imei = excluded.imei, change_set_id = excluded.change_set_id;

-- name: remove_expectation
-- Take expectations out.
DELETE FROM expectations AS e
USING unnest(CAST(:iccid AS bigint[]), CAST(:effective_from AS bigint[])) AS k (iccid, effective_from)
WHERE e.iccid = k.iccid AND e.effective_from = k.effective_from;

-- name: keep_former
-- Values have ended in these change sets.
INSERT INTO former_expectations (ended_in, iccid, effective_from, change_set_id, imei, version)
SELECT *
FROM unnest(
    CAST(:ended_in AS bigint[]), CAST(:iccid AS bigint[]), CAST(:effective_from AS bigint[]),
    CAST(:change_set_id AS bigint[]), CAST(:imei AS bigint[]), CAST(:version AS bigint[])
);

-- name: propose_expectation
-- This change set would put expectations in.
INSERT INTO proposed_expectations (change_set_id, iccid, effective_from, imei)
SELECT *
FROM unnest(
    CAST(:change_set_id AS bigint[]), CAST(:iccid AS bigint[]), CAST(:effective_from AS bigint[]), CAST(:imei AS bigint[])
);

-- name: values_between
-- What is expected of the SIMs from the first to the last, and who said so? No more rows than are asked for.
SELECT
    string_agg(int8send(k.iccid), '') AS iccid,
    string_agg(int8send(k.effective_from), '') AS effective_from,
    string_agg(int8send(k.imei), '') AS imei,
    string_agg(int8send(k.change_set_id), '') AS change_set_id
FROM (
    SELECT e.iccid, e.effective_from, e.imei, e.change_set_id
    FROM expectations AS e
    WHERE e.iccid BETWEEN :first AND :last
    LIMIT :at_most
) AS k;

-- name: values_among
-- What is expected of these SIMs, and who said so?
SELECT
    string_agg(int8send(e.iccid), '') AS iccid,
    string_agg(int8send(e.effective_from), '') AS effective_from,
    string_agg(int8send(e.imei), '') AS imei,
    string_agg(int8send(e.change_set_id), '') AS change_set_id
FROM carray(:iccids) AS t
CROSS JOIN expectations AS e
WHERE e.iccid = t.value;

-- name: values_put_in
-- Which expectations of a range of SIMs has this change set put that still stand?
SELECT
    string_agg(int8send(e.iccid), '') AS iccid,
    string_agg(int8send(e.effective_from), '') AS effective_from,
    string_agg(int8send(e.imei), '') AS imei,
    string_agg(int8send(e.change_set_id), '') AS change_set_id
FROM expectations AS e
WHERE e.change_set_id = :change_set_id AND e.iccid > :after AND e.iccid <= :up_to;

-- name: values_ended_in
-- Which values of a range of SIMs have ended in this change set?
SELECT
    string_agg(int8send(f.iccid), '') AS iccid,
    string_agg(int8send(f.effective_from), '') AS effective_from,
    string_agg(int8send(f.imei), '') AS imei,
    string_agg(int8send(f.change_set_id), '') AS change_set_id,
    string_agg(int8send(f.version), '') AS version
FROM former_expectations AS f
WHERE f.ended_in = :change_set_id AND f.iccid > :after AND f.iccid <= :up_to;

-- name: ended_values_of
-- Which values of a range of SIMs that this change set had put have ended?
SELECT
    string_agg(int8send(f.iccid), '') AS iccid,
    string_agg(int8send(f.effective_from), '') AS effective_from,
    string_agg(int8send(f.imei), '') AS imei,
    string_agg(int8send(f.change_set_id), '') AS change_set_id
FROM former_expectations AS f
WHERE f.change_set_id = :change_set_id AND f.iccid > :after AND f.iccid <= :up_to;

-- name: proposed_values
-- What would this change set put, of a range of SIMs?
SELECT
    string_agg(int8send(p.iccid), '') AS iccid,
    string_agg(int8send(p.effective_from), '') AS effective_from,
    string_agg(int8send(p.imei), '') AS imei
FROM proposed_expectations AS p
WHERE p.change_set_id = :change_set_id AND p.iccid > :after AND p.iccid <= :up_to;

-- name: put_list
-- Keep the text of a value that has several members.
INSERT INTO expectation_lists (iccid, value, members)
SELECT * FROM unnest(CAST(:iccid AS bigint[]), CAST(:value AS bigint[]), CAST(:members AS text[]))
ON CONFLICT (iccid, value) DO NOTHING;
