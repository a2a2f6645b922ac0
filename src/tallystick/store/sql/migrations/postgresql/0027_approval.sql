-- An account may ask for approval: then nobody changes by themselves what is expected of its SIMs.

-- whether another person has to approve what is to be expected of the account's SIMs: off or required
-- (Citus takes a constraint only by name; this is the name that PostgreSQL would give it.)
ALTER TABLE accounts ADD COLUMN approval text COLLATE "C" NOT NULL DEFAULT 'off'
    CONSTRAINT accounts_approval_check CHECK (approval IN ('off', 'required'));

CREATE INDEX accounts_asking ON accounts (account_id) WHERE approval = 'required';

-- the proposal that its pairs were made, which it waits for; NULL where they needed no approval
ALTER TABLE uploads ADD COLUMN proposed_in bigint;
