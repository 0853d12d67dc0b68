import CSQLite
import Storage

/// What a database holds, row by row, to see that a call changed nothing.
struct Snapshot: Equatable {
    /// Every row as text, by table.
    private var rows: [String: Set<String>] = [:]

    struct Unreadable: Error {
        let sql: String
    }

    /// Opens the file beside the server, which only a reader may.
    init(of path: String) throws {
        var handle: OpaquePointer?
        defer { sqlite3_close(handle) }
        guard sqlite3_open_v2(path, &handle, SQLITE_OPEN_READONLY, nil) == SQLITE_OK else {
            throw Unreadable(sql: path)
        }
        let tables = try Self.query(
            "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name", handle)
        for table in tables { rows[table] = Set(try Self.query("SELECT * FROM \(table)", handle)) }
    }

    /// How many rows a table has.
    func count(_ table: String) -> Int { rows[table]?.count ?? 0 }

    /// Tables whose rows differ, with the rows; empty when nothing does.
    func changes(since former: Snapshot) -> [String] {
        rows.keys.union(former.rows.keys).sorted().flatMap { table in
            (rows[table] ?? []).symmetricDifference(former.rows[table] ?? []).sorted()
                .map { "\(table): \($0)" }
        }
    }

    /// Every cell of every row, for a search of what must not be kept.
    var text: String {
        rows.values.flatMap { $0 }.joined(separator: "\n")
    }

    /// The rows of one table.
    func rows(of table: String) -> Set<String> { rows[table] ?? [] }

    private static func query(_ sql: String, _ handle: OpaquePointer?) throws -> [String] {
        var statement: OpaquePointer?
        defer { sqlite3_finalize(statement) }
        guard sqlite3_prepare_v2(handle, sql, -1, &statement, nil) == SQLITE_OK else {
            throw Unreadable(sql: sql)
        }
        var rows: [String] = []
        while sqlite3_step(statement) == SQLITE_ROW {
            let cells = (0..<sqlite3_column_count(statement)).map { column in
                sqlite3_column_text(statement, column).map { text in
                    let bytes = UnsafeBufferPointer(
                        start: text, count: Int(sqlite3_column_bytes(statement, column)))
                    return String(decoding: bytes, as: UTF8.self)
                } ?? "NULL"
            }
            rows.append(cells.joined(separator: "\u{1f}"))
        }
        return rows
    }
}

extension Dictionary.Keys where Key == String {
    fileprivate func union(_ other: Self) -> Set<String> { Set(self).union(other) }
}

extension World {
    func snapshot() throws -> Snapshot { try Snapshot(of: path) }
}
