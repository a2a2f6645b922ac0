-- What an account expects of a SIM while no expectation is in force: nothing (off), to stay in the hardware that it was
-- first seen in (imei), or in hardware of that model (model).
ALTER TABLE accounts ADD COLUMN first_use text COLLATE "C" NOT NULL DEFAULT 'off' CHECK (first_use IN ('off', 'imei', 'model'));
