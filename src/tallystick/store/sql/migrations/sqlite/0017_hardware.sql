-- What a question about one hardware begins with: which SIMs may be expected in it or seen in it.

-- Members of values that have several, by the hardware that each allows.
CREATE TABLE list_members (
    hardware INTEGER NOT NULL,          -- the first 14 digits of an IMEI, or a TAC with six zeros behind it
    iccid INTEGER NOT NULL,
    value INTEGER NOT NULL,             -- what expectation_lists.value has
    PRIMARY KEY (hardware, iccid, value)
) STRICT, WITHOUT ROWID;

WITH RECURSIVE split (iccid, value, member, rest) AS (
    SELECT iccid, value, NULL, members || '|' FROM expectation_lists
    UNION ALL
    SELECT iccid, value, substr(rest, 1, instr(rest, '|') - 1), substr(rest, instr(rest, '|') + 1)
    FROM split
    WHERE rest <> ''
)
INSERT INTO list_members (hardware, iccid, value)
SELECT DISTINCT CAST(substr(member || '000000', 1, 14) AS INTEGER), iccid, value
FROM split
WHERE member IS NOT NULL;

-- Which SIMs, of those that have or had a row, were seen in one hardware.
CREATE INDEX sightings_by_hardware ON sightings (hardware, iccid);
