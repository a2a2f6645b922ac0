-- name: row_counts
-- The same, with this engine's word for a byte.
SELECT
    m.activated_at, m.account_id, m.post_imei / 400000000 AS tac,
    CAST(coalesce(get_byte(m.reasons, 10), 0) AS bigint) AS cause
FROM mismatches AS m
WHERE m.account_id IN (SELECT a.value FROM carray(:account_ids) AS a)
    AND m.generation IN (SELECT g.value FROM carray(:generations) AS g)
    AND m.activated_at > :earliest AND m.activated_at < :latest;

-- name: rows_listed_from_newest
-- Which rows of some accounts are in the window, before one row and narrowed down, the newest
-- first, no more than are asked for? A flag of 0 leaves a filter out. The wire holds all digits of
-- a row, so that only rows whose wire has the digits are looked at closely: ten to the power of n
-- in front keeps zeros at the beginning of a number. A state is what core/explanations.py says.
SELECT m.wire, m.reasons, m.iccid, m.post_imei, m.expected_imei, m.activated_at
FROM mismatches AS m
WHERE m.account_id IN (SELECT a.value FROM carray(:account_ids) AS a)
    AND m.generation IN (SELECT g.value FROM carray(:generations) AS g)
    AND m.activated_at > :earliest AND m.activated_at < :latest
    AND (m.activated_at, m.iccid, m.post_imei) < (:activated_at, :iccid, :post_imei)
    AND (
        :has_cause = 0
        OR substr(m.reasons, 1, length(CAST(:cause AS bytea))) = CAST(:cause AS bytea)
    )
    AND (:has_tacs = 0 OR m.post_imei / 400000000 IN (SELECT t.value FROM carray(:tacs) AS t))
    AND (:has_group = 0 OR EXISTS (
        SELECT 1
        FROM group_members AS g
        WHERE g.account_id = m.account_id AND g.iccid = m.iccid AND g.group_id = :group_id
    ))
    AND (:is_unassigned = 0 OR NOT EXISTS (
        SELECT 1 FROM group_members AS g WHERE g.account_id = m.account_id AND g.iccid = m.iccid
    ))
    AND (:state = '' OR :state = CASE
        WHEN :may_be_proposed = 1
            AND EXISTS (SELECT 1 FROM proposed_expectations AS p WHERE p.iccid = m.iccid)
            THEN 'proposed'
        WHEN :may_be_explained = 1 AND EXISTS (
            SELECT 1
            FROM explanations AS x
            WHERE x.iccid = m.iccid AND x.activated_at = m.activated_at
                AND x.post_imei = m.post_imei AND x.ended_at IS NULL
                AND (x.holds_until > :now OR (x.holds_until IS NULL AND NOT EXISTS (
                    SELECT 1
                    FROM activations AS a
                    WHERE a.iccid = m.iccid AND a.activated_at > x.seen_until
                        AND a.activated_at < coalesce(m.left_at, 4611686018427387904)
                )))
        )
            THEN 'explained'
        ELSE 'open'
    END)
    AND (:has_digits = 0 OR (position(:digits IN m.wire) > 0 AND (
        '89' || substr(
            CAST(1000000000000000000 + m.iccid / 4 AS text), 2, CAST(16 + m.iccid % 4 AS integer)
        ) LIKE :pattern
        OR substr(
            CAST(10000000000000000 + m.post_imei / 4 AS text),
            2,
            CAST(14 + m.post_imei % 4 AS integer)
        ) LIKE :pattern
        OR substr(
            CAST(10000000000000000 + m.pre_imei / 4 AS text),
            2,
            CAST(14 + m.pre_imei % 4 AS integer)
        ) LIKE :pattern
        OR EXISTS (
            SELECT 1
            FROM sims AS s
            WHERE s.iccid = m.iccid AND substr(
                CAST(1000000000000000 + s.mdn / 8 AS text), 2, CAST(10 + s.mdn % 8 AS integer)
            ) LIKE :pattern
        )
    )))
ORDER BY m.activated_at DESC, m.iccid DESC, m.post_imei DESC
LIMIT :at_most;

-- name: rows_listed_from_oldest
-- Which rows of some accounts are in the window, behind one row and narrowed down, the oldest
-- first, no more than are asked for? A flag of 0 leaves a filter out. The wire holds all digits of
-- a row, so that only rows whose wire has the digits are looked at closely: ten to the power of n
-- in front keeps zeros at the beginning of a number. A state is what core/explanations.py says.
SELECT m.wire, m.reasons, m.iccid, m.post_imei, m.expected_imei, m.activated_at
FROM mismatches AS m
WHERE m.account_id IN (SELECT a.value FROM carray(:account_ids) AS a)
    AND m.generation IN (SELECT g.value FROM carray(:generations) AS g)
    AND m.activated_at > :earliest AND m.activated_at < :latest
    AND (m.activated_at, m.iccid, m.post_imei) > (:activated_at, :iccid, :post_imei)
    AND (
        :has_cause = 0
        OR substr(m.reasons, 1, length(CAST(:cause AS bytea))) = CAST(:cause AS bytea)
    )
    AND (:has_tacs = 0 OR m.post_imei / 400000000 IN (SELECT t.value FROM carray(:tacs) AS t))
    AND (:has_group = 0 OR EXISTS (
        SELECT 1
        FROM group_members AS g
        WHERE g.account_id = m.account_id AND g.iccid = m.iccid AND g.group_id = :group_id
    ))
    AND (:is_unassigned = 0 OR NOT EXISTS (
        SELECT 1 FROM group_members AS g WHERE g.account_id = m.account_id AND g.iccid = m.iccid
    ))
    AND (:state = '' OR :state = CASE
        WHEN :may_be_proposed = 1
            AND EXISTS (SELECT 1 FROM proposed_expectations AS p WHERE p.iccid = m.iccid)
            THEN 'proposed'
        WHEN :may_be_explained = 1 AND EXISTS (
            SELECT 1
            FROM explanations AS x
            WHERE x.iccid = m.iccid AND x.activated_at = m.activated_at
                AND x.post_imei = m.post_imei AND x.ended_at IS NULL
                AND (x.holds_until > :now OR (x.holds_until IS NULL AND NOT EXISTS (
                    SELECT 1
                    FROM activations AS a
                    WHERE a.iccid = m.iccid AND a.activated_at > x.seen_until
                        AND a.activated_at < coalesce(m.left_at, 4611686018427387904)
                )))
        )
            THEN 'explained'
        ELSE 'open'
    END)
    AND (:has_digits = 0 OR (position(:digits IN m.wire) > 0 AND (
        '89' || substr(
            CAST(1000000000000000000 + m.iccid / 4 AS text), 2, CAST(16 + m.iccid % 4 AS integer)
        ) LIKE :pattern
        OR substr(
            CAST(10000000000000000 + m.post_imei / 4 AS text),
            2,
            CAST(14 + m.post_imei % 4 AS integer)
        ) LIKE :pattern
        OR substr(
            CAST(10000000000000000 + m.pre_imei / 4 AS text),
            2,
            CAST(14 + m.pre_imei % 4 AS integer)
        ) LIKE :pattern
        OR EXISTS (
            SELECT 1
            FROM sims AS s
            WHERE s.iccid = m.iccid AND substr(
                CAST(1000000000000000 + s.mdn / 8 AS text), 2, CAST(10 + s.mdn % 8 AS integer)
            ) LIKE :pattern
        )
    )))
ORDER BY m.activated_at, m.iccid, m.post_imei
LIMIT :at_most;
