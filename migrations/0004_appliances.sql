-- Machines at sites. `key` is the server's own number for the row, `uid` the ID that the operator
-- chose: it is unique across all tenants, and this index, not a look-up, makes it so.

CREATE TABLE appliance (
    key BIGINT NOT NULL,
    uid TEXT NOT NULL,
    tenant_uid TEXT NOT NULL,
    -- '' for an appliance of the tenant itself.
    project_uid TEXT NOT NULL,
    -- Who registered it; '' when a token admitted it.
    owner_uid TEXT NOT NULL,
    name TEXT NOT NULL,
    -- What other screens show: the `name` tag's value, else the name.
    display_name TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('unpaired', 'ready', 'in-use')),
    arch TEXT NOT NULL,
    type TEXT NOT NULL,
    labels TEXT NOT NULL,
    annotations TEXT NOT NULL,
    -- JSON texts of the parts that nobody searches, as the Palette schemas have them.
    host TEXT NOT NULL,
    device TEXT NOT NULL,
    properties TEXT NOT NULL,
    service TEXT NOT NULL,
    cloud_properties TEXT NOT NULL,
    -- Taken out of the device, as searches compare them; 0 before the first report.
    cpu_cores BIGINT NOT NULL,
    memory_mb BIGINT NOT NULL,
    remote_shell TEXT NOT NULL,
    temporary_user TEXT NOT NULL,
    tunnel_status TEXT NOT NULL,
    pairing_key_digest TEXT,
    -- The credential that authenticates a paired appliance, and the fingerprint of the machine
    -- that it was given to.
    credential_digest TEXT,
    fingerprint TEXT,
    -- Whether a request came with the credential: until then it may have got lost on its way.
    is_credential_used BIGINT NOT NULL DEFAULT 0 CHECK (is_credential_used IN (0, 1)),
    -- Since when a machine like the paired one waits to be let in again; NULL when none does.
    reapproval_since BIGINT,
    -- Why the server withholds new desired state (`server-behind`, `identity-conflict`); NULL
    -- when it does not.
    paused_reason TEXT,
    -- While two machines use the credential: the run of the one that is followed on.
    kept_run BIGINT,
    -- The appliance's own share in its desired-state number.
    desired_counter BIGINT NOT NULL,
    version BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    modified_at BIGINT NOT NULL,
    paired_at BIGINT,
    CONSTRAINT "appliance.key" PRIMARY KEY (key),
    CONSTRAINT "appliance.uid" UNIQUE (uid),
    CONSTRAINT "appliance.credential_digest" UNIQUE (credential_digest)
);
CREATE INDEX appliance_project ON appliance (tenant_uid, project_uid, key);
CREATE INDEX appliance_display_name ON appliance (tenant_uid, project_uid, display_name, key);

-- How many appliances there are, kept by the statements that insert and delete them: a tenant's
-- limit is checked at each registration and a list tells its length, and neither may count a
-- hundred thousand rows for that.
CREATE TABLE appliance_count (
    tenant_uid TEXT NOT NULL,
    project_uid TEXT NOT NULL,
    registered BIGINT NOT NULL,
    CONSTRAINT "appliance_count.tenant_uid, appliance_count.project_uid" PRIMARY KEY (tenant_uid, project_uid)
);

-- Kept apart from the wide row: beats are flushed in bulk and rewrite only these few bytes.
CREATE TABLE appliance_health (
    appliance_key BIGINT NOT NULL,
    state TEXT NOT NULL,
    message TEXT NOT NULL,
    agent_version TEXT NOT NULL,
    last_seen_at BIGINT,
    changed_at BIGINT NOT NULL,
    CONSTRAINT "appliance_health.appliance_key" PRIMARY KEY (appliance_key),
    CONSTRAINT "appliance_health.appliance" FOREIGN KEY (appliance_key) REFERENCES appliance (key) ON DELETE CASCADE
--sqlite ) WITHOUT ROWID;
--postgres );

CREATE TABLE appliance_tag (
    appliance_key BIGINT NOT NULL,
    tag_key TEXT NOT NULL,
    tag_value TEXT NOT NULL,
    CONSTRAINT "appliance_tag.appliance_key, appliance_tag.tag_key" PRIMARY KEY (appliance_key, tag_key),
    CONSTRAINT "appliance_tag.appliance" FOREIGN KEY (appliance_key) REFERENCES appliance (key) ON DELETE CASCADE
--sqlite ) WITHOUT ROWID;
--postgres );
CREATE INDEX appliance_tag_key ON appliance_tag (tag_key, tag_value);

