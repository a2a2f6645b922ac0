-- Many facts a statement, each column as one array; of one key no more than one. Each returns what it changed, for a
-- cluster would count the others too.

-- name: take_activation
-- Put activations in; a repetition changes nothing.
INSERT INTO activations (iccid, activated_at, imei)
SELECT * FROM unnest(CAST(:iccid AS bigint[]), CAST(:activated_at AS bigint[]), CAST(:imei AS bigint[]))
ON CONFLICT (iccid, activated_at, imei) DO NOTHING
RETURNING 1;

-- name: take_activation_returning
-- Put a few activations in, and return those that were new.
INSERT INTO activations (iccid, activated_at, imei)
SELECT * FROM unnest(CAST(:iccid AS bigint[]), CAST(:activated_at AS bigint[]), CAST(:imei AS bigint[]))
ON CONFLICT (iccid, activated_at, imei) DO NOTHING
RETURNING iccid, activated_at, imei;
