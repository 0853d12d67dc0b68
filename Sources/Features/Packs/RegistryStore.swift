import APIKit
import JSON
import Primitives
import Storage

/// Every SQL statement about registries.
package enum RegistryStore {
    private static let columns: SQL = """
        SELECT r.uid, r.tenant_uid, r.name, r.kind, r.is_default, r.spec, r.secret, r.version,
            r.created_at, r.modified_at, s.status, s.message, s.run, s.started_at, s.finished_at,
            s.synced_at, s.next_at, s.validator
        FROM registry r LEFT JOIN registry_sync s ON s.registry_uid = r.uid
        """

    private static func registry(_ row: borrowing Row) throws -> Registry {
        Registry(
            uid: row.text(0),
            tenantUID: row.optionalText(1),
            name: row.text(2),
            kind: Registry.Kind(rawValue: row.text(3)) ?? .pack,
            isDefault: row.bool(4),
            spec: try RegistrySpec(stored: row.text(5)),
            sealedSecret: row.optionalText(6),
            version: row.int(7),
            createdAt: row.timestamp(8),
            modifiedAt: row.timestamp(9),
            sync: row.isNull(10) ? nil : syncState(row)
        )
    }

    private static func syncState(_ row: borrowing Row) -> SyncState {
        var state = SyncState(nextAt: row.timestamp(16))
        state.status = SyncState.Status(rawValue: row.text(10)) ?? .pending
        state.message = row.text(11)
        state.run = row.int(12)
        state.startedAt = row.optionalTimestamp(13)
        state.finishedAt = row.optionalTimestamp(14)
        state.syncedAt = row.optionalTimestamp(15)
        state.validator = row.text(17)
        return state
    }

    /// The registries that a tenant may use, its own and those of every tenant: the embedded one
    /// first, then by name.
    package static func visible(
        _ tenantUID: String,
        _ tx: borrowing Transaction
    ) throws -> [Registry] {
        try tx.all(
            columns + """
                 WHERE r.tenant_uid IS NULL OR r.tenant_uid = $1
                ORDER BY r.is_default DESC, r.name, r.uid
                """,
            .text(tenantUID)
        ) { try registry($0) }
    }

    /// One of the registries that a tenant may use.
    package static func find(
        uid: String,
        tenantUID: String,
        _ tx: borrowing Transaction
    ) throws -> Registry? {
        try tx.first(
            columns + " WHERE r.uid = $1 AND (r.tenant_uid IS NULL OR r.tenant_uid = $2)",
            .text(uid),
            .text(tenantUID)
        ) { try registry($0) }
    }

    /// Any registry, for the server's own work.
    static func find(uid: String, _ tx: borrowing Transaction) throws -> Registry? {
        try tx.first(columns + " WHERE r.uid = $1", .text(uid)) { try registry($0) }
    }

    /// The registry inside the server; nil before the first start made it.
    package static func embedded(_ tx: borrowing Transaction) throws -> Registry? {
        try tx.first(
            columns
                + """
                 WHERE r.tenant_uid IS NULL AND r.is_default = 1 AND r.kind = 'pack' AND r.name = $1
                """,
            .text(Registry.embeddedName)
        ) { try registry($0) }
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
    /// How many registries a tenant has of its own.
    static func count(tenantUID: String, _ tx: borrowing Transaction) throws -> Int {
        try tx.first("SELECT count(*) FROM registry WHERE tenant_uid = $1", .text(tenantUID)) {
            Int($0.int(0))
        } ?? 0
    }

    /// Writes a new registry and, when it is synchronised, that it never was so far.
    ///
    /// - Throws: `.duplicateName` when a registry of this name can be seen by the tenant.
    static func insert(_ registry: Registry, _ tx: borrowing Transaction) throws {
        try refuseTakenName(registry, tx)
        _ = try tx.run(
            """
            INSERT INTO registry (uid, tenant_uid, name, kind, is_default, spec, secret, version,
                created_at, modified_at)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
            """,
            .text(registry.uid),
            .optionalText(registry.tenantUID),
            .text(registry.name),
            .text(registry.kind.rawValue),
            .bool(registry.isDefault),
            .text(String(decoding: registry.spec.jsonBytes(), as: UTF8.self)),
            .optionalText(registry.sealedSecret),
            .int(registry.version),
            .timestamp(registry.createdAt),
            .timestamp(registry.modifiedAt)
        )
        try setSynchronised(registry, tx)
    }

    /// Writes the name and how it is reached.
    ///
    /// - Throws: `.duplicateName` when another registry of this name can be seen by the tenant.
    static func update(_ registry: Registry, _ tx: borrowing Transaction) throws {
        try refuseTakenName(registry, tx)
        _ = try tx.run(
            """
            UPDATE registry SET name = $2, spec = $3, secret = $4, version = $5, modified_at = $6
            WHERE uid = $1
            """,
            .text(registry.uid),
            .text(registry.name),
            .text(String(decoding: registry.spec.jsonBytes(), as: UTF8.self)),
            .optionalText(registry.sealedSecret),
            .int(registry.version),
            .timestamp(registry.modifiedAt)
        )
        try setSynchronised(registry, tx)
    }

    static func delete(_ uid: String, _ tx: borrowing Transaction) throws {
        _ = try tx.run("DELETE FROM registry WHERE uid = $1", .text(uid))
    }

    /// The names of the registries that serve every tenant count too: clients look a registry up
    /// by its name and expect one.
    private static func refuseTakenName(
        _ registry: Registry,
        _ tx: borrowing Transaction
    ) throws {
        let isTaken = try tx.first(
            """
            SELECT 1 FROM registry
            WHERE name = $1 AND uid <> $2 AND (tenant_uid IS NULL OR tenant_uid = $3)
            """,
            .text(registry.name),
            .text(registry.uid),
            .optionalText(registry.tenantUID)
        ) { _ in true }
        guard isTaken == nil else {
            throw Failure(.duplicateName, "There is a registry '\(registry.name)' already.")
        }
    }

    /// The organisation that the server was set up with: the oldest.
    ///
    /// `nil` before the first.
    static func serverTenantUID(_ tx: borrowing Transaction) throws -> String? {
        try tx.first("SELECT uid FROM tenant ORDER BY created_at, uid LIMIT 1") { $0.text(0) }
    }
}
