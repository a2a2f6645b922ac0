-- Changes that concern more SIMs than one transaction should: how far each has come.
CREATE TABLE unfinished_work (
    kind text COLLATE "C" NOT NULL,
    subject bigint NOT NULL,
    after bigint NOT NULL,
    PRIMARY KEY (kind, subject)
);
