-- Registries of other places: the credentials they take, how far their content has been taken
-- over, and packs whose bytes are fetched when they are first used.

-- Base64 of the sealed credentials; NULL where there are none.
ALTER TABLE registry ADD COLUMN secret TEXT;
-- Raised by each change of name or spec; what comes and goes in it is not counted.
ALTER TABLE registry ADD COLUMN version BIGINT NOT NULL DEFAULT 0;

-- The wire's word: 'spectro', 'helm' or 'oci'.
ALTER TABLE pack_version ADD COLUMN type TEXT NOT NULL DEFAULT 'spectro';
-- Where the registry keeps it. A version whose `values_digest` is '' is listed and not fetched yet.
ALTER TABLE pack_version ADD COLUMN location TEXT NOT NULL DEFAULT '';

-- A row for each registry that is synchronised.
CREATE TABLE registry_sync (
    registry_uid TEXT NOT NULL,
    -- The wire's words: 'Pending', 'InProgress', 'Success', 'Failed'.
    status TEXT NOT NULL,
    message TEXT NOT NULL,
    -- Counts the runs: one that was overtaken by force no longer writes here.
    run BIGINT NOT NULL,
    started_at BIGINT,
    finished_at BIGINT,
    synced_at BIGINT,
    next_at BIGINT NOT NULL,
    -- What the last index said of its version, for a conditional request.
    validator TEXT NOT NULL,
    CONSTRAINT "registry_sync.registry_uid" PRIMARY KEY (registry_uid),
    CONSTRAINT "registry_sync.registry" FOREIGN KEY (registry_uid) REFERENCES registry (uid) ON DELETE CASCADE
);
CREATE INDEX registry_sync_next_at ON registry_sync (next_at);
