-- Trains that stand still, several trains of one pack, and what a write has changed.

-- A layer that follows a train and is not linked anew until somebody releases it.
CREATE TABLE profile_hold (
    profile_uid TEXT NOT NULL,
    layer_name TEXT NOT NULL,
    held_at BIGINT NOT NULL,
    held_by TEXT NOT NULL,
    CONSTRAINT "profile_hold.profile_uid, profile_hold.layer_name" PRIMARY KEY (profile_uid, layer_name),
    CONSTRAINT "profile_hold.profile" FOREIGN KEY (profile_uid) REFERENCES profile (uid) ON DELETE CASCADE
);

-- Two layers may follow two trains of one pack, so the train belongs to the key.
CREATE TABLE profile_train_followed (
    profile_uid TEXT NOT NULL,
    registry_uid TEXT NOT NULL,
    pack_name TEXT NOT NULL,
    train TEXT NOT NULL,
    CONSTRAINT "profile_train.profile_uid, profile_train.registry_uid, profile_train.pack_name, profile_train.train" PRIMARY KEY (profile_uid, registry_uid, pack_name, train),
    CONSTRAINT "profile_train.profile" FOREIGN KEY (profile_uid) REFERENCES profile (uid) ON DELETE CASCADE
);
INSERT INTO profile_train_followed (profile_uid, registry_uid, pack_name, train)
SELECT profile_uid, registry_uid, pack_name, train FROM profile_train;
DROP TABLE profile_train;
ALTER TABLE profile_train_followed RENAME TO profile_train;
CREATE INDEX profile_train_pack ON profile_train (registry_uid, pack_name);

-- Finds the profiles that were written last without reading their drafts.
CREATE INDEX profile_version ON profile (tenant_uid, version);
