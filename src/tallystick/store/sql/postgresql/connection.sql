-- name: set_up_session
-- How this connection plans and waits. A single question, and a transaction of calls, asks about
-- little and the same again and again: their plans are kept, for to make one took longer than to
-- run it. All others plan each statement anew, see `PLANNED_ANEW`; so does whatever asks a cluster,
-- see `set_up_session_of_cluster`. Every query names its SIMs, accounts or moments and is meant to
-- look them up in an index; joins that walk whole indexes look cheaper to a planner that knows
-- little of a table that grows, and then cost more with each slice. Readers of one PostgreSQL may
-- join by hash: where a planner takes thousands of rows for a few, any other join compares each
-- with each. Writers may not, see `take_turn`. The server ends a connection whose other end is
-- lost: by keepalives while nothing is under way, and by `tcp_user_timeout` while something that it
-- has sent is not acknowledged, for then it sends no keepalives.
SELECT
    set_config('plan_cache_mode', 'force_generic_plan', FALSE),
    set_config('random_page_cost', '1.1', FALSE),
    set_config('enable_seqscan', 'off', FALSE),
    set_config('enable_hashjoin', 'on', FALSE),
    set_config('enable_mergejoin', 'off', FALSE),
    set_config('jit', 'off', FALSE),
    set_config('lock_timeout', :lock_wait, FALSE),
    set_config('idle_in_transaction_session_timeout', :idle, FALSE),
    set_config('tcp_keepalives_idle', :keepalive_idle, FALSE),
    set_config('tcp_keepalives_interval', :keepalive_interval, FALSE),
    set_config('tcp_keepalives_count', :keepalive_count, FALSE),
    set_config('tcp_user_timeout', :unacknowledged, FALSE);

-- name: wait_for_locks
-- Wait for locks so many milliseconds at most, until this transaction ends.
SELECT set_config('lock_timeout', CAST(CAST(:milliseconds AS bigint) AS text), TRUE);

-- name: take_turn
-- Wait until nobody else writes, in this process or another; the turn ends with the transaction.
-- Each schema is a store. The server ends the transaction if its client says nothing for too long,
-- or a statement takes too long. What it looks up is new to the planner, which would rather read
-- all.
SELECT
    set_config('enable_hashjoin', 'off', TRUE),
    pg_advisory_xact_lock(CAST(:turn AS integer), hashtext(current_schema())),
    set_config('idle_in_transaction_session_timeout', :idle, TRUE),
    set_config('statement_timeout', :statement, TRUE);

-- name: wait_in_all
-- The next statement may wait for locks for so many milliseconds in all. This transaction writes:
-- see `take_turn`.
SELECT
    set_config('enable_hashjoin', 'off', TRUE),
    set_config('statement_timeout', CAST(CAST(:milliseconds AS bigint) AS text), TRUE),
    set_config('idle_in_transaction_session_timeout', :idle, TRUE);

-- name: take_locks
-- Wait until nobody writes alone, and until nobody else has these locks, of which the first few are
-- shared. They are taken in the order of the array, and end with the transaction. Each schema is a
-- store.
SELECT
    CASE
        WHEN k.place = 0 THEN pg_advisory_xact_lock_shared(CAST(:turn AS integer), hashtext(current_schema()))
        WHEN k.place <= :shared
            THEN pg_advisory_xact_lock_shared(CAST(hashtext(current_schema()) AS bigint) << 32 | k.number)
        ELSE pg_advisory_xact_lock(CAST(hashtext(current_schema()) AS bigint) << 32 | k.number)
    END
FROM (
    SELECT 0 AS number, 0 AS place
    UNION ALL
    SELECT n.number, n.place
    FROM unnest(CAST(:numbers AS bigint[])) WITH ORDINALITY AS n (number, place)
) AS k;

-- name: bound_statements
-- A statement of this transaction may take so long from now on.
SELECT set_config('statement_timeout', :statement, TRUE);

-- name: take_machines
-- Wait until nobody else writes what is not the coordinator's alone; on one PostgreSQL nobody does
-- so.
SELECT pg_advisory_xact_lock(CAST(:turn AS integer), hashtext(current_schema()));

-- name: take_turn_if_free
-- Take the turn if nobody has it; was it taken?
SELECT pg_try_advisory_xact_lock(CAST(:turn AS integer), hashtext(current_schema()));

-- name: is_awaited
-- Does anybody wait for the turn to write, or for SIMs that somebody else touches? A number of 64
-- bits is shown in two halves, and told by `objsubid` from two numbers.
SELECT EXISTS (
    SELECT 1
    FROM pg_locks AS l
    CROSS JOIN (SELECT CAST(hashtext(current_schema()) AS bigint) & 4294967295 AS schema) AS h
    WHERE l.locktype = 'advisory' AND NOT l.granted
        AND l.database = (SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database())
        AND CASE
            WHEN l.objsubid = 2
                THEN CAST(l.classid AS bigint) IN (SELECT t.value FROM carray(:turns) AS t)
                    AND CAST(l.objid AS bigint) = h.schema
            ELSE CAST(l.classid AS bigint) = h.schema
        END
);

