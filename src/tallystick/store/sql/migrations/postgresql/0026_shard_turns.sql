-- On a cluster, whoever writes in a shard changes a row of that shard first.

-- A row for each shard, and none where the store is not spread.
CREATE TABLE shard_turns (
    iccid bigint PRIMARY KEY,  -- the least number that falls into the shard
    turn bigint NOT NULL       -- how often the shard was written in
);
