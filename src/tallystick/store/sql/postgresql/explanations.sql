-- Many values a statement, each column as one array.

-- name: put_explanation
-- Somebody explained rows; of two explanations of the same moment the later stays.
INSERT INTO explanations (
    activated_at, iccid, post_imei, explained_at, explained_by, ticket, note, holds_until,
    seen_until, ended_at, ended_by
)
SELECT *
FROM unnest(
    CAST(:activated_at AS bigint[]), CAST(:iccid AS bigint[]), CAST(:post_imei AS bigint[]),
    CAST(:explained_at AS bigint[]), CAST(:explained_by AS text[]), CAST(:ticket AS text[]),
    CAST(:note AS text[]), CAST(:holds_until AS bigint[]), CAST(:seen_until AS bigint[]),
    CAST(:ended_at AS bigint[]), CAST(:ended_by AS text[])
)
ON CONFLICT (iccid, activated_at, post_imei, explained_at) DO UPDATE
SET explained_by = excluded.explained_by, ticket = excluded.ticket, note = excluded.note,
    holds_until = excluded.holds_until, seen_until = excluded.seen_until,
    ended_at = excluded.ended_at, ended_by = excluded.ended_by;

-- name: end_explanation
-- What was said of rows does not hold any more.
UPDATE explanations AS x
SET ended_at = k.ended_at, ended_by = k.ended_by
FROM unnest(
    CAST(:ended_at AS bigint[]), CAST(:ended_by AS text[]), CAST(:iccid AS bigint[]),
    CAST(:activated_at AS bigint[]), CAST(:post_imei AS bigint[])
) AS k (ended_at, ended_by, iccid, activated_at, post_imei)
WHERE x.iccid = k.iccid AND x.activated_at = k.activated_at AND x.post_imei = k.post_imei
    AND x.ended_at IS NULL;
