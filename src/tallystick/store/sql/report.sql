-- The report, in the order that the contract has. Each question is asked in two forms: for the rows
-- as they go over the wire, and, `…_explained`, with what the store keeps of their reasons. The
-- first form reads an index alone where it can, which the columns of the second do not allow.

-- name: wire_zone
-- In which zone do the kept rows print their times?
SELECT wire_zone FROM store;

-- part: explained_row
-- What there is of a row, m, to say why it is there.
m.wire, m.reasons, m.iccid, m.post_imei, m.expected_imei, m.activated_at

-- part: rows_of_account
-- Which rows does one account have in the window, in the report's order? The primary key is
-- that order.
FROM mismatches AS m
WHERE m.account_id = :account_id AND m.generation = :generation
    AND m.activated_at > :earliest AND m.activated_at < :latest
ORDER BY m.activated_at, m.iccid, m.post_imei

-- name: report_of_account
-- Which are these rows, as they go over the wire?
SELECT m.wire
/* part: rows_of_account */;

-- name: report_of_account_explained
-- Which are the same rows, with their reasons?
SELECT /* part: explained_row */
/* part: rows_of_account */;

-- part: rows_of_accounts
-- Which rows do several accounts, or several generations, have in the window, in the report's
-- order?
FROM mismatches AS m
WHERE m.account_id IN (SELECT a.value FROM carray(:account_ids) AS a)
    AND m.generation IN (SELECT g.value FROM carray(:generations) AS g)
    AND m.activated_at > :earliest AND m.activated_at < :latest
ORDER BY m.activated_at, m.iccid, m.post_imei

-- name: report_of_accounts
-- Which are these rows, as they go over the wire?
SELECT m.wire
/* part: rows_of_accounts */;

-- name: report_of_accounts_explained
-- Which are the same rows, with their reasons?
SELECT /* part: explained_row */
/* part: rows_of_accounts */;

-- part: rows_of_group
-- Which rows do the members of one group have in the window?
FROM group_members AS g
CROSS JOIN mismatches AS m
WHERE m.iccid = g.iccid AND m.account_id = g.account_id
    AND g.group_id = :group_id AND g.account_id = :account_id
    AND m.generation IN (SELECT v.value FROM carray(:generations) AS v)
    AND m.activated_at > :earliest AND m.activated_at < :latest
ORDER BY m.activated_at, m.iccid, m.post_imei

-- name: report_of_group
-- Which are these rows, as they go over the wire?
SELECT m.wire
/* part: rows_of_group */;

-- name: report_of_group_explained
-- Which are the same rows, with their reasons?
SELECT /* part: explained_row */
/* part: rows_of_group */;

-- part: rows_of_unassigned
-- Which rows do the SIMs of one account have in the window that are in none of its groups?
FROM mismatches AS m
WHERE m.account_id = :account_id
    AND m.generation IN (SELECT v.value FROM carray(:generations) AS v)
    AND m.activated_at > :earliest AND m.activated_at < :latest
    AND NOT EXISTS (
        SELECT 1 FROM group_members AS g WHERE g.account_id = m.account_id AND g.iccid = m.iccid
    )
ORDER BY m.activated_at, m.iccid, m.post_imei

-- name: report_of_unassigned
-- Which are these rows, as they go over the wire?
SELECT m.wire
/* part: rows_of_unassigned */;

-- name: report_of_unassigned_explained
-- Which are the same rows, with their reasons?
SELECT /* part: explained_row */
/* part: rows_of_unassigned */;

-- part: rows_of_sims
-- Which rows do the listed SIMs have in the window, within the given accounts? A flag of 0 leaves
-- the hardware out that they were found in.
FROM carray(:iccids) AS s
CROSS JOIN mismatches AS m
WHERE m.iccid = s.value
    AND m.activated_at > :earliest AND m.activated_at < :latest
    AND m.account_id IN (SELECT a.value FROM carray(:account_ids) AS a)
    AND m.generation IN (SELECT g.value FROM carray(:generations) AS g)
    AND (
        :has_hardware = 0
        OR m.post_imei / 400 IN (SELECT h.value FROM carray(:hardware) AS h)
    )
ORDER BY m.activated_at, m.iccid, m.post_imei

-- name: report_of_sims
-- Which are these rows, as they go over the wire?
SELECT m.wire
/* part: rows_of_sims */;

-- name: report_of_sims_explained
-- Which are the same rows, with their reasons?
SELECT /* part: explained_row */
/* part: rows_of_sims */;

-- name: sims_in_group
-- Which of these SIMs are in the group?
SELECT g.iccid
FROM group_members AS g
WHERE g.account_id = :account_id AND g.group_id = :group_id
    AND g.iccid IN (SELECT v.value FROM carray(:iccids) AS v);

-- name: sims_in_any_group
-- Which of these SIMs are in some group of the account?
SELECT g.iccid
FROM group_members AS g
WHERE g.account_id = :account_id AND g.iccid IN (SELECT v.value FROM carray(:iccids) AS v);
