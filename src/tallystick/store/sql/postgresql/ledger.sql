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

-- name: put_list_member
-- Keep members of values that have several.
INSERT INTO list_members (hardware, iccid, value)
SELECT * FROM unnest(CAST(:hardware AS bigint[]), CAST(:iccid AS bigint[]), CAST(:value AS bigint[]))
ON CONFLICT (hardware, iccid, value) DO NOTHING;

-- name: put_identity
-- Put identities in, whatever stands there.
INSERT INTO identities (subscriber, valid_from, iccid, change_set_id)
SELECT *
FROM unnest(
    CAST(:subscriber AS bigint[]), CAST(:valid_from AS bigint[]), CAST(:iccid AS bigint[]),
    CAST(:change_set_id AS bigint[])
)
ON CONFLICT (subscriber, valid_from) DO UPDATE
SET iccid = excluded.iccid, change_set_id = excluded.change_set_id;

-- name: remove_identity
-- Take identities out.
DELETE FROM identities AS i
USING unnest(CAST(:subscriber AS bigint[]), CAST(:valid_from AS bigint[]))
AS k (subscriber, valid_from)
WHERE i.subscriber = k.subscriber AND i.valid_from = k.valid_from;

-- name: keep_former_identity
-- Identities have ended in these change sets.
INSERT INTO former_identities (ended_in, subscriber, valid_from, change_set_id, iccid, version)
SELECT *
FROM unnest(
    CAST(:ended_in AS bigint[]), CAST(:subscriber AS bigint[]), CAST(:valid_from AS bigint[]),
    CAST(:change_set_id AS bigint[]), CAST(:iccid AS bigint[]), CAST(:version AS bigint[])
);
