-- name: try_writing
-- Write the store's own row, which tells whether anything can be written. A step forth and one back leave it as it was.
-- SQLite writes no row that stays the same.
UPDATE store SET expectations_version = expectations_version + :step;
