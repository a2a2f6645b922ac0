-- name: keep_sims
-- What are the SIMs of these files, with identifiers as the compact integers of core/identifiers.py
-- and moments in microseconds? Integers are what every peer is quickest with.
COPY (
    SELECT
        CAST(rpad(s.iccid[3:], 18, '0') AS BIGINT) * 4 + length(s.iccid) - 18 AS iccid,
        s.mdn,
        s.account,
        epoch_us(CAST(s.activation_date AS TIMESTAMP)) AS activation_date,
        s.generation
    FROM read_parquet($files, union_by_name = true) AS s
    ORDER BY iccid
) TO '{file}' (FORMAT parquet);

-- name: keep_expectations
-- What are the expectations of these files? Undated ones are in force from the year 1.
COPY (
    SELECT
        CAST(rpad(e.iccid[3:], 18, '0') AS BIGINT) * 4 + length(e.iccid) - 18 AS iccid,
        epoch_us(CAST(coalesce(e.effective_from, '0001-01-01') AS TIMESTAMP)) AS effective_from,
        CAST(rpad(e.imei, 16, '0') AS BIGINT) * 4 + length(e.imei) - 14 AS imei
    FROM read_parquet($files, union_by_name = true) AS e
    ORDER BY iccid, effective_from
) TO '{file}' (FORMAT parquet);

-- name: keep_activations
-- What are the activations of these files, in order of time as a network's log is?
COPY (
    SELECT
        CAST(rpad(a.iccid[3:], 18, '0') AS BIGINT) * 4 + length(a.iccid) - 18 AS iccid,
        epoch_us(CAST(a.activated_at AS TIMESTAMP)) AS activated_at,
        CAST(rpad(a.imei, 16, '0') AS BIGINT) * 4 + length(a.imei) - 14 AS imei
    FROM read_parquet($files, union_by_name = true) AS a
    ORDER BY activated_at
) TO '{file}' (FORMAT parquet);

-- name: as_table
-- What do the native tables hold? All of a file.
CREATE TABLE {table} AS SELECT * FROM read_parquet('{file}');

-- name: as_view
-- And what is read from the file at each question? The same.
CREATE VIEW {table} AS SELECT * FROM read_parquet('{file}');

-- name: report
-- Which rows does one account have in the window? The account's SIMs are picked first; then the
-- rule of core/pairing.py: as-of expectation, previous activation, hardware compared by its first
-- 14 digits. Only SIMs that were seen somewhere unexpected are put in order, which spares a third
-- of the time.
WITH mine AS MATERIALIZED (
    SELECT s.iccid, s.account, s.mdn, s.activation_date
    FROM sims AS s
    WHERE s.account = $account AND s.generation = $generation
),
seen AS (
    SELECT a.iccid, a.activated_at, a.imei
    FROM activations AS a
    SEMI JOIN mine AS m ON m.iccid = a.iccid
    WHERE a.activated_at < $latest
),
expected AS (
    SELECT e.iccid, e.effective_from, e.imei
    FROM expectations AS e
    SEMI JOIN mine AS m ON m.iccid = e.iccid
),
judged AS MATERIALIZED (
    SELECT a.iccid, a.activated_at, a.imei, e.imei AS expected_imei
    FROM seen AS a
    ASOF LEFT JOIN expected AS e ON e.iccid = a.iccid AND e.effective_from <= a.activated_at
),
suspects AS (
    SELECT DISTINCT j.iccid FROM judged AS j WHERE j.imei // 400 <> j.expected_imei // 400
),
in_order AS (
    SELECT
        j.iccid, j.activated_at, j.imei, j.expected_imei,
        lag(j.imei) OVER before AS previous_imei,
        lag(j.expected_imei) OVER before AS previous_expected_imei
    FROM judged AS j
    SEMI JOIN suspects AS u ON u.iccid = j.iccid
    WINDOW before AS (PARTITION BY j.iccid ORDER BY j.activated_at, j.imei)
)
SELECT
    o.iccid, coalesce(o.previous_imei, o.expected_imei) AS pre_imei, o.imei AS post_imei,
    o.activated_at,
    m.account, m.mdn, m.activation_date
FROM in_order AS o
INNER JOIN mine AS m ON m.iccid = o.iccid
WHERE o.activated_at > $earliest
    AND o.imei // 400 <> o.expected_imei // 400
    AND NOT coalesce(
        o.previous_imei // 400 <> o.previous_expected_imei // 400
        AND o.previous_imei // 400 = o.imei // 400,
        false
    )
ORDER BY o.activated_at, o.iccid, o.imei;
