import Primitives
import Storage

/// Every SQL statement about API keys.
enum APIKeyStore {
    /// A key with what answers say of its owner.
    struct Owned: Sendable {
        let key: APIKey
        let owner: Account
    }

    static func insert(_ key: APIKey, digest: String, _ tx: borrowing Transaction) throws {
        try tx.run(
            """
            INSERT INTO api_key (uid, tenant_uid, account_uid, name, annotations, digest,
                expires_at, is_active, version, created_at, modified_at)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
            """,
            .text(key.uid),
            .text(key.tenantUID),
            .text(key.accountUID),
            .text(key.name),
            .text(TextMap.column(key.annotations)),
            .text(digest),
            .optionalTimestamp(key.expiresAt),
            .bool(key.isActive),
            .int(key.version),
            .timestamp(key.createdAt),
            .timestamp(key.modifiedAt)
        )
    }

    static func update(_ key: APIKey, _ tx: borrowing Transaction) throws {
        try tx.run(
            """
            UPDATE api_key SET name = $2, annotations = $3, expires_at = $4, is_active = $5,
                version = $6, modified_at = $7
            WHERE uid = $1
            """,
            .text(key.uid),
            .text(key.name),
            .text(TextMap.column(key.annotations)),
            .optionalTimestamp(key.expiresAt),
            .bool(key.isActive),
            .int(key.version),
            .timestamp(key.modifiedAt)
        )
    }

    static func delete(_ uid: String, _ tx: borrowing Transaction) throws {
        try tx.run("DELETE FROM api_key WHERE uid = $1", .text(uid))
    }

    /// The key behind a digest: one look-up by index for known and unknown secrets alike.
    static func find(digest: String, _ tx: borrowing Transaction) throws -> Owned? {
        try tx.first(selection + " WHERE k.digest = $1", .text(digest), map: read)
    }

    /// - Parameter account: only a key of this person; `nil` for any of the tenant.
    static func find(
        _ uid: String,
        tenant: String,
        account: String?,
        _ tx: borrowing Transaction
    ) throws -> Owned? {
        try tx.first(
            selection
                + " WHERE k.uid = $1 AND k.tenant_uid = $2 AND ($3 IS NULL OR k.account_uid = $3)",
            .text(uid),
            .text(tenant),
            .optionalText(account),
            map: read
        )
    }

    /// - Parameter account: only the keys of this person; `nil` for all of the tenant.
    static func list(
        tenant: String,
        account: String?,
        _ tx: borrowing Transaction
    ) throws -> [Owned] {
        try tx.all(
            selection
                + " WHERE a.tenant_uid = $1 AND ($2 IS NULL OR k.account_uid = $2) ORDER BY k.uid",
            .text(tenant),
            .optionalText(account),
            map: read
        )
    }

    static func count(account: String, _ tx: borrowing Transaction) throws -> Int {
        try tx.first("SELECT COUNT(*) FROM api_key WHERE account_uid = $1", .text(account)) {
            Int($0.int(0))
        } ?? 0
    }

    private static let selection: SQL =
        AccountStore.columns + """
            , k.uid, k.tenant_uid, k.account_uid, k.name, k.annotations, k.expires_at, k.is_active,
                k.version, k.created_at, k.modified_at
            FROM api_key k JOIN account a ON a.uid = k.account_uid
            """

    private static func read(_ row: borrowing Row) -> Owned {
        let first = AccountStore.columnCount
        return Owned(
            key: APIKey(
                uid: row.text(first),
                tenantUID: row.text(first + 1),
                accountUID: row.text(first + 2),
                name: row.text(first + 3),
                annotations: TextMap.read(row.text(first + 4)),
                expiresAt: row.optionalTimestamp(first + 5),
                isActive: row.bool(first + 6),
                version: row.int(first + 7),
                createdAt: row.timestamp(first + 8),
                modifiedAt: row.timestamp(first + 9)
            ),
            owner: AccountStore.read(row)
        )
    }
}
