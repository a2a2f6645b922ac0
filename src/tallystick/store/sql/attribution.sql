-- Which SIM had which IMSI or MSISDN, and whose the activations are that name one. A subscriber is
-- such a number as an integer (core/identities.py), where the rule is stated too.
-- Queries about `asked` are run for many rows at once: an engine puts them in the place of VALUES.

-- name: take_named_activation
-- Put activations in that name a SIM by IMSI or MSISDN, and return those that were new.
INSERT INTO named_activations (subscriber, activated_at, imei, source_id)
VALUES (:subscriber, :activated_at, :imei, :source_id)
ON CONFLICT DO NOTHING
RETURNING subscriber, activated_at, imei;

-- name: put_source
-- Make a source known.
INSERT INTO sources (name) VALUES (:name) ON CONFLICT DO NOTHING;

-- name: source_id
-- Which number has this source?
SELECT s.source_id FROM sources AS s WHERE s.name = :name;

-- name: attribute
-- This activation belongs to this SIM, or waits.
UPDATE named_activations
SET iccid = :iccid
WHERE subscriber = :subscriber AND activated_at = :activated_at AND imei = :imei;

-- name: following_from_named
-- Which of these activations of SIMs follow from named ones? One may come several times.
WITH asked (iccid, activated_at, imei) AS (
    VALUES (:iccid, :activated_at, :imei)
)
SELECT f.iccid, f.activated_at, f.imei
FROM asked AS f
CROSS JOIN named_activations AS n
WHERE n.iccid = f.iccid AND n.activated_at = f.activated_at AND n.imei = f.imei;

-- name: direct_among
-- Which of these activations were also taken in by their ICCID?
WITH asked (iccid, activated_at, imei) AS (
    VALUES (:iccid, :activated_at, :imei)
)
SELECT f.iccid, f.activated_at, f.imei
FROM asked AS f
CROSS JOIN direct_twins AS d
WHERE d.iccid = f.iccid AND d.activated_at = f.activated_at AND d.imei = f.imei;

-- name: note_direct
-- This activation was also taken in by its ICCID.
INSERT INTO direct_twins (iccid, activated_at, imei)
VALUES (:iccid, :activated_at, :imei)
ON CONFLICT DO NOTHING;

-- name: forget_direct
-- No named activation says the same as this one any more.
DELETE FROM direct_twins
WHERE iccid = :iccid AND activated_at = :activated_at AND imei = :imei;

-- name: take_away
-- An activation is no longer this SIM's.
DELETE FROM activations
WHERE iccid = :iccid AND activated_at = :activated_at AND imei = :imei;

-- name: has_named_activations
-- Does any activation name its SIM by IMSI or MSISDN?
SELECT EXISTS (SELECT 1 FROM named_activations AS n);
