import Primitives

/// A transaction as its body sees it; lent for the time of the body only.
package struct Transaction: ~Copyable {
    let connection: Connection
    let effects: Effects?
    /// The time of this transaction; the same however often it is asked.
    package let now: Timestamp

    /// Runs a statement to its end and returns how many rows it inserted, updated or deleted.
    @discardableResult
    package func run(_ sql: SQL, _ parameters: Parameter...) throws(StorageError) -> Int {
        try run(sql, parameters)
    }

    /// Runs a statement to its end and returns how many rows it inserted, updated or deleted.
    @discardableResult
    package func run(_ sql: SQL, _ parameters: [Parameter]) throws(StorageError) -> Int {
        let statement = try checkOut(sql)
        defer { connection.checkIn(statement) }
        try statement.bind(parameters)
        while try statement.step() {}
        return statement.isReadOnly ? 0 : connection.changedRows
    }

    /// The first row of a result as a value; nil when there is none.
    package func first<T>(
        _ sql: SQL,
        _ parameters: Parameter...,
        map: (borrowing Row) throws -> T
    ) throws -> T? {
        try first(sql, parameters, map: map)
    }

    /// The first row of a result as a value; nil when there is none.
    ///
    /// The statement runs to its end, so that one that writes and returns rows is complete.
    package func first<T>(
        _ sql: SQL,
        _ parameters: [Parameter],
        map: (borrowing Row) throws -> T
    ) throws -> T? {
        let statement = try checkOut(sql)
        defer { connection.checkIn(statement) }
        try statement.bind(parameters)
        guard try statement.step() else { return nil }
        let value = try map(Row(statement: statement.pointer))
        if !statement.isReadOnly { while try statement.step() {} }
        return value
    }

    /// All rows of a result as values.
    package func all<T>(
        _ sql: SQL,
        _ parameters: Parameter...,
        map: (borrowing Row) throws -> T
    ) throws -> [T] {
        try all(sql, parameters, map: map)
    }

    /// All rows of a result as values.
    package func all<T>(
        _ sql: SQL,
        _ parameters: [Parameter],
        map: (borrowing Row) throws -> T
    ) throws -> [T] {
        var values: [T] = []
        try each(sql, parameters) { row in
            values.append(try map(row))
            return true
        }
        return values
    }

    /// Hands out row after row until the body answers false.
    package func each(
        _ sql: SQL,
        _ parameters: Parameter...,
        body: (borrowing Row) throws -> Bool
    ) throws {
        try each(sql, parameters, body: body)
    }

    /// Hands out row after row until the body answers false.
    package func each(
        _ sql: SQL,
        _ parameters: [Parameter],
        body: (borrowing Row) throws -> Bool
    ) throws {
        let statement = try checkOut(sql)
        defer { connection.checkIn(statement) }
        try statement.bind(parameters)
        let row = Row(statement: statement.pointer)
        while try statement.step() {
            guard try body(row) else { return }
        }
    }

    /// Registers what is to happen once this write is durable.
    ///
    /// Actions run on the writer's thread in the order of the commits, before the callers of the
    /// batch are answered; a read that an action or such a caller makes sees the write. They do
    /// not run when the body throws or the commit fails. They must be short and must not wait for
    /// a write. Only in a write transaction.
    package func afterCommit(_ action: @escaping @Sendable () -> Void) {
        precondition(effects != nil, "A read transaction commits nothing.")
        effects?.actions.append(action)
    }

    /// The next number of the database's one counter: greater than every number that was committed.
    ///
    /// Only in a write transaction; a number whose transaction fails is handed out again.
    package func nextCounter() throws -> Int64 {
        let next = try first(
            "UPDATE meta SET value = value + 1 WHERE key = 'counter' RETURNING value"
        ) { $0.int(0) }
        guard let next else { throw StorageError(.corrupt, "The counter is missing.") }
        return next
    }

    private func checkOut(_ sql: SQL) throws(StorageError) -> Statement {
        // After an error like a full disk SQLite may have rolled back everything. A body that
        // swallows that error must not go on writing outside of any transaction.
        if connection.isAutocommit {
            throw StorageError(
                .other(code: 0),
                "The transaction was rolled back by an earlier error.",
                statement: sql.text
            )
        }
        return try connection.checkOut(sql)
    }
}

/// The actions that wait for the commit of the batch that is running.
final class Effects {
    var actions: [@Sendable () -> Void] = []
}
