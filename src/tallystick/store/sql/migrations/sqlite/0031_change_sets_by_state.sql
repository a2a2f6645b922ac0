-- Change sets are asked for by their state: each load of the overview looks for those that wait for a decision.
CREATE INDEX change_sets_by_state ON change_sets (state, change_set_id);
