-- Which SIMs were seen in one hardware, and which are expected in it. `imei / 400` is the hardware,
-- its first 14 digits. A TAC stands for hardware whose other six digits are zeros, and the last two
-- bits of its value are 3 (core/allowed.py). The first four queries may name too many SIMs: each
-- reads one stretch of an index, in order of SIM.

-- name: sims_expecting_imei
-- Of which SIMs is an expectation an IMEI of this hardware, in order after one SIM, no more than
-- are asked for?
SELECT DISTINCT e.iccid
FROM expectations AS e
WHERE e.imei / 400 = :hardware AND e.imei >= 0 AND e.imei % 4 <> 3 AND e.iccid > :after
ORDER BY e.iccid
LIMIT :at_most;

-- name: sims_expecting_model
-- Of which SIMs is an expectation this model, in order after one SIM, no more than are asked for?
SELECT DISTINCT e.iccid
FROM expectations AS e
WHERE e.imei / 400 = :hardware AND e.imei % 4 = 3 AND e.iccid > :after
ORDER BY e.iccid
LIMIT :at_most;

-- name: sims_listing_hardware
-- Which SIMs have or had a value with several members of which one is this hardware or model, in
-- order after one SIM, no more than are asked for?
SELECT DISTINCT l.iccid
FROM list_members AS l
WHERE l.hardware = :hardware AND l.iccid > :after
ORDER BY l.iccid
LIMIT :at_most;

-- name: sims_sighted_in_hardware
-- Which SIMs that have or had a row were seen in this hardware, in order after one SIM, no more
-- than are asked for?
SELECT s.iccid
FROM sightings AS s
WHERE s.hardware = :hardware AND s.iccid > :after
ORDER BY s.iccid
LIMIT :at_most;

-- name: sims_activated_in
-- Which SIMs were ever activated in this hardware? Reads every activation: there is no index.
SELECT DISTINCT a.iccid FROM activations AS a WHERE a.imei / 400 = :hardware ORDER BY a.iccid;

-- name: times_in_hardware
-- When were these SIMs seen in this hardware first and last, and how often?
SELECT a.iccid, min(a.activated_at), max(a.activated_at), count(*)
FROM carray(:iccids) AS t
CROSS JOIN activations AS a
WHERE a.iccid = t.value AND a.imei / 400 = :hardware
GROUP BY a.iccid;

-- name: last_activations
-- Where were these SIMs last seen, and when? Of several IMEIs at one moment the last as text.
SELECT a.iccid, a.activated_at, max(a.imei) AS imei
FROM carray(:iccids) AS t
CROSS JOIN activations AS a
WHERE a.iccid = t.value
    AND a.activated_at = (SELECT max(b.activated_at) FROM activations AS b WHERE b.iccid = t.value)
GROUP BY a.iccid, a.activated_at;

-- name: sims_with_rows_in
-- Which SIMs have a row of the report in this hardware?
SELECT DISTINCT m.iccid
FROM carray(:hardware) AS t
CROSS JOIN mismatches AS m
WHERE m.post_imei / 400 = t.value;
