-- SIMs by the hardware that they are expected in, and SIMs that are loaded.
-- `imei / 400` is the hardware, its first 14 digits.

-- name: claimed_hardware
-- Which SIMs are expected in this hardware by an IMEI, at whatever time? A TAC, whose last two bits
-- are 3, would be hardware without a serial number.
SELECT e.imei / 400 AS hardware, e.iccid
FROM carray(:hardware) AS t
CROSS JOIN expectations AS e
WHERE e.imei / 400 = t.value AND e.imei % 4 <> 3;

-- name: some_claims
-- Which SIMs are expected in this hardware, at whatever time? No more rows than are asked for.
SELECT e.imei / 400 AS hardware, e.iccid
FROM carray(:hardware) AS t
CROSS JOIN expectations AS e
WHERE e.imei / 400 = t.value
LIMIT :at_most;

-- name: any_claim_between
-- Is any SIM expected in the hardware from the first to the last, at whatever time?
SELECT 1
FROM expectations AS e
WHERE e.imei / 400 BETWEEN :first AND :last
LIMIT 1;

-- name: expectations_up_to
-- How many expectations are there? They are counted up to a number.
SELECT count(*) FROM (SELECT 1 FROM expectations AS e LIMIT :at_most) AS counted;

-- name: all_claims
-- Which SIMs are expected in which hardware, at whatever time? TACs are among them, each as
-- hardware of its own. That does no harm: a doubt tells of the hardware that SIMs were expected in
-- last, and a TAC is left out of that.
SELECT e.imei / 400 AS hardware, e.iccid
FROM expectations AS e
WHERE e.imei >= 0;

-- name: loaded_sims
-- Which of these SIMs are loaded?
SELECT s.iccid FROM carray(:iccids) AS t CROSS JOIN sims AS s WHERE s.iccid = t.value;

-- name: loaded_between
-- Which SIMs from the first to the last are loaded? No more than are asked for.
SELECT s.iccid FROM sims AS s WHERE s.iccid BETWEEN :first AND :last LIMIT :at_most;
