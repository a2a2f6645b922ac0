-- name: row_counts
-- The same, with this engine's word for a byte.
SELECT
    m.activated_at, m.account_id, m.post_imei / 400000000 AS tac,
    CAST(coalesce(get_byte(m.reasons, 10), 0) AS bigint) AS cause
FROM mismatches AS m
WHERE m.account_id IN (SELECT a.value FROM carray(:account_ids) AS a)
    AND m.generation IN (SELECT g.value FROM carray(:generations) AS g)
    AND m.activated_at > :earliest AND m.activated_at < :latest;

-- part: is_of_cause
-- Is a row of the cause that is asked for? Its reasons begin with it.
(
    :has_cause = 0
    OR substr(k.reasons, 1, length(CAST(:cause AS bytea))) = CAST(:cause AS bytea)
)

-- part: has_reason
-- Has a row the reason that is asked for, by how its code is printed?
(:has_reason = 0 OR position(CAST(:reason AS bytea) IN k.reasons) > 0)

-- part: left_at
-- When did the SIM of a row leave the hardware, if it did?
k.left_at

-- part: has_digits
-- Has a row the digits that are asked for? The wire holds all digits of a row, so that only rows
-- whose wire has the digits are looked at closely: ten to the power of n in front keeps zeros at
-- the beginning of a number.
(:has_digits = 0 OR (position(:digits IN k.wire) > 0 AND (
    '89' || substr(
        CAST(1000000000000000000 + k.iccid / 4 AS text), 2, CAST(16 + k.iccid % 4 AS integer)
    ) LIKE :pattern
    OR substr(
        CAST(10000000000000000 + k.post_imei / 4 AS text), 2, CAST(14 + k.post_imei % 4 AS integer)
    ) LIKE :pattern
    OR substr(
        CAST(10000000000000000 + k.pre_imei / 4 AS text), 2, CAST(14 + k.pre_imei % 4 AS integer)
    ) LIKE :pattern
    OR EXISTS (
        SELECT 1
        FROM sims AS s
        WHERE s.iccid = k.iccid AND substr(
            CAST(1000000000000000 + s.mdn / 8 AS text), 2, CAST(10 + s.mdn % 8 AS integer)
        ) LIKE :pattern
    )
)))

-- part: taken_of_row
-- What does a list take of each row that it keeps? All that people see of it.
k.wire, k.reasons, k.iccid, k.post_imei, k.expected_imei, k.activated_at

-- name: keys_listed
-- The same of the rows themselves.
SELECT k.account_id, k.activated_at, k.iccid, k.post_imei
FROM mismatches AS k
WHERE /* part: is_listed */;

-- name: rows_listed_from_newest
-- Which rows of some accounts are in the window, before one row and narrowed down, the newest
-- first, no more than are asked for?
SELECT /* part: taken_of_row */
FROM mismatches AS k
WHERE (k.activated_at, k.iccid, k.post_imei) < (:activated_at, :iccid, :post_imei)
    AND /* part: is_listed */
ORDER BY k.activated_at DESC, k.iccid DESC, k.post_imei DESC
LIMIT :at_most;

-- name: rows_listed_from_oldest
-- Which rows of some accounts are in the window, behind one row and narrowed down, the oldest
-- first, no more than are asked for?
SELECT /* part: taken_of_row */
FROM mismatches AS k
WHERE (k.activated_at, k.iccid, k.post_imei) > (:activated_at, :iccid, :post_imei)
    AND /* part: is_listed */
ORDER BY k.activated_at, k.iccid, k.post_imei
LIMIT :at_most;

-- name: rows_listed_by_iccid
-- Which rows of some accounts are in the window, behind one row in order of SIM and narrowed down,
-- no more than are asked for?
SELECT /* part: taken_of_row */
FROM mismatches AS k
WHERE (k.iccid, k.activated_at, k.post_imei) > (:iccid, :activated_at, :post_imei)
    AND /* part: is_listed */
ORDER BY k.iccid, k.activated_at, k.post_imei
LIMIT :at_most;

-- name: rows_listed_by_imei
-- The same in order of the hardware that SIMs were seen in.
SELECT /* part: taken_of_row */
FROM mismatches AS k
WHERE (k.post_imei, k.activated_at, k.iccid) > (:post_imei, :activated_at, :iccid)
    AND /* part: is_listed */
ORDER BY k.post_imei, k.activated_at, k.iccid
LIMIT :at_most;

-- name: rows_listed_by_account
-- The same in order of the names of accounts, with the name behind each row.
SELECT /* part: taken_of_row */, o.name
FROM accounts AS o
JOIN mismatches AS k ON k.account_id = o.account_id
WHERE o.name >= :account
    AND (o.name, k.activated_at, k.iccid, k.post_imei)
    > (:account, :activated_at, :iccid, :post_imei)
    AND /* part: is_listed */
ORDER BY o.name, k.activated_at, k.iccid, k.post_imei
LIMIT :at_most;
