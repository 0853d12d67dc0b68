import APIKit
import Primitives
import Storage

/// Every SQL statement about tenants, accounts and sessions.
enum AccountStore {
    /// - Throws: `.duplicateName` when there is a tenant of this name.
    static func insertTenant(uid: String, name: String, _ tx: borrowing Transaction) throws {
        do {
            try tx.run(
                "INSERT INTO tenant (uid, name, created_at) VALUES ($1, $2, $3)",
                .text(uid),
                .text(name),
                .timestamp(tx.now)
            )
        } catch {
            // Not a `catch … where`: that crashes the compiler (6.3.1) when the error is typed.
            guard error.kind == .constraint(name: "tenant.name") else { throw error }
            throw Failure(
                .duplicateName,
                "There is an organisation '\(name)' already.",
                cause: error
            )
        }
    }

    static func hasTenant(_ tx: borrowing Transaction) throws -> Bool {
        try tx.first("SELECT 1 FROM tenant LIMIT 1") { _ in true } ?? false
    }

    static func tenantName(_ uid: String, _ tx: borrowing Transaction) throws -> String? {
        try tx.first("SELECT name FROM tenant WHERE uid = $1", .text(uid)) { $0.text(0) }
    }

    /// - Throws: `.duplicateName` when the tenant has somebody with this e-mail address.
    static func insert(
        _ account: Account,
        passwordHash: String,
        _ tx: borrowing Transaction
    ) throws {
        do {
            try tx.run(
                """
                INSERT INTO account (uid, tenant_uid, email, first_name, last_name, password_hash,
                    role, is_active, created_at, modified_at)
                VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
                """,
                .text(account.uid),
                .text(account.tenantUID),
                .text(account.email),
                .text(account.firstName),
                .text(account.lastName),
                .text(passwordHash),
                .text(account.role),
                .bool(account.isActive),
                .timestamp(account.createdAt),
                .timestamp(account.modifiedAt)
            )
        } catch {
            guard error.kind == .constraint(name: "account.tenant_uid, account.email") else {
                throw error
            }
            throw Failure(
                .duplicateName,
                "There is a user with the e-mail address '\(account.email)' already.",
                cause: error
            )
        }
    }

    /// What a sign-in has to look at; made for accounts that may not sign in, too, so that they
    /// cost the same.
    struct Candidate: Sendable {
        let account: Account
        let passwordHash: String
    }

    /// The accounts of an e-mail address, oldest first; those of one organisation when it is named.
    static func candidates(
        email: String,
        organisation: String?,
        countMax: Int,
        _ tx: borrowing Transaction
    ) throws -> [Candidate] {
        try tx.all(
            columns + ", a.password_hash FROM account a JOIN tenant t ON t.uid = a.tenant_uid "
                + "WHERE a.email = $1 AND ($2 IS NULL OR t.name = $2) "
                + "ORDER BY a.created_at, a.uid LIMIT $3",
            .text(email),
            .optionalText(organisation),
            .int(countMax)
        ) { Candidate(account: read($0), passwordHash: $0.text(columnCount)) }
    }

    static func updatePasswordHash(
        _ uid: String,
        _ hash: String,
        _ tx: borrowing Transaction
    ) throws {
        try tx.run(
            "UPDATE account SET password_hash = $2 WHERE uid = $1",
            .text(uid),
            .text(hash)
        )
    }

    static func find(
        _ uid: String,
        tenant: String,
        _ tx: borrowing Transaction
    ) throws -> Account? {
        try tx.first(
            columns + " FROM account a WHERE a.uid = $1 AND a.tenant_uid = $2",
            .text(uid),
            .text(tenant)
        ) { read($0) }
    }

    static func count(tenant: String, _ tx: borrowing Transaction) throws -> Int {
        try tx.first("SELECT COUNT(*) FROM account WHERE tenant_uid = $1", .text(tenant)) {
            Int($0.int(0))
        } ?? 0
    }

    static func page(
        tenant: String,
        _ page: PageRequest,
        _ tx: borrowing Transaction
    ) throws -> [Account] {
        try tx.all(
            columns + " FROM account a WHERE a.tenant_uid = $1 AND a.uid > $2 "
                + "ORDER BY a.uid LIMIT $3 OFFSET $4",
            .text(tenant),
            .text(page.after ?? ""),
            .int(page.limit ?? Int(Int32.max)),
            .int(page.after == nil ? page.offset : 0)
        ) { read($0) }
    }

    // MARK: Sessions

    /// Opens a session and clears away those of the account that have ended.
    static func openSession(
        _ uid: String,
        account: String,
        endedBefore: Timestamp,
        _ tx: borrowing Transaction
    ) throws {
        try tx.run(
            "DELETE FROM session WHERE account_uid = $1 AND created_at < $2",
            .text(account),
            .timestamp(endedBefore)
        )
        try tx.run(
            "INSERT INTO session (uid, account_uid, created_at) VALUES ($1, $2, $3)",
            .text(uid),
            .text(account),
            .timestamp(tx.now)
        )
    }

    /// The account of a session that began after a moment.
    static func account(
        session: String,
        begunAfter: Timestamp,
        _ tx: borrowing Transaction
    ) throws -> Account? {
        try tx.first(
            columns + " FROM session s JOIN account a ON a.uid = s.account_uid "
                + "WHERE s.uid = $1 AND s.created_at > $2",
            .text(session),
            .timestamp(begunAfter)
        ) { read($0) }
    }

    // MARK: Rows

    static let columns: SQL = """
        SELECT a.uid, a.tenant_uid, a.email, a.first_name, a.last_name, a.role, a.is_active,
            a.created_at, a.modified_at
        """
    static let columnCount = 9

    static func read(_ row: borrowing Row) -> Account {
        Account(
            uid: row.text(0),
            tenantUID: row.text(1),
            email: row.text(2),
            firstName: row.text(3),
            lastName: row.text(4),
            role: row.text(5),
            isActive: row.bool(6),
            createdAt: row.timestamp(7),
            modifiedAt: row.timestamp(8)
        )
    }
}
