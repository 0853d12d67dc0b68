import Primitives

/// The epoch a database is in, settled when it is opened.
struct EpochStart {
    let epoch: Int64
    let counter: Int64

    /// Reads the epoch; a new database and a restored copy get theirs here, in one transaction.
    static func begin(
        _ connection: Connection,
        _ clock: Clock
    ) throws(StorageError) -> EpochStart {
        do throws(StorageError) {
            try connection.execute("BEGIN IMMEDIATE")
            let former = try value("epoch", connection)
            let isCopy =
                try connection.number("SELECT value FROM meta WHERE key = 'is_copy'") != nil
            if former == 0 || isCopy {
                // Strictly larger even when the machine's clock stands before the old epoch.
                let epoch = max(former + 1, clock.now().seconds)
                let counter = try value("counter", connection)
                try set("epoch", epoch, connection)
                try set("restored_from_counter", isCopy ? counter : 0, connection)
                try connection.execute("DELETE FROM meta WHERE key = 'is_copy'")
            }
            let start = EpochStart(
                epoch: try value("epoch", connection),
                counter: try value("restored_from_counter", connection)
            )
            try connection.execute("COMMIT")
            return start
        } catch {
            connection.rollBack()
            throw error
        }
    }

    private static func value(
        _ key: String,
        _ connection: Connection
    ) throws(StorageError) -> Int64 {
        guard
            let value = try connection.number(
                "SELECT value FROM meta WHERE key = $1",
                [.text(key)]
            )
        else { throw StorageError(.corrupt, "The database's \(key) is missing.") }
        return value
    }

    private static func set(
        _ key: String,
        _ value: Int64,
        _ connection: Connection
    ) throws(StorageError) {
        let statement = try connection.checkOut("UPDATE meta SET value = $2 WHERE key = $1")
        defer { connection.checkIn(statement) }
        try statement.bind([.text(key), .int(value)])
        _ = try statement.step()
    }
}
