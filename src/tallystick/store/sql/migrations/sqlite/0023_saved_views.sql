-- Views of the console's list that users come back to.

-- A user calls a view of the list by a name.
CREATE TABLE saved_views (
    user_id INTEGER NOT NULL REFERENCES users,
    name TEXT NOT NULL,
    asked TEXT NOT NULL,                -- what the address of the list asks for, without a place in it
    PRIMARY KEY (user_id, name)
) STRICT, WITHOUT ROWID;
