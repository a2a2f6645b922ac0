-- Which hardware the lists in expectation_lists name: that of their IMEIs, not of their TACs.
CREATE TABLE listed_hardware (
    hardware INTEGER NOT NULL,          -- the first 14 digits of the IMEI
    iccid INTEGER NOT NULL,
    PRIMARY KEY (hardware, iccid)
) STRICT, WITHOUT ROWID;

WITH RECURSIVE split (iccid, member, rest) AS (
    SELECT l.iccid, '', l.members || '|' FROM expectation_lists AS l
    UNION ALL
    SELECT s.iccid, substr(s.rest, 1, instr(s.rest, '|') - 1), substr(s.rest, instr(s.rest, '|') + 1)
    FROM split AS s
    WHERE s.rest <> ''
)
INSERT INTO listed_hardware (hardware, iccid)
SELECT DISTINCT CAST(substr(s.member, 1, 14) AS INTEGER), s.iccid
FROM split AS s
WHERE length(s.member) >= 14;
