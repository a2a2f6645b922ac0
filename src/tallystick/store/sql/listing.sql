-- Rows of the kept answer as a list that people read a page at a time, and counts of them.

-- name: row_counts
-- When were rows of the window opened, of which accounts, in hardware of which types, and with
-- which cause by the SIM's own facts? The cause is the byte that its name begins with, 0 in a row
-- of an older store that has none.
SELECT k.activated_at, k.account_id, k.post_imei / 400000000 AS tac, k.cause
FROM listed_mismatches AS k
WHERE k.account_id IN (SELECT a.value FROM carray(:account_ids) AS a)
    AND k.generation IN (SELECT g.value FROM carray(:generations) AS g)
    AND k.activated_at > :earliest AND k.activated_at < :latest;

-- part: is_of_cause
-- Is a row of the cause that is asked for?
(:has_cause = 0 OR k.cause = :cause_byte)

-- part: has_reason
-- Has a row the reason that is asked for, by how its code is printed?
(:has_reason = 0 OR (
    k.reasons & (SELECT b.bit FROM reason_bits AS b WHERE b.printed = :reason)
) <> 0)

-- part: left_at
-- When did the SIM of a row leave the hardware, if it did?
(
    SELECT r.left_at
    FROM mismatches AS r
    WHERE r.account_id = k.account_id AND r.generation = k.generation
        AND r.activated_at = k.activated_at AND r.iccid = k.iccid AND r.post_imei = k.post_imei
)

-- part: has_digits
-- Has a row the digits that are asked for?
(:has_digits = 0 OR instr(k.digits, CAST(:digits AS TEXT)) > 0)

-- part: state_of_row
-- What is being done about a row? It is what core/explanations.py says. The expectations of its SIM
-- that a proposed undo would take back are counted: asked whether there is one, PostgreSQL may look
-- through those of all SIMs.
CASE
    WHEN :may_be_proposed = 1
        AND EXISTS (SELECT 1 FROM proposed_expectations AS p WHERE p.iccid = k.iccid)
        THEN 'proposed'
    WHEN :may_be_taken_back = 1 AND (
        k.iccid IN (
            SELECT f.iccid
            FROM former_expectations AS f
            WHERE f.ended_in IN (SELECT t.value FROM carray(:taken_back) AS t)
        )
        OR 0 < (
            SELECT count(*)
            FROM expectations AS e
            WHERE e.iccid = k.iccid
                AND e.change_set_id IN (SELECT t.value FROM carray(:taken_back) AS t)
        )
    )
        THEN 'proposed'
    WHEN :may_be_explained = 1 AND EXISTS (
        SELECT 1
        FROM explanations AS x
        WHERE x.iccid = k.iccid AND x.activated_at = k.activated_at
            AND x.post_imei = k.post_imei AND x.ended_at IS NULL
            AND (x.holds_until > :now OR (x.holds_until IS NULL AND NOT EXISTS (
                SELECT 1
                FROM activations AS a
                WHERE a.iccid = k.iccid AND a.activated_at > x.seen_until
                    AND a.activated_at < coalesce(/* part: left_at */, 4611686018427387904)
            )))
    )
        THEN 'explained'
    ELSE 'open'
END

-- part: is_listed
-- Is a row of some accounts, in the window, and not left out by a filter? A flag of 0 leaves the
-- filter out.
k.account_id IN (SELECT a.value FROM carray(:account_ids) AS a)
AND k.generation IN (SELECT g.value FROM carray(:generations) AS g)
AND k.activated_at > :earliest AND k.activated_at < :latest
AND /* part: is_of_cause */
AND /* part: has_reason */
AND (:has_tacs = 0 OR k.post_imei / 400000000 IN (SELECT t.value FROM carray(:tacs) AS t))
AND (:has_group = 0 OR EXISTS (
    SELECT 1
    FROM group_members AS g
    WHERE g.account_id = k.account_id AND g.iccid = k.iccid AND g.group_id = :group_id
))
AND (:is_unassigned = 0 OR NOT EXISTS (
    SELECT 1 FROM group_members AS g WHERE g.account_id = k.account_id AND g.iccid = k.iccid
))
AND (:state = '' OR :state = /* part: state_of_row */)
AND /* part: has_digits */

-- part: whole_rows
-- What people see of rows, m, whose keys, k, were listed.
CROSS JOIN mismatches AS m
WHERE m.account_id = k.account_id AND m.generation = k.generation
    AND m.activated_at = k.activated_at AND m.iccid = k.iccid AND m.post_imei = k.post_imei

-- part: taken_of_row
-- What does a list take of each row that it keeps? The key that its whole row is looked up by.
k.account_id, k.generation, k.activated_at, k.iccid, k.post_imei

-- name: keys_listed
-- Which rows of some accounts are in the window and not left out by a filter, in no order?
SELECT k.account_id, k.activated_at, k.iccid, k.post_imei
FROM listed_mismatches AS k
WHERE /* part: is_listed */;

-- name: rows_listed_from_newest
-- Which rows of some accounts are in the window, before one row and narrowed down, the newest
-- first, no more than are asked for?
SELECT /* part: explained_row */
FROM (
    SELECT /* part: taken_of_row */
    FROM listed_mismatches AS k
    WHERE (k.activated_at, k.iccid, k.post_imei) < (:activated_at, :iccid, :post_imei)
        AND /* part: is_listed */
    ORDER BY k.activated_at DESC, k.iccid DESC, k.post_imei DESC
    LIMIT :at_most
) AS k
/* part: whole_rows */
ORDER BY m.activated_at DESC, m.iccid DESC, m.post_imei DESC;

