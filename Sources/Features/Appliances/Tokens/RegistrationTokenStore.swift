import APIKit
import Crypto
import Primitives
import Storage

/// Every SQL statement about registration tokens.
package enum RegistrationTokenStore {
    private static let select: SQL = """
        SELECT uid, tenant_uid, name, annotations, default_project_uid, sealed, uses_max, uses,
            profile_uid, expires_at, is_active, version, created_at, modified_at
        FROM registration_token
        """

    private static func token(_ row: borrowing Row) -> RegistrationToken {
        RegistrationToken(
            uid: row.text(0),
            tenantUID: row.text(1),
            name: row.text(2),
            annotations: textMap(stored: row.bytes(3)),
            defaultProjectUID: row.optionalText(4),
            sealed: row.text(5),
            usesMax: row.optionalInt(6),
            uses: row.int(7),
            profileUID: row.optionalText(8),
            expiresAt: row.optionalTimestamp(9),
            isActive: row.bool(10),
            version: row.int(11),
            createdAt: row.timestamp(12),
            modifiedAt: row.timestamp(13)
        )
    }

    static func list(
        tenantUID: String,
        limit: Int,
        _ tx: borrowing Transaction
    ) throws -> [RegistrationToken] {
        try tx.all(
            select + " WHERE tenant_uid = $1 ORDER BY name LIMIT $2",
            .text(tenantUID),
            .int(limit),
            map: token
        )
    }

    /// How many tokens people of a tenant have made.
    static func count(tenantUID: String, _ tx: borrowing Transaction) throws -> Int {
        let count = try tx.first(
            """
            SELECT COUNT(*) FROM registration_token
            WHERE tenant_uid = $1 AND profile_uid IS NULL
            """,
            .text(tenantUID)
        ) { $0.int(0) }
        return Int(count ?? 0)
    }

    /// - Throws: `.resourceNotFound`, the same for another tenant's token.
    static func fetch(
        _ uid: String,
        tenantUID: String,
        _ tx: borrowing Transaction
    ) throws -> RegistrationToken {
        let found = try tx.first(
            select + " WHERE uid = $1 AND tenant_uid = $2",
            .text(uid),
            .text(tenantUID),
            map: token
        )
        guard let found else { throw Failure.notFound("Registration token", uid) }
        return found
    }

    /// The token that a profile's archive carries.
    static func find(
        profileUID: String,
        tenantUID: String,
        _ tx: borrowing Transaction
    ) throws -> RegistrationToken? {
        try tx.first(
            select + " WHERE profile_uid = $1 AND tenant_uid = $2 ORDER BY uid",
            .text(profileUID),
            .text(tenantUID),
            map: token
        )
    }

    /// - Throws: `.duplicateName`.
    static func insert(
        _ token: RegistrationToken,
        digest: SecretDigest,
        _ tx: borrowing Transaction
    ) throws {
        try named(token.name) {
            try tx.run(
                """
                INSERT INTO registration_token (uid, tenant_uid, name, annotations,
                    default_project_uid, digest, sealed, uses_max, uses, profile_uid, expires_at,
                    is_active, version, created_at, modified_at)
                VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0, $9, $10, $11, $12, $13, $13)
                """,
                .text(token.uid),
                .text(token.tenantUID),
                .text(token.name),
                .text(storedText(of: token.annotations)),
                .optionalText(token.defaultProjectUID),
                .text(digest.hex),
                .text(token.sealed),
                .optionalInt(token.usesMax),
                .optionalText(token.profileUID),
                .optionalTimestamp(token.expiresAt),
                .bool(token.isActive),
                .int(token.version),
                .timestamp(token.createdAt)
            )
        }
    }

    /// Writes what people may change of a token.
    ///
    /// - Throws: `.duplicateName`.
    static func update(_ token: RegistrationToken, _ tx: borrowing Transaction) throws {
        try named(token.name) {
            try tx.run(
                """
                UPDATE registration_token SET name = $2, annotations = $3,
                    default_project_uid = $4, uses_max = $5, expires_at = $6, is_active = $7,
                    version = $8, modified_at = $9
                WHERE uid = $1
                """,
                .text(token.uid),
                .text(token.name),
                .text(storedText(of: token.annotations)),
                .optionalText(token.defaultProjectUID),
                .optionalInt(token.usesMax),
                .optionalTimestamp(token.expiresAt),
                .bool(token.isActive),
                .int(token.version),
                .timestamp(token.modifiedAt)
            )
        }
    }

    private static func named(_ name: String, _ write: () throws -> Int) throws {
        do {
            _ = try write()
        } catch let error as StorageError {
            guard
                case .constraint("registration_token.tenant_uid, registration_token.name") =
                    error.kind
            else { throw error }
            throw Failure(
                .duplicateName,
                "There is a registration token named '\(name)' already.",
                cause: error
            )
        }
    }

    static func delete(_ uid: String, _ tx: borrowing Transaction) throws {
        try tx.run("DELETE FROM registration_token WHERE uid = $1", .text(uid))
    }

    // MARK: - Admission

    /// The token of a presented value, if it may admit an appliance now.
    ///
    /// - Throws: `TokenRefusal`, whose `failure` is what the caller may be told.
    package static func check(
        digest: SecretDigest,
        at now: Timestamp,
        _ tx: borrowing Transaction
    ) throws -> AdmittingToken {
        let found = try tx.first(
            select + " WHERE digest = $1",
            .text(digest.hex),
            map: token
        )
        guard let found else { throw TokenRefusal.unknown }
        if let refusal = found.refusal(at: now) { throw refusal }
        return AdmittingToken(
            uid: found.uid,
            tenantUID: found.tenantUID,
            defaultProjectUID: found.defaultProjectUID,
            profileUID: found.profileUID
        )
    }

    /// As ``check(digest:at:_:)``, and counts one appliance as admitted.
    ///
    /// Call it in the transaction that admits the appliance, so that a limited token never admits
    /// one too many.
    ///
    /// - Throws: `TokenRefusal`, whose `failure` is what the caller may be told.
    package static func admit(
        digest: SecretDigest,
        at now: Timestamp,
        _ tx: borrowing Transaction
    ) throws -> AdmittingToken {
        let token = try check(digest: digest, at: now, tx)
        try tx.run(
            "UPDATE registration_token SET uses = uses + 1 WHERE uid = $1",
            .text(token.uid)
        )
        return token
    }
}

extension RegistrationTokenStore {
    /// Takes away the token of a profile that is deleted.
    package static func delete(
        profileUID: String,
        tenantUID: String,
        _ tx: borrowing Transaction
    ) throws {
        try tx.run(
            "DELETE FROM registration_token WHERE profile_uid = $1 AND tenant_uid = $2",
            .text(profileUID),
            .text(tenantUID)
        )
    }
}