-- The profiles an appliance follows, in order.
CREATE TABLE appliance_profile (
    appliance_key BIGINT NOT NULL,
    profile_uid TEXT NOT NULL,
    position BIGINT NOT NULL,
    CONSTRAINT "appliance_profile.appliance_key, appliance_profile.profile_uid" PRIMARY KEY (appliance_key, profile_uid),
    CONSTRAINT "appliance_profile.appliance" FOREIGN KEY (appliance_key) REFERENCES appliance (key) ON DELETE CASCADE
--sqlite ) WITHOUT ROWID;
--postgres );
CREATE INDEX appliance_profile_profile ON appliance_profile (profile_uid);

-- What the agent last reported: the newest report wins by its sequence number.
CREATE TABLE appliance_observation (
    appliance_key BIGINT NOT NULL,
    sequence BIGINT NOT NULL,
    observed_epoch BIGINT NOT NULL,
    observed_counter BIGINT NOT NULL,
    -- JSON: per layer name, kind, version, profile, revision, condition.
    layers TEXT NOT NULL,
    reported_at BIGINT NOT NULL,
    CONSTRAINT "appliance_observation.appliance_key" PRIMARY KEY (appliance_key),
    CONSTRAINT "appliance_observation.appliance" FOREIGN KEY (appliance_key) REFERENCES appliance (key) ON DELETE CASCADE
);

-- Appliances that have seen a later state than this server knew, as its database was restored.
CREATE TABLE appliance_ahead (
    appliance_key BIGINT NOT NULL,
    seen_epoch BIGINT NOT NULL,
    seen_counter BIGINT NOT NULL,
    noted_at BIGINT NOT NULL,
    -- The epoch whose numbers an operator has accepted; NULL while the appliance is paused.
    resumed_epoch BIGINT,
    CONSTRAINT "appliance_ahead.appliance_key" PRIMARY KEY (appliance_key),
    CONSTRAINT "appliance_ahead.appliance" FOREIGN KEY (appliance_key) REFERENCES appliance (key) ON DELETE CASCADE
);

-- The clusters that hold an appliance (`PATCH …/cluster/associate`).
CREATE TABLE appliance_cluster (
    appliance_key BIGINT NOT NULL,
    cluster_uid TEXT NOT NULL,
    cluster_name TEXT NOT NULL,
    CONSTRAINT "appliance_cluster.appliance_key, appliance_cluster.cluster_uid" PRIMARY KEY (appliance_key, cluster_uid),
    CONSTRAINT "appliance_cluster.appliance" FOREIGN KEY (appliance_key) REFERENCES appliance (key) ON DELETE CASCADE
--sqlite ) WITHOUT ROWID;
--postgres );

-- What happened to an appliance, newest 1000 kept.
CREATE TABLE appliance_event (
    uid TEXT NOT NULL,
    appliance_key BIGINT NOT NULL,
    at BIGINT NOT NULL,
    severity TEXT NOT NULL,
    reason TEXT NOT NULL,
    message TEXT NOT NULL,
    CONSTRAINT "appliance_event.uid" PRIMARY KEY (uid),
    CONSTRAINT "appliance_event.appliance" FOREIGN KEY (appliance_key) REFERENCES appliance (key) ON DELETE CASCADE
);
CREATE INDEX appliance_event_appliance ON appliance_event (appliance_key, uid);

-- Tokens that admit appliances nobody registered by hand. The value is sealed, not digested
-- only: Palette's clients read it from the list.
CREATE TABLE registration_token (
    uid TEXT NOT NULL,
    tenant_uid TEXT NOT NULL,
    name TEXT NOT NULL,
    annotations TEXT NOT NULL,
    default_project_uid TEXT,
    digest TEXT NOT NULL,
    sealed TEXT NOT NULL,
    -- NULL: no limit. `uses` counts appliances admitted.
    uses_max BIGINT,
    uses BIGINT NOT NULL,
    -- Tokens that the server puts into a system profile's archive carry its uid.
    profile_uid TEXT,
    expires_at BIGINT,
    is_active BIGINT NOT NULL CHECK (is_active IN (0, 1)),
    version BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    modified_at BIGINT NOT NULL,
    CONSTRAINT "registration_token.uid" PRIMARY KEY (uid),
    CONSTRAINT "registration_token.digest" UNIQUE (digest),
    CONSTRAINT "registration_token.tenant_uid, registration_token.name" UNIQUE (tenant_uid, name)
);
