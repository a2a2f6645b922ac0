-- An account may ask for approval: then nobody changes by themselves what is expected of its SIMs.

-- whether another person has to approve what is to be expected of the account's SIMs: off or required
ALTER TABLE accounts ADD COLUMN approval TEXT NOT NULL DEFAULT 'off' CHECK (approval IN ('off', 'required'));

CREATE INDEX accounts_asking ON accounts (account_id) WHERE approval = 'required';

-- the proposal that its pairs were made, until it is decided about; NULL where they wait for none
ALTER TABLE uploads ADD COLUMN waits_for INTEGER;

-- JSON: the proposal, and what comes of the upload where it is approved and where it is rejected; NULL where there is none
ALTER TABLE uploads ADD COLUMN judged BLOB;

DROP INDEX uploads_waiting;

CREATE INDEX uploads_waiting ON uploads (upload_id) WHERE outcome IS NULL AND waits_for IS NULL;

CREATE INDEX uploads_proposed ON uploads (waits_for) WHERE waits_for IS NOT NULL;
