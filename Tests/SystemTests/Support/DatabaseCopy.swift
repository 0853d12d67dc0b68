import Storage
import TestSupport

/// A server's database as it is now, in a copy that the tests may open.
struct DatabaseCopy {
    private let database: Database

    init(of data: String) throws {
        let path = try TemporaryDirectory.make() + "/easel.db"
        try Database.backup(of: data + "/easel.db", to: path)
        database = try Database.open(DatabaseOptions(path: path, synchronous: .off))
    }

    /// One row of the audit trail.
    struct AuditRow: Hashable {
        let action: String
        let kind: String
        let uid: String
        let message: String
        let actor: String
    }

    func audit() throws -> [AuditRow] {
        try database.read { tx in
            try tx.all(
                "SELECT action, resource_kind, resource_uid, message, actor_kind FROM audit ORDER BY uid"
            ) {
                AuditRow(
                    action: $0.text(0),
                    kind: $0.text(1),
                    uid: $0.text(2),
                    message: $0.text(3),
                    actor: $0.text(4)
                )
            }
        }
    }

    /// Runs a query and gives its rows' columns as texts.
    func rows(_ sql: SQL, columns: Int) throws -> [[String]] {
        try database.read { tx in
            try tx.all(sql) { row in (0..<columns).map { row.text($0) } }
        }
    }

    var epoch: Int64 { database.epoch }
}
