-- Each column is one value, eight bytes a row.

-- name: moving_expectations
-- Where were the SIMs of a range expected, from when on?
SELECT
    string_agg(int8send(e.iccid), '') AS iccid,
    string_agg(int8send(e.effective_from), '') AS effective_from,
    string_agg(int8send(e.imei), '') AS imei
FROM expectations AS e
WHERE e.iccid > :after AND e.iccid <= :up_to;

-- name: moving_activations
-- Where were the SIMs of a range seen, and when?
SELECT
    string_agg(int8send(a.iccid), '') AS iccid,
    string_agg(int8send(a.activated_at), '') AS activated_at,
    string_agg(int8send(a.imei), '') AS imei
FROM activations AS a
WHERE a.iccid > :after AND a.iccid <= :up_to;