-- name: rows_listed_from_oldest
-- Which rows of some accounts are in the window, behind one row and narrowed down, the oldest
-- first, no more than are asked for?
SELECT /* part: explained_row */
FROM (
    SELECT /* part: taken_of_row */
    FROM listed_mismatches AS k
    WHERE (k.activated_at, k.iccid, k.post_imei) > (:activated_at, :iccid, :post_imei)
        AND /* part: is_listed */
    ORDER BY k.activated_at, k.iccid, k.post_imei
    LIMIT :at_most
) AS k
/* part: whole_rows */
ORDER BY m.activated_at, m.iccid, m.post_imei;

-- name: rows_listed_by_iccid
-- Which rows of some accounts are in the window, behind one row in order of SIM and narrowed down,
-- no more than are asked for?
SELECT /* part: explained_row */
FROM (
    SELECT /* part: taken_of_row */
    FROM listed_mismatches AS k
    WHERE (k.iccid, k.activated_at, k.post_imei) > (:iccid, :activated_at, :post_imei)
        AND /* part: is_listed */
    ORDER BY k.iccid, k.activated_at, k.post_imei
    LIMIT :at_most
) AS k
/* part: whole_rows */
ORDER BY m.iccid, m.activated_at, m.post_imei;

-- name: rows_listed_by_imei
-- The same in order of the hardware that SIMs were seen in.
SELECT /* part: explained_row */
FROM (
    SELECT /* part: taken_of_row */
    FROM listed_mismatches AS k
    WHERE (k.post_imei, k.activated_at, k.iccid) > (:post_imei, :activated_at, :iccid)
        AND /* part: is_listed */
    ORDER BY k.post_imei, k.activated_at, k.iccid
    LIMIT :at_most
) AS k
/* part: whole_rows */
ORDER BY m.post_imei, m.activated_at, m.iccid;

-- name: rows_listed_by_account
-- The same in order of the names of accounts, with the name behind each row: the index of names
-- gives them in that order.
SELECT /* part: explained_row */, k.name
FROM (
    SELECT /* part: taken_of_row */, o.name
    FROM accounts AS o
    CROSS JOIN listed_mismatches AS k
    WHERE k.account_id = o.account_id
        AND o.name >= :account
        AND (o.name, k.activated_at, k.iccid, k.post_imei)
        > (:account, :activated_at, :iccid, :post_imei)
        AND /* part: is_listed */
    ORDER BY o.name, k.activated_at, k.iccid, k.post_imei
    LIMIT :at_most
) AS k
/* part: whole_rows */
ORDER BY k.name, m.activated_at, m.iccid, m.post_imei;

-- name: rows_of_sim
-- Which rows does one SIM have in the window, the newest first, no more than are asked for?
SELECT /* part: explained_row */
FROM mismatches AS m
WHERE m.iccid = :iccid AND m.activated_at > :earliest AND m.activated_at < :latest
ORDER BY m.activated_at DESC, m.post_imei DESC
LIMIT :at_most;

-- name: states_there_are
-- May there be rows that are proposed, and rows that are explained? Without any, no row is asked.
SELECT
    EXISTS (SELECT 1 FROM proposed_expectations AS p) AS may_be_proposed,
    EXISTS (SELECT 1 FROM explanations AS x) AS may_be_explained;

-- name: rows_named
-- Which of these rows are there?
WITH asked (activated_at, iccid, post_imei) AS (
    VALUES (:activated_at, :iccid, :post_imei)
)
SELECT /* part: explained_row */
FROM asked AS f
CROSS JOIN mismatches AS m
WHERE m.iccid = f.iccid AND m.activated_at = f.activated_at AND m.post_imei = f.post_imei;

-- name: newest_activations
-- Where was this SIM seen in the window, the newest first, no more than are asked for?
SELECT a.activated_at, a.imei
FROM activations AS a
WHERE a.iccid = :iccid AND a.activated_at > :earliest AND a.activated_at < :latest
ORDER BY a.activated_at DESC, a.imei DESC
LIMIT :at_most;

-- name: newest_expectations
-- Where was this SIM expected before a moment, the newest first, no more than are asked for?
SELECT e.effective_from, e.imei, l.members
FROM expectations AS e
LEFT JOIN expectation_lists AS l ON l.iccid = e.iccid AND l.value = e.imei
WHERE e.iccid = :iccid AND e.effective_from < :latest
ORDER BY e.effective_from DESC
LIMIT :at_most;

-- name: first_expectation
-- Where was this SIM expected first?
SELECT e.effective_from, e.imei, l.members
FROM expectations AS e
LEFT JOIN expectation_lists AS l ON l.iccid = e.iccid AND l.value = e.imei
WHERE e.iccid = :iccid
ORDER BY e.effective_from
LIMIT 1;

-- name: count_of_values
-- How many values did expectations of this SIM ever have, counted no further than is asked?
SELECT count(*)
FROM (
    SELECT 1 AS one
    FROM (
        SELECT e.iccid FROM expectations AS e WHERE e.iccid = :iccid
        UNION ALL
        SELECT f.iccid FROM former_expectations AS f WHERE f.iccid = :iccid
    ) AS v
    LIMIT :at_most
) AS c;

-- name: bounds_of_account
-- Which is the first SIM of an account, and which the last? Each is one end of an index; asked for
-- together by two aggregates, they would be looked for among all SIMs.
SELECT
    (SELECT min(s.iccid) FROM sims AS s WHERE s.account_id = :account_id) AS first_iccid,
    (SELECT max(s.iccid) FROM sims AS s WHERE s.account_id = :account_id) AS last_iccid;

-- name: some_sims_of_account
-- Which SIMs of an account come from one SIM on, in order, no more than are asked for?
SELECT s.iccid
FROM sims AS s
WHERE s.account_id = :account_id AND s.iccid >= :first
ORDER BY s.iccid
LIMIT :at_most;
