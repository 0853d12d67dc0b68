-- What an operator said of a version holds against what its registry lists: 1 while it does.
ALTER TABLE pack_version ADD COLUMN is_state_set BIGINT NOT NULL DEFAULT 0;
