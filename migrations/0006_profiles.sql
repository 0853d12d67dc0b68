-- Templates of layers. What clients and agents follow is never this row but a revision.

CREATE TABLE profile (
    uid TEXT NOT NULL,
    tenant_uid TEXT NOT NULL,
    -- '' for a profile of the tenant: the unique name needs a value to compare.
    project_uid TEXT NOT NULL,
    name TEXT NOT NULL,
    -- The profile's own version, such as 1.0.0.
    profile_version TEXT NOT NULL,
    type TEXT NOT NULL,
    cloud_type TEXT NOT NULL,
    labels TEXT NOT NULL,
    annotations TEXT NOT NULL,
    -- JSON: the layers as last edited, values and manifests byte for byte as written.
    draft TEXT NOT NULL,
    variables TEXT NOT NULL,
    -- The number of the newest revision; NULL until the first publish.
    published_number BIGINT,
    version BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    modified_at BIGINT NOT NULL,
    created_by TEXT NOT NULL,
    CONSTRAINT "profile.uid" PRIMARY KEY (uid),
    CONSTRAINT "profile.tenant_uid, profile.project_uid, profile.name, profile.profile_version" UNIQUE (tenant_uid, project_uid, name, profile_version)
);

-- Immutable published content. `counter` is drawn from the database's one growing counter, and an
-- appliance's desired-state number is the largest counter of what it follows: a publish writes
-- one row, however many appliances follow the profile.
CREATE TABLE profile_revision (
    profile_uid TEXT NOT NULL,
    number BIGINT NOT NULL,
    counter BIGINT NOT NULL,
    digest TEXT NOT NULL,
    -- JSON: the layers with resolved versions, values and the digests of all parts.
    content TEXT NOT NULL,
    -- JSON: the draft as it was published, for readers of `spec.published`.
    source TEXT NOT NULL,
    -- 'publish' or 'relink'.
    cause TEXT NOT NULL,
    note TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    created_by TEXT NOT NULL,
    CONSTRAINT "profile_revision.profile_uid, profile_revision.number" PRIMARY KEY (profile_uid, number),
    CONSTRAINT "profile_revision.profile" FOREIGN KEY (profile_uid) REFERENCES profile (uid) ON DELETE CASCADE
);

-- Which published profiles follow a version train, so that an import finds them.
CREATE TABLE profile_train (
    profile_uid TEXT NOT NULL,
    registry_uid TEXT NOT NULL,
    pack_name TEXT NOT NULL,
    train TEXT NOT NULL,
    CONSTRAINT "profile_train.profile_uid, profile_train.registry_uid, profile_train.pack_name" PRIMARY KEY (profile_uid, registry_uid, pack_name),
    CONSTRAINT "profile_train.profile" FOREIGN KEY (profile_uid) REFERENCES profile (uid) ON DELETE CASCADE
);
CREATE INDEX profile_train_pack ON profile_train (registry_uid, pack_name);

-- The blobs that a profile's revisions hold, so that an appliance can fetch just those.
CREATE TABLE profile_blob (
    profile_uid TEXT NOT NULL,
    digest TEXT NOT NULL,
    CONSTRAINT "profile_blob.profile_uid, profile_blob.digest" PRIMARY KEY (profile_uid, digest),
    CONSTRAINT "profile_blob.profile" FOREIGN KEY (profile_uid) REFERENCES profile (uid) ON DELETE CASCADE
--sqlite ) WITHOUT ROWID;
--postgres );
