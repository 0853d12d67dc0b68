import Primitives

/// Brings a database to the schema of this program, forward only.
struct Migrator {
    let connection: Connection
    let migrations: [Migration]
    let clock: Clock

    private struct Applied {
        let number: Int64
        let name: String
        let checksum: String
    }

    /// Applies what is missing, each migration in its own transaction.
    ///
    /// - Throws: `.newerSchema`, `.changedMigration`, or the error of the migration that failed;
    ///   those before it stay applied, and of it nothing does.
    func run() throws(StorageError) {
        let applied = try findApplied()
        for (index, migration) in migrations.enumerated()
        where migration.number != Int64(index + 1) {
            throw StorageError(
                .other(code: 0),
                "Migrations are numbered from 1 without gaps: \(migration.name)."
            )
        }
        guard applied.count <= migrations.count else {
            throw StorageError(
                .newerSchema,
                """
                The database has schema \(applied.count) and this program knows \
                \(migrations.count); start a newer version.
                """
            )
        }
        for (known, row) in zip(migrations, applied)
        where known.number != row.number || known.checksum != row.checksum {
            throw StorageError(
                .changedMigration,
                "Migration \(row.number) (\(row.name)) is not the one this database was made with."
            )
        }
        let pending = migrations.dropFirst(applied.count)
        if pending.isEmpty { return }
        // Tables are rebuilt by drop and rename, which would cascade; the keys are checked as a
        // whole before each commit instead. The pragma does nothing inside a transaction.
        try connection.script("PRAGMA foreign_keys = OFF")
        for migration in pending { try apply(migration) }
        try connection.script("PRAGMA foreign_keys = ON")
    }

    private func findApplied() throws(StorageError) -> [Applied] {
        let exists = try connection.number(
            "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'schema_migration'"
        )
        guard exists != nil else { return [] }
        let statement = try connection.checkOut(
            "SELECT number, name, checksum FROM schema_migration ORDER BY number"
        )
        defer { connection.checkIn(statement) }
        var applied: [Applied] = []
        while try statement.step() {
            let row = Row(statement: statement.pointer)
            applied.append(Applied(number: row.int(0), name: row.text(1), checksum: row.text(2)))
        }
        return applied
    }

    private func apply(_ migration: Migration) throws(StorageError) {
        do throws(StorageError) {
            try connection.execute("BEGIN IMMEDIATE")
            try connection.script(
                """
                PRAGMA application_id = \(Database.applicationID);
                CREATE TABLE IF NOT EXISTS schema_migration (
                    number BIGINT NOT NULL,
                    name TEXT NOT NULL,
                    checksum TEXT NOT NULL,
                    applied_at BIGINT NOT NULL,
                    CONSTRAINT "schema_migration.number" PRIMARY KEY (number)
                ) WITHOUT ROWID
                """
            )
            try connection.script(migration.sqliteText)
            let broken = try connection.texts("PRAGMA foreign_key_check")
            if let table = broken.first {
                throw StorageError(
                    .foreignKey,
                    "Migration \(migration.number) breaks a key of \(table)."
                )
            }
            guard !connection.isAutocommit else {
                throw StorageError(
                    .other(code: 0),
                    "Migration \(migration.number) ends the transaction itself."
                )
            }
            let record = try connection.checkOut(
                """
                INSERT INTO schema_migration (number, name, checksum, applied_at)
                VALUES ($1, $2, $3, $4)
                """
            )
            defer { connection.checkIn(record) }
            try record.bind([
                .int(migration.number), .text(migration.name), .text(migration.checksum),
                .timestamp(clock.now()),
            ])
            _ = try record.step()
            record.reset()
            try connection.execute("COMMIT")
        } catch {
            connection.rollBack()
            throw error
        }
    }
}