-- name: has_schema
-- Is there a store in this database?
SELECT to_regclass('store_schema') IS NOT NULL;

-- name: schema_version
-- Which migration was taken last?
SELECT v.number FROM store_schema AS v;

-- name: note_schema_version
-- This migration was taken last.
UPDATE store_schema SET number = :number;

-- name: create_store_row
-- A new store prints its kept rows in this zone.
INSERT INTO store (the_only_one, wire_zone) VALUES (1, :wire_zone);

-- name: known_activations
-- Which activations of these SIMs, from the first to the last, are known, no more than asked for?
-- Of so many parts into which SIMs fall these alone.
SELECT a.iccid, a.activated_at, a.imei
FROM activations AS a
WHERE a.iccid BETWEEN :first AND :last AND a.iccid % :all_parts = ANY(CAST(:parts AS bigint[]))
LIMIT :at_most;

-- name: has_citus
-- Is this database the coordinator of a cluster?
SELECT EXISTS (SELECT 1 FROM pg_extension AS e WHERE e.extname = 'citus');

-- name: bound_connecting
-- Whether a machine can be reached is known after so many milliseconds.
SELECT set_config('citus.node_connection_timeout', :milliseconds, FALSE);

-- name: machines
-- Which machines have shards?
SELECT DISTINCT n.groupid FROM pg_dist_node AS n WHERE n.groupid > 0 AND n.isactive;

-- name: machines_of_sims
-- Which machine has each of these SIMs?
SELECT v.value, p.groupid
FROM carray(:iccids) AS v
INNER JOIN pg_dist_placement AS p
    ON p.shardid = get_shard_id_for_distribution_column(CAST('sims' AS regclass), v.value);

-- name: try_shards
-- Do the machines answer that have these shards?
SELECT count(*) FROM shard_turns AS t WHERE t.iccid = ANY(CAST(:turns AS bigint[]));

-- name: is_reached
-- Can a machine be reached? To be asked where there is no connection to it yet, and it is bounded
-- how long it takes to connect.
SELECT bool_and(citus_check_connection_to_node(n.nodename, n.nodeport))
FROM pg_dist_node AS n
WHERE n.groupid = :machine AND n.isactive;

-- name: schema_of_writer
-- Which migration was taken last, and was the store spread since this connection was made?
SELECT v.number, EXISTS (SELECT 1 FROM shard_turns) FROM store_schema AS v;

-- name: is_spread
-- Is the store spread over the machines of a cluster?
SELECT EXISTS (SELECT 1 FROM pg_dist_partition AS p WHERE p.logicalrelid = to_regclass('sims') AND p.partmethod = 'h');

-- name: make_shard_turns
-- Each shard has a row that whoever writes in it changes first. Its key is the least number that
-- falls into the shard.
INSERT INTO shard_turns (iccid, turn)
SELECT min(n.number), 0
FROM generate_series(0, 65535) AS n (number)
GROUP BY get_shard_id_for_distribution_column(CAST('sims' AS regclass), n.number)
ON CONFLICT (iccid) DO NOTHING;

-- name: share_tables
-- Keep a copy of these tables on every machine.
SELECT create_reference_table(CAST(t.name AS regclass))
FROM unnest(CAST(:tables AS text[])) WITH ORDINALITY AS t (name, place)
WHERE NOT EXISTS (SELECT 1 FROM pg_dist_partition AS p WHERE p.logicalrelid = CAST(t.name AS regclass))
ORDER BY t.place;

-- name: spread_sims
-- Spread the SIMs over the machines.
SELECT create_distributed_table('sims', 'iccid')
WHERE NOT EXISTS (SELECT 1 FROM pg_dist_partition AS p WHERE p.logicalrelid = CAST('sims' AS regclass));

-- name: spread_tables
-- Spread what is told of SIMs so that all of one SIM lies on one machine.
SELECT create_distributed_table(CAST(t.value AS regclass), 'iccid', colocate_with => 'sims')
FROM carray(:tables) AS t
WHERE NOT EXISTS (SELECT 1 FROM pg_dist_partition AS p WHERE p.logicalrelid = CAST(t.value AS regclass));

-- name: drop_what_was_spread
-- Give the space back that the rows took before they were spread.
SELECT truncate_local_data_after_distributing_table(CAST(t.value AS regclass)) FROM carray(:tables) AS t;

-- name: rows_of_arrays
-- Which rows are these arrays, each of them a column? It stands in the place of VALUES in queries
-- that are run for many rows at once.
SELECT * FROM unnest(:arrays);
