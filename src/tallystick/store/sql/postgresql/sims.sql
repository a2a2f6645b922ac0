-- Many SIMs a statement, each column as one array; of one SIM no more than one row. Each returns what it changed, for
-- a cluster would count the others too.

-- name: add_sim
-- Put SIMs in where there are none.
INSERT INTO sims (iccid, mdn, account_id, activation_date, generation)
SELECT *
FROM unnest(
    CAST(:iccid AS bigint[]), CAST(:mdn AS bigint[]), CAST(:account_id AS bigint[]),
    CAST(:activation_date AS bigint[]), CAST(:generation AS text[])
);

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
