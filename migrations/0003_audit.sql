-- One row for each write that succeeded, in the same transaction. Rows refer to nothing by key:
-- they outlive what they speak of.

CREATE TABLE audit (
    uid TEXT NOT NULL,
    tenant_uid TEXT NOT NULL,
    project_uid TEXT,
    at BIGINT NOT NULL,
    actor_kind TEXT NOT NULL,
    actor_uid TEXT NOT NULL,
    actor_name TEXT NOT NULL,
    action TEXT NOT NULL,
    resource_kind TEXT NOT NULL,
    resource_uid TEXT NOT NULL,
    resource_name TEXT NOT NULL,
    message TEXT NOT NULL,
    request_id TEXT NOT NULL,
    CONSTRAINT "audit.uid" PRIMARY KEY (uid)
);
CREATE INDEX audit_tenant ON audit (tenant_uid, at);
