-- What a question about one hardware begins with: which SIMs may be expected in it or seen in it.

-- Members of values that have several, by the hardware that each allows.
CREATE TABLE list_members (
    hardware bigint NOT NULL,           -- the first 14 digits of an IMEI, or a TAC with six zeros behind it
    iccid bigint NOT NULL,
    value bigint NOT NULL,              -- what expectation_lists.value has
    PRIMARY KEY (hardware, iccid, value)
);

INSERT INTO list_members (hardware, iccid, value)
SELECT DISTINCT CAST(left(m.member || '000000', 14) AS bigint), l.iccid, l.value
FROM expectation_lists AS l
CROSS JOIN LATERAL unnest(string_to_array(l.members, '|')) AS m (member);

-- Which SIMs, of those that have or had a row, were seen in one hardware.
CREATE INDEX sightings_by_hardware ON sightings (hardware, iccid);

-- The SIMs that are expected in one hardware are read in their order.
DROP INDEX expectations_by_hardware;

CREATE INDEX expectations_by_hardware ON expectations ((imei / 400), iccid);
