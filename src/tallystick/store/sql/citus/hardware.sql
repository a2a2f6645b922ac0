-- name: expectations_up_to
-- As in sql/hardware.sql: how many expectations are there? Each shard counts its own, where a limit
-- would send as many rows of each to the coordinator.
SELECT least(count(*), CAST(:at_most AS bigint)) FROM expectations AS e;
