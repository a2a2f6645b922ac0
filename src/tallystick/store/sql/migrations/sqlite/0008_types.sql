-- Who makes the hardware whose IMEIs begin with a TAC, and as what.
CREATE TABLE types (
    tac INTEGER PRIMARY KEY,            -- the type allocation code: the first eight digits, as a number
    manufacturer TEXT NOT NULL,
    model TEXT NOT NULL                 -- empty where it is not known
) STRICT;

-- The types of one manufacturer.
CREATE INDEX types_by_manufacturer ON types (manufacturer);
