import Primitives
import Storage

/// What the archive of a profile needs of it: not the layers, which may be large.
struct ArchivedProfile: Sendable {
    let uid: String
    let tenantUID: String
    let name: String
    let type: ProfileType
}

extension ProfileStore {
    private static let archivedColumns: SQL = "SELECT uid, tenant_uid, name, type FROM profile"

    private static func archived(_ row: borrowing Row) -> ArchivedProfile {
        ArchivedProfile(
            uid: row.text(0),
            tenantUID: row.text(1),
            name: row.text(2),
            type: ProfileType(rawValue: row.text(3)) ?? .full
        )
    }

    /// A profile that the scope can read: its own, and in a project also the tenant's.
    static func findArchived(
        _ uid: String,
        tenantUID: String,
        projectUID: String,
        _ tx: borrowing Transaction
    ) throws -> ArchivedProfile? {
        try tx.first(
            archivedColumns + " WHERE uid = $1 AND tenant_uid = $2 AND project_uid IN ('', $3)",
            .text(uid),
            .text(tenantUID),
            .text(projectUID)
        ) { archived($0) }
    }

    /// A profile for the server's own work, whatever its scope.
    static func findArchived(
        _ uid: String,
        _ tx: borrowing Transaction
    ) throws -> ArchivedProfile? {
        try tx.first(archivedColumns + " WHERE uid = $1", .text(uid)) { archived($0) }
    }

    /// The published revision of a profile without its content; nil when there is none.
    ///
    /// It is the newest. To ask the profile for its number would read past the draft.
    static func newestRevision(
        of profileUID: String,
        _ tx: borrowing Transaction
    ) throws -> (number: Int64, digest: String)? {
        try tx.first(
            """
            SELECT number, digest FROM profile_revision WHERE profile_uid = $1
            ORDER BY number DESC LIMIT 1
            """,
            .text(profileUID)
        ) { ($0.int(0), $0.text(1)) }
    }

    /// The JSON of a revision, without the draft that it was made of.
    static func revisionContent(
        _ number: Int64,
        of profileUID: String,
        _ tx: borrowing Transaction
    ) throws -> [UInt8]? {
        try tx.first(
            "SELECT content FROM profile_revision WHERE profile_uid = $1 AND number = $2",
            .text(profileUID),
            .int(number)
        ) { $0.bytes(0) }
    }
}
