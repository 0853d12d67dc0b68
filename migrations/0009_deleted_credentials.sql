-- The credentials of deleted appliances, for a year: their agents are told so. One that hears only
-- that its credential is void pairs again, and with a registration token undoes the deletion.

CREATE TABLE deleted_credential (
    digest TEXT NOT NULL,
    -- The appliance's ID; once it is registered anew, the agent shall pair again after all.
    appliance_uid TEXT NOT NULL,
    deleted_at BIGINT NOT NULL,
    CONSTRAINT "deleted_credential.digest" PRIMARY KEY (digest)
);
CREATE INDEX deleted_credential_deleted_at ON deleted_credential (deleted_at);
