-- Who may call: tenants (organisations), their projects, people, sessions and API keys.
-- Secrets stand here only as digests (256-bit random values) or sealed (values shown again).

CREATE TABLE tenant (
    uid TEXT NOT NULL,
    name TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    CONSTRAINT "tenant.uid" PRIMARY KEY (uid),
    CONSTRAINT "tenant.name" UNIQUE (name)
);

CREATE TABLE project (
    uid TEXT NOT NULL,
    tenant_uid TEXT NOT NULL,
    name TEXT NOT NULL,
    description TEXT NOT NULL,
    labels TEXT NOT NULL,
    version BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    modified_at BIGINT NOT NULL,
    CONSTRAINT "project.uid" PRIMARY KEY (uid),
    CONSTRAINT "project.tenant_uid, project.name" UNIQUE (tenant_uid, name),
    CONSTRAINT "project.tenant" FOREIGN KEY (tenant_uid) REFERENCES tenant (uid)
);

-- An account is a person in one tenant. `role` is `tenant-admin` until the role table comes.
CREATE TABLE account (
    uid TEXT NOT NULL,
    tenant_uid TEXT NOT NULL,
    email TEXT NOT NULL,
    first_name TEXT NOT NULL,
    last_name TEXT NOT NULL,
    password_hash TEXT NOT NULL,
    role TEXT NOT NULL,
    is_active BIGINT NOT NULL CHECK (is_active IN (0, 1)),
    created_at BIGINT NOT NULL,
    modified_at BIGINT NOT NULL,
    CONSTRAINT "account.uid" PRIMARY KEY (uid),
    CONSTRAINT "account.tenant_uid, account.email" UNIQUE (tenant_uid, email),
    CONSTRAINT "account.tenant" FOREIGN KEY (tenant_uid) REFERENCES tenant (uid)
);
CREATE INDEX account_email ON account (email);

-- A session outlives its fifteen-minute tokens: a refresh makes a new token for the same row and
-- writes nothing.
CREATE TABLE session (
    uid TEXT NOT NULL,
    account_uid TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    CONSTRAINT "session.uid" PRIMARY KEY (uid),
    CONSTRAINT "session.account" FOREIGN KEY (account_uid) REFERENCES account (uid) ON DELETE CASCADE
);
CREATE INDEX session_account ON session (account_uid, created_at);

CREATE TABLE api_key (
    uid TEXT NOT NULL,
    tenant_uid TEXT NOT NULL,
    account_uid TEXT NOT NULL,
    name TEXT NOT NULL,
    annotations TEXT NOT NULL,
    digest TEXT NOT NULL,
    expires_at BIGINT,
    is_active BIGINT NOT NULL CHECK (is_active IN (0, 1)),
    version BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    modified_at BIGINT NOT NULL,
    CONSTRAINT "api_key.uid" PRIMARY KEY (uid),
    CONSTRAINT "api_key.digest" UNIQUE (digest),
    CONSTRAINT "api_key.account" FOREIGN KEY (account_uid) REFERENCES account (uid) ON DELETE CASCADE
);
CREATE INDEX api_key_account ON api_key (account_uid);

-- Keys of the server itself (token signing, list cursors), sealed under the key file.
CREATE TABLE server_secret (
    name TEXT NOT NULL,
    sealed TEXT NOT NULL,
    CONSTRAINT "server_secret.name" PRIMARY KEY (name)
);
