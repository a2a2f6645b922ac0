-- how often taking it in failed in a way that nobody foresaw
ALTER TABLE uploads ADD COLUMN failures bigint NOT NULL DEFAULT 0;
