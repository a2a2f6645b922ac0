-- how often expectations have changed, so that what was judged beside the writer is known to hold still
ALTER TABLE store ADD COLUMN expectations_version INTEGER NOT NULL DEFAULT 0;
