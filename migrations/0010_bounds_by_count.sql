-- What is bounded by its number for each tenant carries that number: what is too old is then found by
-- one step into an index, however much is kept. Before, each keyed call counted the tenant's answers,
-- and the credentials of deleted appliances had no bound but their age.

ALTER TABLE idempotency ADD COLUMN number BIGINT NOT NULL DEFAULT 0;
UPDATE idempotency SET number = ordered.number FROM (
    SELECT id, ROW_NUMBER() OVER (PARTITION BY tenant_uid ORDER BY at, id) AS number FROM idempotency
) AS ordered WHERE idempotency.id = ordered.id;
DROP INDEX idempotency_tenant;
CREATE INDEX idempotency_tenant ON idempotency (tenant_uid, number);

-- Whose appliance it was is not known of former rows; those are bounded by their age alone.
ALTER TABLE deleted_credential ADD COLUMN tenant_uid TEXT NOT NULL DEFAULT '';
ALTER TABLE deleted_credential ADD COLUMN number BIGINT NOT NULL DEFAULT 0;
CREATE INDEX deleted_credential_tenant ON deleted_credential (tenant_uid, number);
