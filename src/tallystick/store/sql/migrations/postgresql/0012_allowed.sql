-- What an expectation may say: core/allowed.py has the values.
CREATE TABLE expectation_lists (
    iccid bigint NOT NULL,
    value bigint NOT NULL,              -- what expectations.imei has: a digest of the text
    members text COLLATE "C" NOT NULL,  -- IMEIs and TACs with | between, as they were given
    PRIMARY KEY (iccid, value)
);

-- When a SIM was first seen in each hardware; kept of SIMs that have a row, or had one.
CREATE TABLE sightings (
    iccid bigint NOT NULL,
    hardware bigint NOT NULL,           -- the first 14 digits of the IMEI
    first_seen_at bigint NOT NULL,
    PRIMARY KEY (iccid, hardware)
);

-- A SIM may never have been activated by its device database.
ALTER TABLE sims ALTER COLUMN activation_date DROP NOT NULL;

-- Where nothing is expected that has an IMEI, the hardware on record before is not known.
ALTER TABLE mismatches ALTER COLUMN pre_imei DROP NOT NULL;

-- when the SIM was next seen in other hardware
ALTER TABLE mismatches ADD COLUMN left_at bigint;

-- 1 where it was as expected then
ALTER TABLE mismatches ADD COLUMN is_back bigint NOT NULL DEFAULT 0;

UPDATE mismatches SET expected_imei = NULL, reasons = NULL;
