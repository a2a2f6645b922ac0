-- SIMs as the device database lists them.

-- name: add_sim
-- Put a SIM in where there is none.
INSERT INTO sims (iccid, mdn, account_id, activation_date, generation)
VALUES (:iccid, :mdn, :account_id, :activation_date, :generation);

-- name: take_sim
-- Put a SIM in, or replace what is known of it; a repetition changes nothing.
INSERT INTO sims (iccid, mdn, account_id, activation_date, generation)
VALUES (:iccid, :mdn, :account_id, :activation_date, :generation)
ON CONFLICT (iccid) DO UPDATE
SET mdn = excluded.mdn, account_id = excluded.account_id,
    activation_date = excluded.activation_date, generation = excluded.generation
WHERE sims.mdn IS DISTINCT FROM excluded.mdn OR sims.account_id <> excluded.account_id
    OR sims.activation_date IS DISTINCT FROM excluded.activation_date
        OR sims.generation <> excluded.generation;

-- name: sims_as_kept_between
-- What is known of the SIMs from the first to the last? No more of them than are asked for.
SELECT s.iccid, s.mdn, s.account_id, s.activation_date, s.generation
FROM sims AS s
WHERE s.iccid BETWEEN :first AND :last
LIMIT :at_most;
