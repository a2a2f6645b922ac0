-- Many values a statement, each column as one array.

-- name: attribute
-- These activations belong to these SIMs, or wait.
UPDATE named_activations AS n
SET iccid = k.iccid
FROM unnest(
    CAST(:iccid AS bigint[]), CAST(:subscriber AS bigint[]), CAST(:activated_at AS bigint[]),
    CAST(:imei AS bigint[])
) AS k (iccid, subscriber, activated_at, imei)
WHERE n.subscriber = k.subscriber AND n.activated_at = k.activated_at AND n.imei = k.imei;

-- name: note_direct
-- These activations were also taken in by their ICCID.
INSERT INTO direct_twins (iccid, activated_at, imei)
SELECT *
FROM unnest(CAST(:iccid AS bigint[]), CAST(:activated_at AS bigint[]), CAST(:imei AS bigint[]))
ON CONFLICT (iccid, activated_at, imei) DO NOTHING;

-- name: forget_direct
-- No named activation says the same as these any more.
DELETE FROM direct_twins AS d
USING unnest(CAST(:iccid AS bigint[]), CAST(:activated_at AS bigint[]), CAST(:imei AS bigint[]))
AS k (iccid, activated_at, imei)
WHERE d.iccid = k.iccid AND d.activated_at = k.activated_at AND d.imei = k.imei;

-- name: take_away
-- Activations are no longer these SIMs'.
DELETE FROM activations AS a
USING unnest(CAST(:iccid AS bigint[]), CAST(:activated_at AS bigint[]), CAST(:imei AS bigint[]))
AS k (iccid, activated_at, imei)
WHERE a.iccid = k.iccid AND a.activated_at = k.activated_at AND a.imei = k.imei;
