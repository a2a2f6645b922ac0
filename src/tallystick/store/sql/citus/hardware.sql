-- name: expectations_up_to
-- A store that is spread is never read whole for hardware, which is looked up in an index. So the
-- answer is that there are as many expectations as are asked for, and no machine counts its own.
SELECT CAST(:at_most AS bigint);
