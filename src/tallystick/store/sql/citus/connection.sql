-- How a transaction of a writer holds the shards that it writes in.

-- name: set_up_session_of_cluster
-- A join by hash goes over all of a table. Which shards a question needs follows from its
-- parameters, so it is always planned anew. What a transaction sets by `SET LOCAL` is set on the
-- machines as well.
SELECT
    set_config('enable_hashjoin', 'off', FALSE),
    set_config('plan_cache_mode', 'force_custom_plan', FALSE),
    set_config('citus.propagate_set_commands', 'local', FALSE);

-- name: plan_alike_on_machines
-- What this session says of plans holds on the machines until this transaction ends. They hear it
-- with its beginning. Their own settings may have them read all of a shard for few SIMs. Readers
-- may join by hash there, for their lists may be long; writers may not, see `set_up_session`.
DO $$
DECLARE
    setting text;
BEGIN
    FOREACH setting IN ARRAY ARRAY[
        'random_page_cost', 'enable_seqscan', 'enable_mergejoin', 'jit'
    ]
    LOOP
        EXECUTE format('SET LOCAL %I = %L', setting, current_setting(setting));
    END LOOP;
    IF NOT CAST(current_setting('transaction_read_only') AS boolean) THEN
        SET LOCAL enable_hashjoin = off;
    END IF;
END
$$;

-- name: schema_of_writer
-- As in sql/postgresql/connection.sql; this connection knows that the store is spread.
SELECT v.number, FALSE FROM store_schema AS v;

-- name: write_in_one_line
-- From here to the transaction's end there is one connection to each machine of the cluster. What one statement wrote,
-- such as a new account, the next one joins, and on several connections they would not see each other's.
SELECT set_config('citus.multi_shard_modify_mode', 'sequential', TRUE);

-- name: commit_in_two_phases
-- This transaction is committed in two phases, also where it changes one machine and the coordinator
-- alone: no row is copied in, but whatever copies rows in has Citus do so.
INSERT INTO shard_turns (iccid, turn) SELECT n.number, 0 FROM generate_series(1, 0) AS n (number);

-- name: hold_shards
-- Wait until these shards have what was committed in them before, which may be a while where a
-- machine was lost in the middle of a commit: the row is locked there until then. Where the machine
-- of one of them is away, this fails.
UPDATE shard_turns SET turn = turn + 1 WHERE iccid = ANY(CAST(:turns AS bigint[]));

-- name: hold_every_shard
-- The same for all shards.
UPDATE shard_turns SET turn = turn + 1;

-- name: places_of_shards
-- Where is each shard: which row of `shard_turns` is its own, and which machines have it?
SELECT s.shard, s.turn, p.groupid
FROM (
    SELECT
        get_shard_id_for_distribution_column(CAST('sims' AS regclass), n.number) AS shard,
        min(n.number) AS turn
    FROM generate_series(0, 65535) AS n (number)
    GROUP BY 1
) AS s
INNER JOIN pg_dist_placement AS p ON p.shardid = s.shard;

-- name: copied_among
-- Which of these tables has each machine a copy of?
SELECT t.value
FROM carray(:tables) AS t
INNER JOIN pg_dist_partition AS p ON p.logicalrelid = CAST(t.value AS regclass)
WHERE p.partmethod = 'n' AND p.repmodel = 't';

-- name: machines_of_shards
-- Which machines have these shards?
SELECT p.shardid, p.groupid FROM pg_dist_placement AS p WHERE p.shardid = ANY(CAST(:shards AS bigint[]));

-- name: shards_of_sims
-- Into which shard falls each of these SIMs?
SELECT v.value, get_shard_id_for_distribution_column(CAST('sims' AS regclass), v.value)
FROM carray(:iccids) AS v;
