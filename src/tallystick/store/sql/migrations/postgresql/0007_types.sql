-- Who makes the hardware whose IMEIs begin with a TAC, and as what.
CREATE TABLE types (
    tac bigint PRIMARY KEY,             -- the type allocation code: the first eight digits, as a number
    manufacturer text COLLATE "C" NOT NULL,
    model text COLLATE "C" NOT NULL     -- empty where it is not known
);

-- The types of one manufacturer.
CREATE INDEX types_by_manufacturer ON types (manufacturer);
