import APIKit
import Primitives
import Storage

/// Every SQL statement about the history of profiles and about what a write changes of it.
enum RevisionStore {
    /// What a list says of a revision.
    struct Summary: Sendable {
        let number: Int64
        let digest: String
        let cause: String
        let note: String
        let createdAt: Timestamp
        let createdBy: String
    }

    private static func summary(_ row: borrowing Row) -> Summary {
        Summary(
            number: row.int(0),
            digest: row.text(1),
            cause: row.text(2),
            note: row.text(3),
            createdAt: row.timestamp(4),
            createdBy: row.text(5)
        )
    }

    private static let columns: SQL = """
        SELECT number, digest, cause, note, created_at, created_by FROM profile_revision
        """

    /// A page of a profile's revisions, the newest first.
    static func list(
        of profileUID: String,
        _ page: PageRequest,
        _ tx: borrowing Transaction
    ) throws -> [Summary] {
        let before = page.after.flatMap { Int64($0) } ?? .max
        return try tx.all(
            columns + " WHERE profile_uid = $1 AND number < $2 ORDER BY number DESC"
                + " LIMIT $3 OFFSET $4",
            .text(profileUID),
            .int(before),
            .int(page.limit ?? -1),
            .int(page.after == nil ? page.offset : 0)
        ) { summary($0) }
    }

    static func count(of profileUID: String, _ tx: borrowing Transaction) throws -> Int {
        try tx.first(
            "SELECT count(*) FROM profile_revision WHERE profile_uid = $1",
            .text(profileUID)
        ) { Int($0.int(0)) } ?? 0
    }

    static func find(
        _ number: Int64,
        of profileUID: String,
        _ tx: borrowing Transaction
    ) throws -> Summary? {
        try tx.first(
            columns + " WHERE profile_uid = $1 AND number = $2",
            .text(profileUID),
            .int(number)
        ) { summary($0) }
    }

    /// Calls the body with every revision of a profile and its content, the oldest first.
    static func each(
        of profileUID: String,
        _ tx: borrowing Transaction,
        _ body: (Summary, _ content: [UInt8]) throws -> Void
    ) throws {
        try tx.each(
            """
            SELECT number, digest, cause, note, created_at, created_by, content
            FROM profile_revision WHERE profile_uid = $1 ORDER BY number
            """,
            .text(profileUID)
        ) { row in
            try body(summary(row), row.bytes(6))
            return true
        }
    }

    /// Deletes the oldest revisions of a profile, a bounded number at a time; the newest, which is
    /// the published one, and so many before it stay.
    static func purge(
        of profileUID: String,
        keeping kept: Int,
        countMax: Int,
        _ tx: borrowing Transaction
    ) throws {
        _ = try tx.run(
            """
            DELETE FROM profile_revision WHERE profile_uid = $1 AND number IN (
                SELECT number FROM profile_revision
                WHERE profile_uid = $1 AND number <= (
                    SELECT number FROM profile_revision WHERE profile_uid = $1
                    ORDER BY number DESC LIMIT 1 OFFSET $2 + 1)
                ORDER BY number LIMIT $3)
            """,
            .text(profileUID),
            .int(kept),
            .int(countMax)
        )
    }

    // MARK: What a write changes

    /// The number that every later change is numbered above.
    static func counter(_ tx: borrowing Transaction) throws -> Int64 {
        try tx.first("SELECT value FROM meta WHERE key = 'counter'") { $0.int(0) } ?? 0
    }

    /// A profile's name as plans show it.
    struct Name: Sendable {
        let uid: String
        let name: String
        let version: String
    }

    /// The names of all profiles of a tenant.
    static func names(_ tenantUID: String, _ tx: borrowing Transaction) throws -> [Name] {
        try tx.all(
            "SELECT uid, name, profile_version FROM profile WHERE tenant_uid = $1 ORDER BY uid",
            .text(tenantUID)
        ) { Name(uid: $0.text(0), name: $0.text(1), version: $0.text(2)) }
    }

    /// The profiles of a tenant that were written since the counter stood there.
    static func changed(
        since counter: Int64,
        tenantUID: String,
        limit: Int,
        _ tx: borrowing Transaction
    ) throws -> [String] {
        try tx.all(
            """
            SELECT uid FROM profile WHERE tenant_uid = $1 AND version > $2
            ORDER BY version LIMIT $3
            """,
            .text(tenantUID),
            .int(counter),
            .int(limit)
        ) { $0.text(0) }
    }

    /// The content that was the newest when the counter stood there.
    static func content(
        of profileUID: String,
        at counter: Int64,
        _ tx: borrowing Transaction
    ) throws -> [UInt8]? {
        try tx.first(
            """
            SELECT content FROM profile_revision WHERE profile_uid = $1 AND counter <= $2
            ORDER BY number DESC LIMIT 1
            """,
            .text(profileUID),
            .int(counter)
        ) { $0.bytes(0) }
    }

    /// The appliances that follow a profile: how many, and some of them.
    ///
    /// - Parameter projectUID: counts those of this project alone; empty for all.
    static func followers(
        of profileUID: String,
        projectUID: String,
        limit: Int,
        _ tx: borrowing Transaction
    ) throws -> Followers {
        // The index alone counts a fleet in milliseconds; the appliances' rows take twenty times
        // as long.
        let count =
            try projectUID.isEmpty
            ? tx.first(
                "SELECT count(*) FROM appliance_profile WHERE profile_uid = $1",
                .text(profileUID)
            ) { $0.int(0) }
            : tx.first(
                """
                SELECT count(*) FROM appliance_profile
                JOIN appliance ON appliance.key = appliance_profile.appliance_key
                WHERE appliance_profile.profile_uid = $1 AND appliance.project_uid = $2
                """,
                .text(profileUID),
                .text(projectUID)
            ) { $0.int(0) }
        let items = try tx.all(
            """
            SELECT appliance.uid, appliance.display_name FROM appliance_profile
            JOIN appliance ON appliance.key = appliance_profile.appliance_key
            WHERE appliance_profile.profile_uid = $1
                AND ($2 = '' OR appliance.project_uid = $2)
            ORDER BY appliance_profile.appliance_key LIMIT $3
            """,
            .text(profileUID),
            .text(projectUID),
            .int(limit)
        ) { (uid: $0.text(0), name: $0.text(1)) }
        return Followers(count: count ?? 0, items: items)
    }
}
