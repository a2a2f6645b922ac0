-- Users see their own sessions and end them.

-- when it began; NULL of one that began before this was kept
ALTER TABLE sessions ADD COLUMN begun_at INTEGER;

-- 1 for a session of the console, 0 for one that calls of apps carry
ALTER TABLE sessions ADD COLUMN in_console INTEGER NOT NULL DEFAULT 0;

CREATE INDEX sessions_by_user ON sessions (user_id);
