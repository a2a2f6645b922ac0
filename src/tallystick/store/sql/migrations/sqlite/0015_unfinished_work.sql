-- Changes that concern more SIMs than one transaction should: how far each has come.
CREATE TABLE unfinished_work (
    kind TEXT NOT NULL,                 -- rename, first-use, approval or undo
    subject INTEGER NOT NULL,           -- the account or the change set that it is about
    after INTEGER NOT NULL,             -- the SIMs up to this one are done
    PRIMARY KEY (kind, subject)
) STRICT, WITHOUT ROWID;
