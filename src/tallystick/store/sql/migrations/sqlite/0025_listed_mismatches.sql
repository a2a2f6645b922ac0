-- What a list of mismatches is narrowed down and counted by, beside the rows and much smaller than they are.

-- One row for each of mismatches, kept in step by triggers.
CREATE TABLE listed_mismatches (
    account_id INTEGER NOT NULL,
    generation TEXT NOT NULL,
    activated_at INTEGER NOT NULL,
    iccid INTEGER NOT NULL,
    post_imei INTEGER NOT NULL,
    cause INTEGER NOT NULL,             -- the byte that the name of its cause begins with; 0 without reasons
    digits TEXT NOT NULL,               -- ICCID, both IMEIs and the phone number, with blanks between
    PRIMARY KEY (account_id, generation, activated_at, iccid, post_imei)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER list_mismatch AFTER INSERT ON mismatches BEGIN
    INSERT INTO listed_mismatches
        (account_id, generation, activated_at, iccid, post_imei, cause, digits)
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
        ), '')
    );
END;

CREATE TRIGGER unlist_mismatch AFTER DELETE ON mismatches BEGIN
    DELETE FROM listed_mismatches
    WHERE account_id = old.account_id AND generation = old.generation AND activated_at = old.activated_at
        AND iccid = old.iccid AND post_imei = old.post_imei;
END;

CREATE TRIGGER list_mismatch_anew AFTER UPDATE OF reasons ON mismatches BEGIN
    UPDATE listed_mismatches
    SET cause = coalesce(unicode(substr(new.reasons, 11, 1)), 0)
    WHERE account_id = new.account_id AND generation = new.generation AND activated_at = new.activated_at
        AND iccid = new.iccid AND post_imei = new.post_imei;
END;

INSERT INTO listed_mismatches (account_id, generation, activated_at, iccid, post_imei, cause, digits)
SELECT
    m.account_id, m.generation, m.activated_at, m.iccid, m.post_imei,
    coalesce(unicode(substr(m.reasons, 11, 1)), 0),
    '89' || substr(CAST(1000000000000000000 + m.iccid / 4 AS TEXT), 2, CAST(16 + m.iccid % 4 AS INTEGER))
    || ' ' || substr(CAST(10000000000000000 + m.post_imei / 4 AS TEXT), 2, CAST(14 + m.post_imei % 4 AS INTEGER))
    || coalesce(
        ' ' || substr(CAST(10000000000000000 + m.pre_imei / 4 AS TEXT), 2, CAST(14 + m.pre_imei % 4 AS INTEGER)),
        ''
    ) || coalesce((
        SELECT ' ' || substr(CAST(1000000000000000 + s.mdn / 8 AS TEXT), 2, CAST(10 + s.mdn % 8 AS INTEGER))
        FROM sims AS s
        WHERE s.iccid = m.iccid
    ), '')
FROM mismatches AS m;
