-- Many rows a statement, each column as one array.

-- name: note_sighting
-- It is kept when a SIM was first seen in this hardware.
INSERT INTO sightings (iccid, hardware, first_seen_at)
SELECT * FROM unnest(CAST(:iccid AS bigint[]), CAST(:hardware AS bigint[]), CAST(:first_seen_at AS bigint[]))
ON CONFLICT (iccid, hardware) DO UPDATE SET first_seen_at = excluded.first_seen_at;

-- name: close
-- Take rows out that no longer follow from the facts, or no longer read the same.
DELETE FROM mismatches AS m
USING unnest(
    CAST(:account_id AS bigint[]), CAST(:generation AS text[]), CAST(:activated_at AS bigint[]),
    CAST(:iccid AS bigint[]), CAST(:post_imei AS bigint[])
) AS k (account_id, generation, activated_at, iccid, post_imei)
WHERE m.account_id = k.account_id AND m.generation = k.generation
    AND m.activated_at = k.activated_at
    AND m.iccid = k.iccid AND m.post_imei = k.post_imei;

-- name: open
-- Put rows in that follow from the facts and are not there yet.
INSERT INTO mismatches (
    account_id, generation, activated_at, iccid, post_imei, pre_imei, wire, expected_imei, reasons,
    left_at, is_back
)
SELECT *
FROM unnest(
    CAST(:account_id AS bigint[]), CAST(:generation AS text[]), CAST(:activated_at AS bigint[]),
    CAST(:iccid AS bigint[]), CAST(:post_imei AS bigint[]), CAST(:pre_imei AS bigint[]),
    CAST(:wire AS bytea[]),
    CAST(:expected_imei AS bigint[]), CAST(:reasons AS bytea[]), CAST(:left_at AS bigint[]),
    CAST(:is_back AS bigint[])
);

-- name: explain
-- Other reasons follow from the facts for rows that stay as they read.
UPDATE mismatches AS m
SET expected_imei = k.expected_imei, reasons = k.reasons, left_at = k.left_at, is_back = k.is_back
FROM unnest(
    CAST(:expected_imei AS bigint[]), CAST(:reasons AS bytea[]), CAST(:left_at AS bigint[]),
    CAST(:is_back AS bigint[]), CAST(:account_id AS bigint[]), CAST(:generation AS text[]),
    CAST(:activated_at AS bigint[]), CAST(:iccid AS bigint[]), CAST(:post_imei AS bigint[])
) AS k (expected_imei, reasons, left_at, is_back, account_id, generation, activated_at, iccid,
post_imei)
WHERE m.account_id = k.account_id AND m.generation = k.generation
    AND m.activated_at = k.activated_at
    AND m.iccid = k.iccid AND m.post_imei = k.post_imei;
