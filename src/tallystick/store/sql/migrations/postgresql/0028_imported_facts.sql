-- Receipts of imports are forgotten in time; what metrics count must not fall. The columns are told in
-- sqlite/0028_imported_facts.sql.

-- One row a kind of facts that an import with a receipt brought, since the store has this table.
CREATE TABLE imported_facts (
    kind text COLLATE "C" PRIMARY KEY,
    accepted bigint NOT NULL,
    duplicate bigint NOT NULL,
    rejected bigint NOT NULL,
    last_at bigint
);
