-- name: make_tables
-- Where are the facts kept? In the plain schema that a server would be given.
SET client_min_messages = warning;
DROP TABLE IF EXISTS sims, expectations, activations;
CREATE TABLE sims (
    iccid bigint NOT NULL, mdn text, account text NOT NULL, activation_date bigint NOT NULL,
    generation text NOT NULL
);
CREATE TABLE expectations (
    iccid bigint NOT NULL,
    effective_from bigint NOT NULL,
    imei bigint NOT NULL
);
CREATE TABLE activations (
    iccid bigint NOT NULL,
    activated_at bigint NOT NULL,
    imei bigint NOT NULL
);

-- name: make_keys
-- By what are they found? By SIM, and SIMs by account too, so that the planner may walk instead of
-- scan. Visible to scans of the index alone, too.
ALTER TABLE sims ADD PRIMARY KEY (iccid);
CREATE INDEX sims_by_account ON sims (account, generation) INCLUDE (iccid);
ALTER TABLE expectations ADD PRIMARY KEY (iccid, effective_from) INCLUDE (imei);
ALTER TABLE activations ADD PRIMARY KEY (iccid, activated_at, imei);
VACUUM (ANALYZE, FREEZE) sims, expectations, activations;

-- name: report
-- Which rows does one account have in the window? The account's SIMs are picked first; then the
-- rule of core/pairing.py: as-of expectation, previous activation, hardware compared by its first
-- 14 digits. Expectations joined by ranges of time, and suspects picked before they are put in
-- order, took longer on large accounts.
WITH judged AS (
    SELECT
        a.iccid, a.activated_at, a.imei, m.account, m.mdn, m.activation_date,
        (
            SELECT e.imei
            FROM expectations AS e
            WHERE e.iccid = a.iccid AND e.effective_from <= a.activated_at
            ORDER BY e.effective_from DESC
            LIMIT 1
        ) AS expected_imei
    FROM sims AS m
    INNER JOIN activations AS a ON a.iccid = m.iccid
    WHERE m.account = :'account' AND m.generation = :'generation' AND a.activated_at < :latest
),
in_order AS (
    SELECT
        j.*,
        lag(j.imei) OVER before AS previous_imei,
        lag(j.expected_imei) OVER before AS previous_expected_imei
    FROM judged AS j
    WINDOW before AS (PARTITION BY j.iccid ORDER BY j.activated_at, j.imei)
)
SELECT
    o.iccid, coalesce(o.previous_imei, o.expected_imei) AS pre_imei, o.imei AS post_imei,
    o.activated_at,
    o.account, o.mdn, o.activation_date
FROM in_order AS o
WHERE o.activated_at > :earliest
    AND o.imei / 400 <> o.expected_imei / 400
    AND NOT coalesce(
        o.previous_imei / 400 <> o.previous_expected_imei / 400
        AND o.previous_imei / 400 = o.imei / 400,
        false
    )
ORDER BY o.activated_at, o.iccid, o.imei;
