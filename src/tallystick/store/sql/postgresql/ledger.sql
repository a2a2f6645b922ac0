-- Many values a statement, each column as one array.

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

-- name: put_list
-- Keep the text of a value that has several members.
INSERT INTO expectation_lists (iccid, value, members)
SELECT * FROM unnest(CAST(:iccid AS bigint[]), CAST(:value AS bigint[]), CAST(:members AS text[]))
ON CONFLICT (iccid, value) DO NOTHING;
