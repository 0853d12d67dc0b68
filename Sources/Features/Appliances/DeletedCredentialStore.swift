import Primitives
import Storage

/// Every SQL statement about the credentials of deleted appliances.
package enum DeletedCredentialStore {
    /// How long an agent is told that its appliance was deleted; from then on its credential is
    /// one that nobody knows.
    static let daysMax: Int64 = 365
    /// How many are remembered of one tenant; the oldest go first.
    ///
    /// The whole of a large fleet fits.
    static let perTenantMax = 100_000
    /// How many one deletion clears away: more than it adds.
    private static let trimmedMax = 16

    /// Remembers the credential of an appliance that is being deleted, and forgets old ones.
    static func insert(
        _ appliance: Appliance,
        perTenantMax: Int = perTenantMax,
        _ tx: borrowing Transaction
    ) throws {
        try tx.run(
            "DELETE FROM deleted_credential WHERE deleted_at < $1",
            .timestamp(tx.now.adding(seconds: -daysMax * 86_400))
        )
        guard let digest = appliance.credentialDigest else { return }
        try tx.run(
            """
            INSERT INTO deleted_credential (digest, appliance_uid, deleted_at, tenant_uid, number)
            VALUES ($1, $2, $3, $4, 1 + COALESCE(
                (SELECT MAX(number) FROM deleted_credential WHERE tenant_uid = $4), 0))
            """,
            .text(digest),
            .text(appliance.id.text),
            .timestamp(tx.now),
            .text(appliance.scope.tenantUID)
        )
        try tx.run(
            """
            DELETE FROM deleted_credential WHERE digest IN
                (SELECT digest FROM deleted_credential WHERE tenant_uid = $1 AND number <= $2 +
                    (SELECT MAX(number) FROM deleted_credential WHERE tenant_uid = $1)
                ORDER BY number LIMIT $3)
            """,
            .text(appliance.scope.tenantUID),
            .int(-perTenantMax),
            .int(trimmedMax)
        )
    }

    /// The ID of the deleted appliance that had this credential; `nil` when there was none, or when
    /// the ID was registered anew.
    package static func uid(digest: String, _ tx: borrowing Transaction) throws -> String? {
        try tx.first(
            """
            SELECT d.appliance_uid FROM deleted_credential d WHERE d.digest = $1
                AND NOT EXISTS (SELECT 1 FROM appliance a WHERE a.uid = d.appliance_uid)
            """,
            .text(digest)
        ) { $0.text(0) }
    }
}
