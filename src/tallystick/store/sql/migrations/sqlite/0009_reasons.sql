-- where the SIM was expected; NULL in a row of an older store until `init` has gone through it
ALTER TABLE mismatches ADD COLUMN expected_imei INTEGER;

-- why the row is there, as far as it concerns the SIM alone: JSON, its times in wire_zone; NULL like expected_imei
ALTER TABLE mismatches ADD COLUMN reasons BLOB;

-- Other SIMs in the same hardware: those found in it, and those that are expected in it.
CREATE INDEX mismatches_by_hardware ON mismatches (post_imei / 400, iccid);

CREATE INDEX expectations_by_hardware ON expectations (imei / 400);
