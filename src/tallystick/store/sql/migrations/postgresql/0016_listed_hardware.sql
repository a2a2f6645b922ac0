-- Which hardware the lists in expectation_lists name: that of their IMEIs, not of their TACs.
CREATE TABLE listed_hardware (
    hardware bigint NOT NULL,           -- the first 14 digits of the IMEI
    iccid bigint NOT NULL,
    PRIMARY KEY (hardware, iccid)
);

INSERT INTO listed_hardware (hardware, iccid)
SELECT DISTINCT CAST(substr(m.member, 1, 14) AS bigint), l.iccid
FROM expectation_lists AS l
CROSS JOIN unnest(string_to_array(l.members, '|')) AS m (member)
WHERE length(m.member) >= 14;
