import Primitives
import Storage

/// Databases for tests.
package enum TestDatabase {
    /// A fresh database with the schema of the program, alone in a directory of its own.
    ///
    /// Its commits do not wait for the disk. The directory is removed when the test process ends.
    package static func make(
        clock: Clock = .system,
        migrations: [Migration] = Migration.embedded
    ) throws -> Database {
        try Database.open(options(clock: clock, migrations: migrations))
    }

    /// The options ``make(clock:migrations:)`` uses, with a directory nobody has used.
    package static func options(
        clock: Clock = .system,
        migrations: [Migration] = Migration.embedded
    ) throws -> DatabaseOptions {
        DatabaseOptions(
            path: try TemporaryDirectory.make() + "/easel.db",
            synchronous: .off,
            clock: clock,
            migrations: migrations
        )
    }
}
