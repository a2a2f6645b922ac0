-- Each column is one value, eight bytes a row.

-- name: moving_expectations
-- Where were the SIMs of a range expected, from when on, and which change set says so?
SELECT
    string_agg(int8send(e.iccid), '') AS iccid,
    string_agg(int8send(e.effective_from), '') AS effective_from,
    string_agg(int8send(e.imei), '') AS imei,
    string_agg(int8send(e.change_set_id), '') AS change_set_id
FROM expectations AS e
WHERE e.iccid > :after AND e.iccid <= :up_to;

-- name: moving_former
-- Where were the SIMs of a range expected once?
SELECT
    string_agg(int8send(f.iccid), '') AS iccid,
    string_agg(int8send(f.effective_from), '') AS effective_from,
    string_agg(int8send(f.ended_in), '') AS ended_in,
    string_agg(int8send(f.version), '') AS version,
    string_agg(int8send(f.change_set_id), '') AS change_set_id,
    string_agg(int8send(f.imei), '') AS imei
FROM former_expectations AS f
WHERE f.iccid > :after AND f.iccid <= :up_to;

-- name: moving_proposed
-- Where would the SIMs of a range be expected?
SELECT
    string_agg(int8send(p.iccid), '') AS iccid,
    string_agg(int8send(p.effective_from), '') AS effective_from,
    string_agg(int8send(p.change_set_id), '') AS change_set_id,
    string_agg(int8send(p.imei), '') AS imei
FROM proposed_expectations AS p
WHERE p.iccid > :after AND p.iccid <= :up_to;

-- name: moving_activations
-- Where were the SIMs of a range seen, and when?
SELECT
    string_agg(int8send(a.iccid), '') AS iccid,
    string_agg(int8send(a.activated_at), '') AS activated_at,
    string_agg(int8send(a.imei), '') AS imei
FROM activations AS a
WHERE a.iccid > :after AND a.iccid <= :up_to;
