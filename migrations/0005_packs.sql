-- Content-addressed bytes: charts, manifests, values, logos, layer parts. Immutable.
CREATE TABLE blob (
    digest TEXT NOT NULL,
    size BIGINT NOT NULL,
--sqlite     content BLOB NOT NULL,
--postgres     content BYTEA NOT NULL,
    created_at BIGINT NOT NULL,
    CONSTRAINT "blob.digest" PRIMARY KEY (digest)
);

-- `tenant_uid` is NULL for registries that serve every tenant.
CREATE TABLE registry (
    uid TEXT NOT NULL,
    tenant_uid TEXT,
    name TEXT NOT NULL,
    kind TEXT NOT NULL,
    is_default BIGINT NOT NULL CHECK (is_default IN (0, 1)),
    -- JSON: endpoint, sync status and the rest that nobody searches.
    spec TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    modified_at BIGINT NOT NULL,
    CONSTRAINT "registry.uid" PRIMARY KEY (uid),
    CONSTRAINT "registry.tenant_uid, registry.name" UNIQUE (tenant_uid, name)
);

-- One version of one pack in one registry. On the wire this is `packUid`.
CREATE TABLE pack_version (
    uid TEXT NOT NULL,
    registry_uid TEXT NOT NULL,
    name TEXT NOT NULL,
    version TEXT NOT NULL,
    display_name TEXT NOT NULL,
    layer TEXT NOT NULL,
    addon_type TEXT NOT NULL,
    addon_sub_type TEXT NOT NULL,
    pack_group TEXT NOT NULL,
    -- JSON: list of environments.
    cloud_types TEXT NOT NULL,
    annotations TEXT NOT NULL,
    -- JSON: presets, schema, constraints, manifests, charts with their digests.
    content TEXT NOT NULL,
    values_digest TEXT NOT NULL,
    readme_digest TEXT,
    logo_digest TEXT,
    -- SHA-256 over all files: importing the same pack again is seen as no change.
    digest TEXT NOT NULL,
    eol TEXT NOT NULL,
    state TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    CONSTRAINT "pack_version.uid" PRIMARY KEY (uid),
    CONSTRAINT "pack_version.registry_uid, pack_version.name, pack_version.version" UNIQUE (registry_uid, name, version),
    CONSTRAINT "pack_version.registry" FOREIGN KEY (registry_uid) REFERENCES registry (uid) ON DELETE CASCADE
);
