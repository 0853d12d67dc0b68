import Primitives
import Storage

/// Every SQL statement about registries.
package enum RegistryStore {
    private static let columns: SQL = """
        SELECT uid, tenant_uid, name, kind, is_default, created_at, modified_at FROM registry
        """

    private static func registry(_ row: borrowing Row) -> Registry {
        Registry(
            uid: row.text(0),
            tenantUID: row.optionalText(1),
            name: row.text(2),
            kind: Registry.Kind(rawValue: row.text(3)) ?? .pack,
            isDefault: row.bool(4),
            createdAt: row.timestamp(5),
            modifiedAt: row.timestamp(6)
        )
    }

    /// The registries that a tenant may use, its own and those of every tenant: the embedded one
    /// first, then by name.
    package static func visible(
        _ tenantUID: String,
        _ tx: borrowing Transaction
    ) throws -> [Registry] {
        try tx.all(
            columns + """
                 WHERE tenant_uid IS NULL OR tenant_uid = $1
                ORDER BY is_default DESC, name, uid
                """,
            .text(tenantUID)
        ) { registry($0) }
    }

    /// One of the registries that a tenant may use.
    package static func find(
        uid: String,
        tenantUID: String,
        _ tx: borrowing Transaction
    ) throws -> Registry? {
        try tx.first(
            columns + " WHERE uid = $1 AND (tenant_uid IS NULL OR tenant_uid = $2)",
            .text(uid),
            .text(tenantUID)
        ) { registry($0) }
    }

    /// The registry inside the server; nil before the first start made it.
    package static func embedded(_ tx: borrowing Transaction) throws -> Registry? {
        try tx.first(
            columns
                + " WHERE tenant_uid IS NULL AND is_default = 1 AND kind = 'pack' AND name = $1",
            .text(Registry.embeddedName)
        ) { registry($0) }
    }

    static func insertEmbedded(_ tx: borrowing Transaction) throws -> Registry {
        let registry = Registry(
            uid: UID.make(at: tx.now).text,
            tenantUID: nil,
            name: Registry.embeddedName,
            kind: .pack,
            isDefault: true,
            createdAt: tx.now,
            modifiedAt: tx.now
        )
        _ = try tx.run(
            """
            INSERT INTO registry (uid, tenant_uid, name, kind, is_default, spec, created_at,
                modified_at)
            VALUES ($1, NULL, $2, $3, 1, '{}', $4, $4)
            """,
            .text(registry.uid),
            .text(registry.name),
            .text(registry.kind.rawValue),
            .timestamp(tx.now)
        )
        return registry
    }

    /// Notes that the registry's content has changed now.
    static func touch(_ uid: String, _ tx: borrowing Transaction) throws {
        _ = try tx.run(
            "UPDATE registry SET modified_at = $2 WHERE uid = $1",
            .text(uid),
            .timestamp(tx.now)
        )
    }
}

extension RegistryStore {
    /// The organisation that the server was set up with: the oldest.
    ///
    /// `nil` before the first.
    static func serverTenantUID(_ tx: borrowing Transaction) throws -> String? {
        try tx.first("SELECT uid FROM tenant ORDER BY created_at, uid LIMIT 1") { $0.text(0) }
    }
}
