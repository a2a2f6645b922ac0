-- Many facts a statement, each column as one array; of one key no more than one. Each returns what it changed, for a
-- cluster would count the others too.

-- name: take_sim
-- Put SIMs in, or replace what is known of them; a repetition changes nothing.
INSERT INTO sims (iccid, mdn, account_id, activation_date, generation)
SELECT *
FROM unnest(
    CAST(:iccid AS bigint[]), CAST(:mdn AS bigint[]), CAST(:account_id AS bigint[]),
    CAST(:activation_date AS bigint[]), CAST(:generation AS text[])
)
ON CONFLICT (iccid) DO UPDATE
SET mdn = excluded.mdn, account_id = excluded.account_id,
    activation_date = excluded.activation_date, generation = excluded.generation
WHERE sims.mdn IS DISTINCT FROM excluded.mdn OR sims.account_id <> excluded.account_id
    OR sims.activation_date IS DISTINCT FROM excluded.activation_date OR sims.generation <> excluded.generation
RETURNING 1;

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
