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

-- name: expected_values_between
-- Where were the SIMs from the first to the last expected, at whatever time? No more rows than are asked for; each column
-- is one value, eight bytes a row.
SELECT string_agg(int8send(k.iccid), '') AS iccid, string_agg(int8send(k.imei), '') AS value
FROM (SELECT e.iccid, e.imei FROM expectations AS e WHERE e.iccid BETWEEN :first AND :last LIMIT :at_most) AS k;

-- name: loaded_sims
-- Which of these SIMs are loaded? One value, eight bytes a row.
SELECT string_agg(int8send(s.iccid), '') AS iccid FROM carray(:iccids) AS t CROSS JOIN sims AS s WHERE s.iccid = t.value;

-- name: expectations_among
-- Where were these SIMs expected, from when on? Each column is one value, eight bytes a row.
SELECT
    string_agg(int8send(e.iccid), '') AS iccid,
    string_agg(int8send(e.effective_from), '') AS effective_from,
    string_agg(int8send(e.imei), '') AS value
FROM carray(:iccids) AS t
CROSS JOIN expectations AS e
WHERE e.iccid = t.value;
