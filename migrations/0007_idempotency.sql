-- Answers of operations that carried an Idempotency-Key, each written in the transaction of what
-- the operation did. A row names its caller, operation and key only by a digest; the answer is
-- sealed, as it may show a secret that is shown once.

CREATE TABLE idempotency (
--sqlite     id BLOB NOT NULL,
--postgres     id BYTEA NOT NULL,
    tenant_uid TEXT NOT NULL,
    at BIGINT NOT NULL,
--sqlite     request_digest BLOB NOT NULL,
--postgres     request_digest BYTEA NOT NULL,
    status BIGINT NOT NULL,
--sqlite     answer BLOB NOT NULL,
--postgres     answer BYTEA NOT NULL,
    CONSTRAINT "idempotency.id" PRIMARY KEY (id)
);
CREATE INDEX idempotency_at ON idempotency (at);
CREATE INDEX idempotency_tenant ON idempotency (tenant_uid, at);
