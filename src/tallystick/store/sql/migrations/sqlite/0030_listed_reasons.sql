-- What lists of mismatches are narrowed down by has the reasons of each row, too, as bits of a number.

-- The bit of each reason that some rows have and others do not, and how core/reason_json.py prints its code.
CREATE VIEW reason_bits (bit, printed) AS
VALUES
    (1, CAST('"code":"first-use"' AS BLOB)),
    (2, CAST('"code":"same-model"' AS BLOB)),
    (4, CAST('"code":"other-model"' AS BLOB)),
    (8, CAST('"code":"not-a-valid-imei"' AS BLOB)),
    (16, CAST('"code":"check-digit-wrong"' AS BLOB)),
    (32, CAST('"code":"never-where-expected"' AS BLOB)),
    (64, CAST('"code":"always-here"' AS BLOB)),
    (128, CAST('"code":"still-there"' AS BLOB)),
    (256, CAST('"code":"moved-back"' AS BLOB)),
    (512, CAST('"code":"moved-on"' AS BLOB));

ALTER TABLE listed_mismatches ADD COLUMN reasons INTEGER NOT NULL DEFAULT 0;  -- bits; 0 without reasons

DROP TRIGGER list_mismatch;
CREATE TRIGGER list_mismatch AFTER INSERT ON mismatches BEGIN
    INSERT INTO listed_mismatches
        (account_id, generation, activated_at, iccid, post_imei, cause, digits, reasons)
    VALUES (
        new.account_id, new.generation, new.activated_at, new.iccid, new.post_imei,
        coalesce(unicode(substr(new.reasons, 11, 1)), 0),
        '89' || substr(
            CAST(1000000000000000000 + new.iccid / 4 AS TEXT), 2, CAST(16 + new.iccid % 4 AS INTEGER)
        ) || ' ' || substr(
            CAST(10000000000000000 + new.post_imei / 4 AS TEXT), 2, CAST(14 + new.post_imei % 4 AS INTEGER)
        ) || coalesce(' ' || substr(
            CAST(10000000000000000 + new.pre_imei / 4 AS TEXT), 2, CAST(14 + new.pre_imei % 4 AS INTEGER)
        ), '') || coalesce((
            SELECT ' ' || substr(CAST(1000000000000000 + s.mdn / 8 AS TEXT), 2, CAST(10 + s.mdn % 8 AS INTEGER))
            FROM sims AS s
            WHERE s.iccid = new.iccid
        ), ''),
        (SELECT coalesce(sum(b.bit), 0) FROM reason_bits AS b WHERE instr(new.reasons, b.printed) > 0)
    );
END;

DROP TRIGGER list_mismatch_anew;
CREATE TRIGGER list_mismatch_anew AFTER UPDATE OF reasons ON mismatches BEGIN
    UPDATE listed_mismatches
    SET
        cause = coalesce(unicode(substr(new.reasons, 11, 1)), 0),
        reasons = (SELECT coalesce(sum(b.bit), 0) FROM reason_bits AS b WHERE instr(new.reasons, b.printed) > 0)
    WHERE account_id = new.account_id AND generation = new.generation AND activated_at = new.activated_at
        AND iccid = new.iccid AND post_imei = new.post_imei;
END;

UPDATE listed_mismatches
SET reasons = (
    SELECT coalesce(sum(b.bit), 0)
    FROM mismatches AS m
    JOIN reason_bits AS b ON instr(m.reasons, b.printed) > 0
    WHERE m.account_id = listed_mismatches.account_id AND m.generation = listed_mismatches.generation
        AND m.activated_at = listed_mismatches.activated_at AND m.iccid = listed_mismatches.iccid
        AND m.post_imei = listed_mismatches.post_imei
);
