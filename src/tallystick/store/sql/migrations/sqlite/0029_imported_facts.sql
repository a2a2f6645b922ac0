-- Receipts of imports are forgotten in time; what metrics count must not fall.

-- One row a kind of facts that an import with a receipt brought, since the store has this table.
CREATE TABLE imported_facts (
    kind TEXT PRIMARY KEY,
    accepted INTEGER NOT NULL,
    duplicate INTEGER NOT NULL,
    rejected INTEGER NOT NULL,
    last_at INTEGER             -- when the last import ended that brought a new fact
) STRICT, WITHOUT ROWID;
